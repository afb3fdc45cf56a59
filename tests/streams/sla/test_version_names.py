"""What versions of the policies are called: the same wherever they are named, and one name for one judge."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.sla import packed, policy_file
from streams.sla.policies import PolicyBook
from streams.sla.policy import Policy, PolicyVersion
from tests.streams.sla.test_packed import FULL

PLAIN = "policies:\n  - {name: chat, targets: {first_response: 5m}}\n"
LATER = 'effective_from: "2027-01-01T00:00:00Z"\n'


def names(text: str) -> list[str]:
    return [version.name for version in policy_file.parse(text).versions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, ["initial#fa16b6e"]),
        (LATER + PLAIN, ["2027-01-01T00:00:00.000Z#fa16b6e"]),
        (FULL, ["initial#1e1e951", "2027-01-01T00:00:00.000Z#b39f9ab"]),
    ],
    ids=["since ever", "later", "everything"],
)
def test_names_are_the_same_in_every_release(text: str, expected: list[str]) -> None:
    """Facts that lie in ClickHouse have them: if this fails, every fact gets a revision at an upgrade."""
    assert names(text) == expected


def test_names_are_the_same_in_every_process() -> None:
    code = (
        "from streams.sla import policy_file; from tests.streams.sla.test_packed import FULL;"
        "print(*(version.name for version in policy_file.parse(FULL).versions))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        )
        assert done.stdout.split() == names(FULL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: chat\n", "name: talk\n"),
        ("Europe/Berlin", "Europe/Paris"),
        ("09:00-13:00", "09:00-13:30"),
        ("2026-12-24", "2026-12-25"),
        ("country: DE, subdivision: BY", "country: US"),
        ("subdivision: BY", "subdivision: BE"),
        ("years: [2025, 2030]", "years: [2025, 2031]"),
        ("2026-10-03", "2026-10-04"),
        ("[acme, beta]", "[acme]"),
        ("team: [vip]", "team: [VIP]"),
        ("calendar: office", "calendar: null"),
        ("first_response: 5m", "first_response: 6m"),
        ("first_response: 5m", "next_response: 5m"),
        ("[pending]", "[on_hold]"),
        ("[0.5, 0.9]", "[0.5]"),
        ("30s", "31s"),
    ],
)
def test_whatever_judges_otherwise_has_another_name(old: str, new: str) -> None:
    assert old in FULL
    first, second = names(FULL.replace(old, new, 1))
    assert first != names(FULL)[0]
    assert first.startswith("initial#")
    assert second == names(FULL)[1], "what another version says has nothing to do with it"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("policies:", "# a remark\npolicies:"),
        ("[acme, beta]", "[beta, acme]"),
        ("5m", "300s"),
        ("[0.5, 0.9]", "[0.9, 0.5, 0.5]"),
        ('["09:00-13:00", "20:00-06:00"]', '["20:00-06:00", "09:00-13:00"]'),
        ('sun: ["00:00-24:00"]', 'sun: ["00:00-24:00"], tue: []'),
        ("office", "bureau"),
        ("calendars:\n", "calendars:\n  spare: {timezone: UTC, hours: {}}\n"),
        ("targets: {first_response: 3m}}", "targets: {first_response: 3m}, pause_on: [on_hold, pending]}"),
        ("targets: {first_response: 3m}}", "targets: {first_response: 3m}, alert_grace: 0s, warn_at: [0.75, 0.9]}"),
    ],
)
def test_the_same_said_otherwise_has_the_same_name(old: str, new: str) -> None:
    changed = FULL.replace(old, new)
    assert changed != FULL
    assert policy_file.parse(changed).versions == policy_file.parse(FULL).versions
    assert names(changed) == names(FULL)


def test_a_version_keeps_its_name_when_others_come_and_go() -> None:
    third = 'effective_from: "2026-05-01T00:00:00Z"\npolicies:\n  - {name: other, targets: {resolution: 1h}}\n'
    alone, both = names(FULL), names(FULL + "---\n" + third)
    assert [name for name in both if not name.startswith("2026-05-01")] == alone
    assert len(both) == 3


def test_a_version_from_the_changelog_has_the_name_that_its_file_gave_it() -> None:
    book = policy_file.parse(FULL)
    assert packed.unpack(packed.pack(book)).version_names == book.version_names


def test_every_policy_of_a_version_is_found_with_its_name() -> None:
    versions = [PolicyVersion(None, (Policy("a"), Policy("b"))), PolicyVersion(0, (Policy("a"),))]
    first, second = (version.name for version in versions)
    assert PolicyBook(versions).version_names == [first, first, second]


def test_a_name_with_an_instant_is_as_long_as_the_sink_takes_together() -> None:
    (name,) = names(LATER + PLAIN)
    assert len(name.encode()) == 32
