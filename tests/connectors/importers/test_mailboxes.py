"""Messages in files: one, an mbox, a Maildir."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.importers import mailboxes
from connectors.importers.rows import Ignored, ImportOptions, Refusal, Row
from connectors.importing import import_files
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.channels.mails import THREAD, message
from tests.connectors.samples import EventList, write

OPTIONS = ImportOptions(tenant="acme", own=frozenset({"acme.example"}))


def mbox(*messages: bytes) -> bytes:
    quoted = [each.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ") for each in messages]
    return b"".join(b"From someone Mon Mar  2 08:00:00 2026\n" + each + b"\n\n" for each in quoted)


def first_response(events: EventList) -> int | None:
    replay = Replay()
    for each in events:
        replay.add(each)
    return next(fact.value_ms for fact in replay.facts(PolicyBook(())) if fact.metric == "first_response")


def test_a_message_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "m.eml", message())
    (row,) = mailboxes.read(path, OPTIONS)
    assert isinstance(row, Row)
    (event,) = row.events
    assert (row.line, event.event_id, event.historical, event.ingested_at) == (1, "m1@example.org", True, None)
    assert (event.tenant, event.source, event.actor_kind) == ("acme", "email", "customer")


@pytest.mark.parametrize("packed", [False, True])
def test_an_mbox(tmp_path: Path, packed: bool) -> None:
    events = EventList()
    report = import_files([write(tmp_path / "m", mbox(*THREAD), packed=packed)], "email", events, OPTIONS)
    assert (report.rows, report.imported) == (4, 4)
    assert first_response(events) == 30 * 60_000
    assert [each.actor_kind for each in events] == ["customer", "human", "customer", "customer"]


def test_a_line_that_begins_like_an_envelope_is_none(tmp_path: Path) -> None:
    body = "One.\r\n\r\nFrom here on it fails.\r\nFrom there too."
    (alone,) = mailboxes.read(write(tmp_path / "m.eml", message(body=body)), OPTIONS)
    in_mbox, second = mailboxes.read(write(tmp_path / "m.mbox", mbox(message(body=body), THREAD[1])), OPTIONS)
    assert isinstance(alone, Row)
    assert isinstance(in_mbox, Row)
    assert alone.events[0].attributes["text_length"] == str(len(body))
    assert in_mbox.events[0].attributes["text_length"] == str(len(body.replace("\r\n", "\n")))
    assert second.line == 15


def test_a_maildir(tmp_path: Path) -> None:
    for folder in ("cur", "new", "tmp"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "cur" / "1:2,S", THREAD[0])
    write(tmp_path / "new" / "2", THREAD[1])
    write(tmp_path / "tmp" / "3", THREAD[3])
    events = EventList()
    assert import_files([tmp_path], "email", events, OPTIONS).imported == 2
    assert first_response(events) == 30 * 60_000


def test_what_cannot_be_used_does_not_stop_the_rest(tmp_path: Path) -> None:
    bad = message(date="", received="", message_id="<x@y>")
    spam = message("X-Spam-Flag: YES", message_id="<s@y>")
    found = list(mailboxes.read(write(tmp_path / "m", mbox(bad, spam, THREAD[0])), OPTIONS))
    assert [type(each) for each in found] == [Refusal, Ignored, Row]
    assert isinstance(found[0], Refusal)
    assert found[0].reason.startswith("neither Date nor Received")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (refusal,) = mailboxes.read(tmp_path / "gone", OPTIONS)
    assert isinstance(refusal, Refusal)
    assert refusal.line == 0


def test_a_huge_message_is_refused_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MESSAGE_BYTES", 1000)
    found = list(mailboxes.read(write(tmp_path / "m", mbox(message(body="x" * 2000), THREAD[0])), OPTIONS))
    assert [type(each) for each in found] == [Refusal, Row]
