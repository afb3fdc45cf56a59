"""Dead letters as they lie in their topic, each once, with what has become of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from schemas import wire
from schemas.errors import Refused
from schemas.records import DeadLetter
from schemas.times import EpochMs
from schemas.topics import Topics
from supportpulse.dlq.ledger import Entry
from supportpulse.topic_reading import Lying


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `id` is PARTITION/OFFSET of the dead letter topic."""

    id: str
    reason: str
    detail: str
    origin: str
    parked_at: EpochMs
    size_bytes: int
    key: bytes | None
    original: bytes = field(repr=False)
    #: False for a record that is no dead letter itself: nobody knows where it came from.
    readable: bool = True
    #: What was redriven to become this one, newest first, as (letter id, origin).
    earlier: tuple[tuple[str, str], ...] = ()
    #: Where it was sent again, TOPIC/PARTITION/OFFSET; None: it was not.
    redriven_to: str | None = None
    redriven_at: EpochMs | None = None
    #: A redrive of it began and did not come to its end.
    interrupted: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """Its own origin and those of the letters it was before."""
        return (self.origin, *(origin for _, origin in self.earlier))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters. What is not said selects all."""

    reason: str | None = None
    origin: str | None = None
    ids: frozenset[str] | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether it is one of them."""
        return (
            (self.reason is None or letter.reason == self.reason)
            and (self.origin is None or any(origin.startswith(self.origin) for origin in letter.origins))
            and (self.ids is None or letter.id in self.ids)
        )


def letter_of(record: Lying, topics: Topics) -> Letter:
    """A record of the dead letter topic; one that is no letter is shown all the same."""
    name = f"{record.partition}/{record.offset}"
    try:
        found = wire.decode_dead_letter(record.value)
    except Refused as refused:
        found = DeadLetter(
            reason=refused.reason,
            detail=refused.detail,
            origin=f"{topics.dead_letters}/{name}",
            parked_at=record.timestamp_ms,
            key=record.key,
            original=record.value,
        )
        return _letter(name, found, readable=False)
    return _letter(name, found, readable=True)


def _letter(name: str, found: DeadLetter, *, readable: bool) -> Letter:
    return Letter(
        id=name,
        reason=found.reason,
        detail=found.detail,
        origin=found.origin,
        parked_at=found.parked_at,
        size_bytes=len(found.original),
        key=found.key,
        original=found.original,
        readable=readable,
    )


def distinct(found: Iterable[Letter], ledger: Mapping[str, Entry], *, with_bytes: bool) -> list[Letter]:
    """Each letter once: a chunk that was done again after a crash has parked the same record again.

    Of equal letters it is the one that was redriven, else the first by its place, in whatever order they are read:
    those of the gateway lie in several partitions. Without their bytes there is less to hold, and nothing that people
    may have written.
    """
    chosen: dict[tuple[str, bytes], Letter] = {}
    for letter in found:
        name = (letter.origin, hashlib.sha256(letter.original).digest())
        known = chosen.get(name)
        if known is None or _rank(letter, ledger) < _rank(known, ledger):
            chosen[name] = letter if with_bytes else replace(letter, original=b"")
    return list(chosen.values())


def _rank(letter: Letter, ledger: Mapping[str, Entry]) -> tuple[int, int, int]:
    entry = ledger.get(letter.id)
    partition, _, offset = letter.id.partition("/")
    return (2 if entry is None else 1 if entry.to is None else 0), int(partition), int(offset)


def with_fates(letters: Iterable[Letter], ledger: Mapping[str, Entry]) -> list[Letter]:
    """The letters, with what the ledger says of them and of what they were before."""
    found = list(letters)
    origin_of = {letter.id: letter.origin for letter in found}
    came_from = {entry.to: entry.letter for entry in ledger.values() if entry.to is not None}
    return [
        _with_fate(letter, ledger.get(letter.id), _earlier(letter.origin, came_from, origin_of)) for letter in found
    ]


def _with_fate(letter: Letter, entry: Entry | None, earlier: tuple[tuple[str, str], ...]) -> Letter:
    if entry is None:
        return replace(letter, earlier=earlier)
    sent_at = None if entry.to is None else entry.at
    return replace(letter, earlier=earlier, redriven_to=entry.to, redriven_at=sent_at, interrupted=entry.to is None)


def _earlier(origin: str, came_from: Mapping[str, str], origin_of: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    chain: list[tuple[str, str]] = []
    while (name := came_from.get(origin)) is not None and name not in (known for known, _ in chain):
        origin = origin_of.get(name, "?")
        chain.append((name, origin))
    return tuple(chain)
