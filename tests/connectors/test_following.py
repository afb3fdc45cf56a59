"""A log that grows, is rotated, and is written while it is read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors import following, polled
from connectors.channels.asterisk import Asterisk
from connectors.channels.base import ChannelOptions, Source
from connectors.following import FollowError, LogFollower
from connectors.marks import StateFile
from connectors.producer import MAX_LETTER_BYTES
from schemas.errors import Refused
from schemas.wire import encode_dead_letter
from tests.connectors.channels.case import RECEIVED_MS
from tests.connectors.channels.vendors.asterisk import lines
from tests.connectors.test_imap import Kept

ENTERED = lines("0|77.1|support|NONE|ENTERQUEUE||5550100|1")
ANSWERED = lines("30|77.1|support|PJSIP/12|CONNECT|30|77.2|5")
OVER = lines("150|77.1|support|PJSIP/12|COMPLETECALLER|30|120|1")


@pytest.fixture
def outlet() -> Kept:
    return Kept()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "queue_log"
    path.write_bytes(ENTERED)
    return path


def follower(log: Path, outlet: Kept) -> LogFollower:
    source = Source("pbx", "acme", ChannelOptions())
    return LogFollower(log, Asterisk(), source, outlet, StateFile(log.parent / "state.json"), lambda: RECEIVED_MS)


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as stream:
        stream.write(data)


def types(outlet: Kept) -> list[str]:
    return [each.type for each in outlet.events]


def test_only_what_is_new_is_read(log: Path, outlet: Kept) -> None:
    assert follower(log, outlet).poll().read == 1
    assert follower(log, outlet).poll().read == 0
    append(log, ANSWERED)
    assert follower(log, outlet).poll().read == 1
    assert types(outlet) == ["conversation_started", "assigned", "call_answered"]
    assert [each.historical for each in outlet.events] == [True, False, False]
    assert outlet.events[1].sequence == len(ENTERED) * 4


def test_its_ids_are_its_sources_own(log: Path, outlet: Kept) -> None:
    append(log, ANSWERED)
    follower(log, outlet).poll()
    assert {each.conversation_id for each in outlet.events} == {"pbx:77.1"}
    assert {each.assignee_id for each in outlet.events if each.type == "assigned"} == {"pbx:PJSIP/12"}


def test_a_line_that_is_still_being_written_waits(log: Path, outlet: Kept) -> None:
    append(log, ANSWERED[:20])
    follower(log, outlet).poll()
    assert types(outlet) == ["conversation_started"]
    append(log, ANSWERED[20:])
    follower(log, outlet).poll()
    assert types(outlet) == ["conversation_started", "assigned", "call_answered"]


def test_a_rotated_log_is_read_to_its_end(log: Path, outlet: Kept) -> None:
    follower(log, outlet).poll()
    append(log, ANSWERED)
    log.rename(log.with_name("queue_log.1"))
    log.write_bytes(OVER)
    follower(log, outlet).poll()
    assert types(outlet) == ["conversation_started", "assigned", "call_answered", "call_ended", "status_changed"]
    assert follower(log, outlet).poll().read == 0


def test_a_log_that_was_emptied_begins_anew(log: Path, outlet: Kept) -> None:
    append(log, ANSWERED)
    follower(log, outlet).poll()
    with log.open("r+b") as stream:
        stream.truncate()
        stream.write(OVER[:0] + ENTERED)
    assert follower(log, outlet).poll().read == 1
    # The same line again is the same event.
    assert outlet.events[-1].event_id == outlet.events[0].event_id


def test_nothing_is_remembered_that_the_broker_does_not_have(log: Path, outlet: Kept) -> None:
    outlet.fail = True
    with pytest.raises(RuntimeError):
        follower(log, outlet).poll()
    outlet.fail = False
    assert follower(log, outlet).poll().events == 1


def test_history_that_took_two_polls_is_history_all_of_it(
    log: Path, outlet: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_CHUNK_BYTES", len(ENTERED) + 1)
    append(log, ANSWERED)

    class Interrupted(Kept):
        def flush(self) -> None:
            self.fail = bool(self.flushed)
            super().flush()

    first = Interrupted()
    with pytest.raises(RuntimeError):
        follower(log, first).poll()
    assert first.flushed == 1
    append(log, OVER)
    follower(log, outlet).poll()
    assert {each.type: each.historical for each in outlet.events} == {
        "assigned": True,
        "call_answered": True,
        "call_ended": False,
        "status_changed": False,
    }


def test_lines_that_cannot_be_used_are_parked(log: Path, outlet: Kept) -> None:
    append(log, b"no line of a queue_log\n" + ANSWERED)
    report = follower(log, outlet).poll()
    assert (report.read, report.events, report.parked) == (3, 3, 1)
    (letter,) = outlet.letters
    assert (letter.original, letter.origin) == (b"no line of a queue_log\n", "follow/asterisk/pbx")


def test_a_parked_line_is_read_again_as_it_would_have_been(log: Path, outlet: Kept) -> None:
    append(log, ANSWERED.replace(b"CONNECT", b"HOLOGRAM"))
    follower(log, outlet).poll()
    (letter,) = outlet.letters
    assert [each.detail for each in polled.read_again(letter).parked] == [letter.detail]
    known = msgspec.structs.replace(letter, original=ANSWERED)
    followed = Kept()
    log.write_bytes(ENTERED + ANSWERED)
    (log.parent / "state.json").unlink()
    follower(log, followed).poll()
    assert polled.read_again(known).events == followed.events[1:]


def test_of_a_line_that_no_letter_can_hold_the_beginning_is_parked(log: Path, outlet: Kept) -> None:
    line = b"no line of a queue_log" * 100_000 + b"\n"
    append(log, line + ANSWERED)
    assert follower(log, outlet).poll().events == 3
    (letter,) = outlet.letters
    assert len(encode_dead_letter(letter)) + len(letter.key or b"") <= MAX_LETTER_BYTES
    assert line.startswith(letter.original)
    assert f"of {len(line):,} bytes only the first are kept" in letter.detail
    with pytest.raises(Refused, match="too large to be kept whole"):
        polled.read_again(letter)


def test_a_log_that_is_not_there(tmp_path: Path, outlet: Kept) -> None:
    with pytest.raises(FollowError, match="cannot be read"):
        follower(tmp_path / "gone", outlet).poll()
