"""A changed policies file in a running process: versions ahead may change, those that may have judged may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.times import parse as instant
from streams.sla import policy_file
from streams.sla.policies import PolicyBook, Subject, deadline
from streams.sla.policy_file import PolicyFileError
from streams.sla.reload import AHEAD_MS, reload, replace

NOW = instant("2026-06-01T12:00:00Z")
FIRST = """\
calendars: {office: {timezone: Europe/Berlin, hours: {mon: ["09:00-17:00"]}}}
policies:
  - {name: chat, match: {channel: [live_chat], tenant: [acme]}, calendar: office, targets: {first_response: 5m}}
  - {name: rest, targets: {resolution: 8h}}
"""
APRIL = 'effective_from: "2026-04-01T00:00:00Z"\npolicies:\n  - {name: april, targets: {resolution: 4h}}\n'
JULY = 'effective_from: "2026-07-01T00:00:00Z"\npolicies:\n  - {name: july, targets: {resolution: 2h}}\n'
SOON = 'effective_from: "2026-06-01T12:05:00Z"\npolicies:\n  - {name: soon, targets: {resolution: 2h}}\n'
CHAT = Subject("acme", "live_chat", None, None)


def parse(*documents: str) -> PolicyBook:
    return policy_file.parse("---\n".join(documents))


def names(book: PolicyBook) -> list[str]:
    return [book[number].name for number in range(len(book))]


def test_an_unchanged_file_leaves_the_very_book_in_force() -> None:
    book = parse(FIRST, APRIL)
    # Asked for years, and written otherwise: it still says the same.
    assert deadline(book[0], NOW, 1) is not None
    found = replace(book, parse("# a remark\n" + FIRST.replace("channel: [live_chat], tenant: [acme]",
                                                              "tenant: [acme], channel: [live_chat]"), APRIL),
                    "f", now_ms=NOW)  # fmt: skip
    assert (found.book, found.changed, found.rewrites) == (book, False, False)


@pytest.mark.parametrize(
    "hours",
    [
        '{tue: ["14:00-18:00", "09:00-13:00"], mon: ["09:00-17:00"]}',
        '{mon: ["09:00-17:00", "09:00-17:00"], tue: ["09:00-13:00", "14:00-18:00"], wed: []}',
    ],
)
def test_hours_in_another_order_change_nothing(hours: str) -> None:
    book = parse(FIRST.replace("]}}}", '], tue: ["09:00-13:00", "14:00-18:00"]}}}'))
    wanted = FIRST.replace('{mon: ["09:00-17:00"]}', hours)
    assert not replace(book, parse(wanted), "f", now_ms=NOW).changed


def test_a_version_that_lies_ahead_may_come_change_and_go_and_keeps_the_numbers() -> None:
    book, longer = parse(FIRST, APRIL), parse(FIRST, APRIL, JULY)
    added = replace(book, longer, "f", now_ms=NOW)
    assert (names(added.book), added.changed, added.rewrites) == (["chat", "rest", "april", "july"], True, False)
    changed = replace(longer, parse(FIRST, JULY.replace("2h", "1h"), APRIL), "f", now_ms=NOW)
    assert not changed.rewrites
    assert names(changed.book)[:3] == names(book)
    assert changed.book[3].targets_ms == {"resolution": 3_600_000}
    assert names(replace(longer, book, "f", now_ms=NOW).book) == names(book)


def test_a_calendar_that_nobody_uses_may_change() -> None:
    more = FIRST.replace("calendars: {", "calendars: {spare: {timezone: UTC, hours: {}}, ")
    assert not replace(parse(FIRST), parse(more), "f", now_ms=NOW).changed


@pytest.mark.parametrize(
    ("documents", "line", "says"),
    [
        pytest.param([FIRST.replace("5m", "6m"), APRIL], 3, "policy 'chat'", id="a target"),
        pytest.param([FIRST.replace("09:00", "08:00"), APRIL], 3, "policy 'chat'", id="hours of its calendar"),
        pytest.param([FIRST, APRIL.replace("4h", "5h")], 8, "policy 'april'", id="the second"),
        pytest.param([FIRST.replace("  - {name: rest, targets: {resolution: 8h}}\n", ""), APRIL], 1, "policy 'rest'",
                     id="one policy fewer"),
        pytest.param([FIRST], 1, "2026-04-01T00:00:00.000Z is gone", id="a version gone"),
        pytest.param([APRIL], 1, "since ever is gone", id="the first version gone"),
        pytest.param([], 1, "since ever is gone", id="an empty file"),
        pytest.param([FIRST, APRIL, JULY.replace("07-01", "05-01")], 10, "more than five minutes ahead",
                     id="a new one in the past"),
        pytest.param([FIRST, APRIL, JULY.replace("07-01", "03-01")], 10, "more than five minutes ahead",
                     id="a new one between"),
        pytest.param([FIRST, APRIL, SOON], 10, "more than five minutes ahead",
                     id="a new one for events that are ahead"),
    ],
)  # fmt: skip
def test_what_may_have_judged_is_refused_with_line_and_reason_unless_asked_for(
    documents: list[str], line: int, says: str
) -> None:
    book, wanted = parse(FIRST, APRIL), parse(*documents)
    with pytest.raises(PolicyFileError) as refusal:
        replace(book, wanted, "sla.yaml", now_ms=NOW)
    assert str(refusal.value).startswith(f"sla.yaml:{line}: ")
    assert says in str(refusal.value)
    found = replace(book, wanted, "sla.yaml", now_ms=NOW, rewrite=True)
    assert (found.book, found.changed, found.rewrites) == (wanted, True, True)


def test_events_may_be_ahead_by_as_much_as_the_gateway_lets_through() -> None:
    book, wanted = parse(FIRST), parse(FIRST, SOON)
    soon = instant("2026-06-01T12:05:00Z")
    with pytest.raises(PolicyFileError):
        replace(book, wanted, "f", now_ms=soon - AHEAD_MS)
    assert not replace(book, wanted, "f", now_ms=soon - AHEAD_MS - 1).rewrites


def test_a_version_that_came_into_force_meanwhile_is_protected_too() -> None:
    book = parse(FIRST, JULY)
    with pytest.raises(PolicyFileError, match="policy 'july'"):
        replace(book, parse(FIRST, JULY.replace("2h", "1h")), "f", now_ms=instant("2026-07-02T00:00:00Z"))


def test_numbers_that_conversations_opened_before_a_rewrite_keep_are_the_same_ones() -> None:
    april = instant("2026-04-01T00:00:00Z")
    found = replace(parse(FIRST, APRIL), parse(FIRST, APRIL.replace("4h", "5h"), JULY), "f", now_ms=NOW, rewrite=True)
    before = found.book.match(april - 1, CHAT)
    assert (before, found.book[before].name) == (0, "chat")


def test_a_file_that_is_broken_or_gone_is_refused(tmp_path: Path) -> None:
    path, book = tmp_path / "policies.yaml", parse(FIRST)
    with pytest.raises(PolicyFileError, match="cannot be read"):
        reload(book, path, now_ms=NOW)
    path.write_text(FIRST + "  - {name: more, targets: {resolution: soon}}\n", encoding="utf-8")
    with pytest.raises(PolicyFileError, match=r"policies\.yaml:5: .*'soon' is no duration"):
        reload(book, path, now_ms=NOW)
    path.write_text(FIRST + "---\n" + JULY, encoding="utf-8")
    assert names(reload(book, path, now_ms=NOW).book) == ["chat", "rest", "july"]
