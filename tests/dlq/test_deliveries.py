"""A delivery that the gateway parked is read again, and all its events are sent; or it stays, and says why."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.channels.base import ChannelOptions, Delivery, Parsed, Source
from connectors.channels.github import GitHub
from connectors.channels.mail import MailOptions
from connectors.gateway.sources import Entry, SourceBook
from connectors.polled import Piece
from schemas import wire
from schemas.records import DeadLetter
from schemas.topics import Topics
from supportpulse import topic_reading
from supportpulse import topics as topic_maker
from supportpulse.dlq.ledger import HEADER
from supportpulse.dlq.letters import Letter, Selection, letter_of
from supportpulse.dlq.parcels import CannotRedrive, Label, label_of, packed, target
from supportpulse.dlq.redrive import Desk, redrive
from tests.connectors.channels.mails import message
from tests.connectors.channels.vendors.asterisk import lines
from tests.dlq.deliveries import TELLING, book, parked, records
from tests.dlq.harness import NOW_MS, letter, lying, park
from tests.servers.plugin import Broker

EVERYTHING = Selection()


def now() -> int:
    return NOW_MS


def made_desk(broker: Broker, unique: Callable[[str], str]) -> Desk:
    made = Desk(broker.address, Topics(unique("d") + "-"), book(*(vendor for vendor, _ in TELLING)))
    topic_maker.ensure(broker.address, made.topics, partitions=2)
    return made


def test_its_events_are_sent_beside_records_and_not_sent_again(broker: Broker, unique: Callable[[str], str]) -> None:
    desk = made_desk(broker, unique)
    there = desk.topics.interactions
    told = sum((records(*each) for each in TELLING), Counter[tuple[bytes | None, bytes]]())
    assert told.total() == 8
    park(broker, desk, [*(parked(*each) for each in TELLING), letter(9, there), parked("github", "opened")])

    assert redrive(replace(desk, sources=None), Selection(origin="gateway/"), now, dry_run=True).sent == {}
    assert redrive(desk, EVERYTHING, now, dry_run=True).sent == {f"0/{n}": there for n in range(3)}
    assert desk.ledger() == {}
    report = redrive(desk, EVERYTHING, now)
    assert set(report.sent) == {"0/0", "0/1", "0/2"}
    assert "github" in report.refused["0/3"]
    assert lying(desk, there) == told + Counter({(b"acme/9", b"bytes of 9"): 1})
    labels = Counter(dict(record.headers)[HEADER] for record in topic_reading.read(desk.kafka, there))
    assert labels == Counter(
        {b"0/2": 1} | {b"0/%d %d/4" % (name, number): 1 for name in range(2) for number in range(1, 5)}
    )
    again = redrive(desk, EVERYTHING, now)
    assert (again.sent, again.before) == ({}, report.sent)


@pytest.mark.kafka
@pytest.mark.parametrize(("step", "there_before", "sent_again"), [("first_sent", 1, 8), ("half_sent", 5, 4)])
def test_killed_between_the_events_of_one_it_is_sent_whole(
    tansu: Broker, unique: Callable[[str], str], step: str, there_before: int, sent_again: int
) -> None:
    desk = made_desk(tansu, unique)
    there = desk.topics.interactions
    told = sum((records(*each) for each in TELLING), Counter[tuple[bytes | None, bytes]]())
    park(tansu, desk, [parked(*each) for each in TELLING])
    child = [sys.executable, "-m", "tests.dlq.child", desk.kafka, desk.topics.prefix, step]
    assert subprocess.run(child, check=False, timeout=120).returncode == -signal.SIGKILL
    assert lying(desk, there).total() == there_before

    report = redrive(desk, EVERYTHING, now)
    # Of which all events were there is not sent again; what was there of the other is there twice.
    assert set(report.finished) == ({"0/0"} if there_before >= 4 else set())
    assert set(report.finished) | set(report.sent) == {"0/0", "0/1"}
    after = lying(desk, there)
    assert after.total() == there_before + sent_again
    assert set(after) == set(told)
    assert all(each.redriven_to for each in desk.letters())
    assert redrive(desk, EVERYTHING, now).sent == {}


class Failing(GitHub):
    """Has a bug."""

    def parse(self, delivery: Delivery, source: Source[Any]) -> Parsed:
        raise KeyError("nobody thought of it")


def lies(found: DeadLetter) -> Letter:
    value = wire.encode_dead_letter(found)
    return letter_of(topic_reading.Lying(0, 0, NOW_MS, None, value, ()), Topics())


def refusal(found: DeadLetter, sources: SourceBook | None) -> str:
    with pytest.raises(CannotRedrive) as told:
        packed(lies(found), target(lies(found), Topics(), sources), sources)
    return str(told.value)


def test_what_cannot_be_read_stays_and_says_why() -> None:
    asked = parked("line", "asked")
    line = book("line")
    assert len(packed(lies(asked), "interactions", line).records) == 1
    assert "--sources" in refusal(asked, None)
    assert "has no source 'line-main' of line" in refusal(asked, book("github"))
    assert "1 in it still unknown" in refusal(parked("line", "unknown-event"), line)
    assert "1 in it still unknown" in refusal(parked("asterisk", "one-bad-line"), book("asterisk"))
    assert "tells of no event (friend)" in refusal(parked("line", "followed"), line)
    assert "not parked by a gateway" in refusal(letter(0, origin="gateway/line/line-main"), line)
    words = DeadLetter(reason="malformed", detail="", origin=asked.origin, parked_at=0, key=asked.key, original=b"4111")
    assert "still malformed" in refusal(words, line)
    assert "4111" not in refusal(words, line)
    failing = SourceBook([Entry(Failing(), Source("github-main", "acme", GitHub.Options()))])
    assert refusal(parked("github", "opened"), failing) == "the connector of github failed at it (KeyError)"


@pytest.mark.parametrize(("origin", "command"), [("imap/help/INBOX", "imap"), ("follow/asterisk/pbx", "follow")])
def test_what_an_earlier_release_polled_is_read_again_where_it_came_from(origin: str, command: str) -> None:
    bare = msgspec.structs.replace(letter(0, origin=origin), key=None)
    assert f"supportpulse {command} --state" in refusal(bare, None)


def test_a_mail_and_a_line_are_sent_without_a_sources_file() -> None:
    source = Source("pbx", "acme", ChannelOptions())
    line = Piece(lines("30|5.1|q|A|CONNECT|30|5.2|1"), source, NOW_MS, historical=True)
    mail = Piece(message(), Source("help", "acme", MailOptions()), NOW_MS, historical=True)
    for piece, origin, of in ((line, "follow/asterisk/pbx", 2), (mail, "imap/help/INBOX/Sent", 1)):
        found = lies(piece.letter(origin, "invalid_event", "was unknown", NOW_MS))
        parcel = packed(found, target(found, Topics(), None), None)
        assert (parcel.topic, len(parcel.records)) == (Topics().interactions, of)
    bad = Piece(b"From: \r\n\r\nx", mail.source, NOW_MS, historical=True)
    assert "still invalid_event" in refusal(bad.letter("imap/help/INBOX", "invalid_event", "", NOW_MS), None)


@pytest.mark.parametrize("label", [Label("0/4", 1, 1), Label("12/345", 2, 3)])
def test_a_label_is_read_as_it_was_written(label: Label) -> None:
    assert label_of(label.header()) == label


@pytest.mark.parametrize("header", [b"", b"0", b"0/4 ", b"0/4 0/2", b"0/4 3/2", b"0/4 1/2 ", b"0/4 1", b"\xff/1"])
def test_what_is_no_label(header: bytes) -> None:
    assert label_of(header) is None
