"""The changelog of a partition: what is written after a chunk, and how a successor reads it.

A key is msgpack [conversation, segment, owner], a value msgpack [source offset, packed]. The owner is new with every
assignment, so that no worker can ever overwrite what another one wrote, not even through compaction. Per
conversation the record with the highest source offset holds; "applied through" is a record like the others, with an
empty name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiokafka
import msgspec
from aiokafka import TopicPartition

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.partition.store import Entry, Store
from streams.worker.outbox import Outgoing

_encode = msgspec.msgpack.Encoder().encode


class _Key(msgspec.Struct, frozen=True, array_like=True, gc=False):
    conversation: str
    segment: int | None
    owner: str


class _Value(msgspec.Struct, frozen=True, array_like=True, gc=False):
    offset: int
    #: None: forget it. An empty one belongs to "applied through".
    packed: bytes | None


_decode_key = msgspec.msgpack.Decoder(_Key).decode
_decode_value = msgspec.msgpack.Decoder(_Value).decode

#: How long to wait for another record before the end is believed: a broker may say that the log ends one batch early.
_QUIET_SECONDS = 0.3


class ChangelogDamaged(SupportpulseError):
    """A record of the changelog cannot be read: it was written by a later release. Run that one."""


def records_of(entries: Iterable[Entry], through: int, owner: str, now_ms: EpochMs) -> Iterator[Outgoing]:
    """The records to write after a chunk; "applied through" comes last."""
    for entry in entries:
        yield Outgoing(
            _encode(_Key(entry.key, entry.segment, owner)), _encode(_Value(entry.offset, entry.packed)), now_ms
        )
    yield Outgoing(_encode(_Key("", None, owner)), _encode(_Value(through, b"")), now_ms)


class Recovery:
    """Takes changelog records in any order and fills a store with what holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offsets: dict[tuple[str, int | None], int] = {}
        self.records = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record in."""
        if key is None or value is None:
            return
        self.records += 1
        try:
            name, content = _decode_key(key), _decode_value(value)
        except msgspec.MsgspecError as exc:
            raise ChangelogDamaged(f"record {self.records} of the changelog cannot be read: {exc}") from exc
        if not name.conversation:
            self._store.applied = max(self._store.applied, content.offset)
            return
        slot = (name.conversation, name.segment)
        if name.segment is not None and content.packed is None:
            # Whoever was frozen may still count on it: the head that holds says how many there are.
            return
        if content.offset >= self._offsets.get(slot, -1):
            self._offsets[slot] = content.offset
            self._store.put(Entry(name.conversation, name.segment, content.packed, content.offset))

    def finish(self) -> None:
        """All records have been taken."""
        self._store.prune()


async def recover(bootstrap: str, topic: str, partition: int, store: Store) -> int:
    """Read the changelog of a partition into `store`, to its end; how many records there were."""
    tp = TopicPartition(topic, partition)
    recovery = Recovery(store)
    async with _reader(bootstrap, tp) as consumer:
        end = (await consumer.end_offsets([tp]))[tp]
        while True:
            fetched: dict[Any, list[Any]] = await consumer.getmany(tp, timeout_ms=int(_QUIET_SECONDS * 1000))
            for record in fetched.get(tp, ()):
                recovery.take(record.key, record.value)
            if not fetched.get(tp) and await consumer.position(tp) >= end:
                recovery.finish()
                return recovery.records
            # Let the heartbeat and the web server breathe during a long recovery.
            await asyncio.sleep(0)


@asynccontextmanager
async def _reader(bootstrap: str, tp: TopicPartition) -> Any:
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        yield consumer
    finally:
        await consumer.stop()
