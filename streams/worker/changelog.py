"""The changelog of a partition: what is written after a chunk, and how a successor reads it.

A key is msgpack [conversation, segment, owner], a value msgpack [source offset, packed]. The owner is new with every
assignment, so that no worker can ever overwrite what another one wrote, not even through compaction. Per
conversation the record with the highest source offset holds, of the latest edition of the policies that there is;
"applied through" is a record like the others, with an empty name, and so are the policies, with a segment as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from aiokafka import TopicPartition

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.partition.editions import Editions, pack_editions, unpack_editions
from streams.partition.store import Entry, Store
from streams.worker.outbox import Outgoing
from streams.worker.reading import reader

_encode = msgspec.msgpack.Encoder().encode


class _Key(msgspec.Struct, frozen=True, array_like=True, gc=False):
    conversation: str
    segment: int | None
    owner: str


class _Value(msgspec.Struct, frozen=True, array_like=True, gc=False):
    offset: int
    #: None: forget it. Of "applied through": when the record there was published; empty if that is not known.
    packed: bytes | None
    #: Of the policies, when it was written.
    edition: int = 0


_decode_key = msgspec.msgpack.Decoder(_Key).decode
_decode_value = msgspec.msgpack.Decoder(_Value).decode
_decode_ms = msgspec.msgpack.Decoder(int).decode

#: How long to wait for another record before the end is believed: a broker may say that the log ends one batch early.
_QUIET_SECONDS = 0.3
_FETCH_BYTES = 8 * 1024 * 1024
#: Of the record with an empty name that has the policies.
_POLICIES = 0
#: More offsets than any log has.
_EDITION = 1 << 62


class ChangelogDamaged(SupportpulseError):
    """A record of the changelog cannot be read: it was written by a later release. Run that one."""


def records_of(
    entries: Iterable[Entry],
    through: int,
    owner: str,
    now_ms: EpochMs,
    *,
    through_ms: EpochMs | None = None,
    edition: int = 0,
    policies: Editions | None = None,
) -> Iterator[Outgoing]:
    """The records to write after a chunk; "applied through" comes last.

    `through_ms`: when the record at `through` was published, for a successor to know the log by.
    `edition`: the one in force behind it. `policies`: those that judged it, where the changelog does not have them yet.
    They come first, so that nothing is ever kept that was judged by policies that nobody knows.
    """
    if policies is not None:
        yield policies_record(policies, through, owner, now_ms)
    for entry in entries:
        value = _Value(entry.offset, entry.packed, edition)
        yield Outgoing(_encode(_Key(entry.key, entry.segment, owner)), _encode(value), now_ms)
    published = b"" if through_ms is None else _encode(through_ms)
    yield Outgoing(_encode(_Key("", None, owner)), _encode(_Value(through, published, edition)), now_ms)


def policies_record(policies: Editions, through: int, owner: str, now_ms: EpochMs) -> Outgoing:
    """The record that keeps them. It stands before the first tick that names their last edition."""
    value = _Value(through, pack_editions(policies), policies.last)
    return Outgoing(_encode(_Key("", _POLICIES, owner)), _encode(value), now_ms)


class Recovery:
    """Takes changelog records in any order and fills a store with what holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ranks: dict[tuple[str, int | None], int] = {}
        self.records = 0
        self._edition = 0
        #: The policies that judged what was read; None: nobody wrote them down.
        self.editions: Editions | None = None
        #: When the last record was written.
        self.written_ms: EpochMs | None = None

    def take(self, key: bytes | None, value: bytes | None, written_ms: EpochMs | None = None) -> None:
        """Take one record in."""
        if written_ms is not None and (self.written_ms is None or written_ms > self.written_ms):
            self.written_ms = written_ms
        if key is None or value is None:
            return
        self.records += 1
        try:
            self._hold(_decode_key(key), _decode_value(value))
        except msgspec.MsgspecError as exc:
            raise ChangelogDamaged(f"record {self.records} of the changelog cannot be read: {exc}") from exc

    def _hold(self, name: _Key, content: _Value) -> None:
        slot = (name.conversation, name.segment)
        rank = content.edition * _EDITION + content.offset
        if not name.conversation:
            if rank >= self._ranks.get(slot, -1):
                self._ranks[slot] = rank
                self._take_own(name.segment, content)
            return
        if name.segment is not None and content.packed is None:
            # Whoever was frozen may still count on it: the head that holds says how many there are.
            return
        if rank >= self._ranks.get(slot, -1):
            self._ranks[slot] = rank
            self._store.put(Entry(name.conversation, name.segment, content.packed, content.offset))

    def _take_own(self, segment: int | None, content: _Value) -> None:
        if segment == _POLICIES:
            self.editions = unpack_editions(content.packed or b"")
        else:
            self._store.applied, self._edition = content.offset, content.edition
            self._store.applied_ms = _decode_ms(content.packed) if content.packed else None

    def finish(self) -> None:
        """All records have been taken."""
        if self.editions is not None:
            self.editions = self.editions.at(self._edition)
        self._store.prune()


async def recover(bootstrap: str, topic: str, partition: int, store: Store) -> Recovery:
    """Read the changelog of a partition into `store`, to its end."""
    tp = TopicPartition(topic, partition)
    recovery = Recovery(store)
    async with reader(bootstrap, tp, _FETCH_BYTES) as consumer:
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        while True:
            fetched: dict[Any, list[Any]] = await consumer.getmany(tp, timeout_ms=int(_QUIET_SECONDS * 1000))
            for record in fetched.get(tp, ()):
                recovery.take(record.key, record.value, record.timestamp)
            if not fetched.get(tp) and await consumer.position(tp) >= end:
                recovery.finish()
                return recovery
            # Let the heartbeat and the web server breathe during a long recovery.
            await asyncio.sleep(0)
