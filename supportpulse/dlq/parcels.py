"""What a letter is sent again as: the record that it was, or the events that a vendor's delivery tells of now.

Each record carries in a header which letter it belongs to, and which of how many it is: "2/17", or "2/17 1/3". So
whoever looks for a letter behind a crash finds all of it, or sends all of it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from connectors import polled
from connectors.channels.base import Parsed
from connectors.gateway.parking import read_again
from connectors.gateway.problems import without_values
from connectors.gateway.sources import Entry, SourceBook
from connectors.producer import MAX_RECORD_BYTES
from schemas import fast
from schemas.checks import check_event
from schemas.errors import Refused, SupportpulseError
from schemas.records import DeadLetter, InteractionEvent
from schemas.topics import Topics, record_key
from supportpulse.dlq.letters import Letter

#: Key and value.
Sendable: TypeAlias = tuple[bytes | None, bytes]

_LABEL = re.compile(rb"(\d+/\d+)(?: (\d+)/(\d+))?")
_GATEWAY = "gateway/"
#: What begins so was read from a place that can be read again. So are letters of releases that kept no key: see
#: docs/operations.md.
_POLLED = {
    f"{polled.IMAP}/": "it is a mail: read its mailbox again with `supportpulse imap --state` and a new file",
    f"{polled.FOLLOW}/": "it is a part of a log: read the log again with `supportpulse follow --state` and a new file",
}


class CannotRedrive(SupportpulseError):
    """There is nothing to send of this letter, or nowhere to send it to. Says why."""


class Parcel(NamedTuple):
    """A letter, ready to be sent."""

    letter: str
    topic: str
    records: list[Sendable]


class Label(NamedTuple):
    """What a record's header says: it is the `number`th, from 1, of the `of` records of a letter."""

    letter: str
    number: int
    of: int

    def header(self) -> bytes:
        """As it is written."""
        return (self.letter if self.of == 1 else f"{self.letter} {self.number}/{self.of}").encode()


def label_of(header: bytes) -> Label | None:
    """The other way round; None for what is no label."""
    found = _LABEL.fullmatch(header)
    if found is None:
        return None
    letter, number, of = found.groups()
    label = Label(letter.decode(), int(number or 1), int(of or 1))
    return label if 1 <= label.number <= label.of else None


def target(letter: Letter, topics: Topics, sources: SourceBook | None) -> str:
    """The topic that a letter goes to; its bytes are not looked at. Raises `CannotRedrive`."""
    if not letter.readable:
        raise CannotRedrive("it is no dead letter itself, so nobody knows where it came from")
    if letter.origin.startswith(_GATEWAY):
        _entry(letter, sources)
        return topics.interactions
    for place, what_to_do in _POLLED.items():
        if letter.origin.startswith(place):
            if letter.key is None:
                raise CannotRedrive(what_to_do)
            return topics.interactions
    _check_size(letter.size_bytes + len(letter.key or b""))
    topic = letter.origin.rsplit("/", 2)[0]
    if topic not in {topics.interactions, topics.facts, topics.alerts, topics.windows}:
        raise CannotRedrive(f"{letter.origin} is no topic that it could go back to")
    return topic


def packed(letter: Letter, topic: str, sources: SourceBook | None) -> Parcel:
    """A letter that has a `target`, with its records. Raises `CannotRedrive` for one that still says nothing."""
    if letter.origin.startswith(_GATEWAY):
        entry = _entry(letter, sources)
        found = _events(letter, entry.vendor, lambda parked: read_again(parked, entry.connector, entry.source))
    elif letter.origin.startswith(tuple(_POLLED)):
        found = _events(letter, letter.origin.partition("/")[0], polled.read_again)
    else:
        return Parcel(letter.id, topic, [(letter.key, letter.original)])
    return Parcel(letter.id, topic, list(_records(found)))


def _entry(letter: Letter, sources: SourceBook | None) -> Entry:
    if sources is None:
        raise CannotRedrive(
            "it is a vendor's delivery, which only its connector can read: name the gateway's file with --sources FILE"
        )
    vendor, _, name = letter.origin.removeprefix(_GATEWAY).partition("/")
    entry = sources.find(vendor, name)
    if entry is None:
        raise CannotRedrive(f"the sources file has no source {name!r} of {vendor}: add it again for this")
    return entry


def _events(letter: Letter, reader: str, read: Callable[[DeadLetter], Parsed]) -> list[InteractionEvent]:
    """What a delivery, a mail or a line tells of, if nothing of it is unknown any more."""
    parked = DeadLetter(
        reason=letter.reason,
        detail=letter.detail,
        origin=letter.origin,
        parked_at=letter.parked_at,
        key=letter.key,
        original=letter.original,
    )
    try:
        parsed = read(parked)
        for event in parsed.events:
            check_event(event)
    except Refused as exc:
        raise CannotRedrive(f"it is still {exc.reason}: {without_values(exc.detail)}") from exc
    # As in the gateway: a connector that fails at one letter has a bug, and the others go on.
    except Exception as exc:
        raise CannotRedrive(f"the connector of {reader} failed at it ({type(exc).__name__})") from exc
    if parsed.parked:
        raise CannotRedrive(f"{len(parsed.parked)} in it still unknown: {parsed.parked[0].detail}")
    if not parsed.events:
        raise CannotRedrive(
            f"its connector knows it now, and it tells of no event ({', '.join(sorted(set(parsed.ignored)))})"
        )
    return parsed.events


def _records(events: Iterable[InteractionEvent]) -> Iterable[Sendable]:
    for event in events:
        key, value = record_key(event.tenant, event.conversation_id), fast.encode_event(event)
        _check_size(len(key) + len(value))
        yield key, value


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_RECORD_BYTES:
        raise CannotRedrive(f"{size_bytes:,} bytes are more than fit through a broker")
