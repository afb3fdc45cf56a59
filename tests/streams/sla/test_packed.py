"""Policies come back from bytes as they were: what a worker compares a file with after a restart."""

from __future__ import annotations

import pytest

from streams.sla import packed, policy_file
from tests.streams.strategies import BOOK

FULL = """
calendars:
  office:
    timezone: Europe/Berlin
    hours: {mon: ["09:00-13:00", "20:00-06:00"], sun: ["00:00-24:00"]}
    holidays: ["2026-12-24"]
    holidays_of: {country: DE, subdivision: BY, years: [2025, 2030], except: ["2026-10-03"]}
policies:
  - name: chat
    match: {tenant: [acme, beta], channel: [live_chat], team: [vip], priority: [urgent]}
    calendar: office
    targets: {first_response: 5m, resolution: 8h}
    pause_on: [pending]
    warn_at: [0.5, 0.9]
    alert_grace: 30s
---
effective_from: "2027-01-01T00:00:00Z"
policies:
  - {name: chat, targets: {first_response: 3m}}
"""


def test_everything_that_judges_comes_back() -> None:
    for book in (policy_file.parse(FULL), BOOK):
        assert packed.unpack(packed.pack(book)).versions == book.versions
        assert packed.pack(packed.unpack(packed.pack(book))) == packed.pack(book)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Europe/Berlin", "Europe/Paris"),
        ("09:00-13:00", "09:00-13:30"),
        ("2026-12-24", "2026-12-25"),
        ("subdivision: BY", "subdivision: BE"),
        ("2026-10-03", "2026-10-04"),
        ("[acme, beta]", "[acme]"),
        ("first_response: 5m", "first_response: 6m"),
        ("[pending]", "[on_hold]"),
        ("[0.5, 0.9]", "[0.5]"),
        ("30s", "31s"),
        ("2027-01-01", "2027-01-02"),
    ],
)
def test_whatever_judges_makes_other_bytes(old: str, new: str) -> None:
    changed = policy_file.parse(FULL.replace(old, new))
    assert packed.pack(changed) != packed.pack(policy_file.parse(FULL))


def test_bytes_of_a_later_release_are_refused() -> None:
    with pytest.raises(packed.BookDamaged, match="later release"):
        packed.unpack(b"\x93\x01")
