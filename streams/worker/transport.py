"""Faust's aiokafka transport, handing over one chunk per partition fetch instead of one message at a time.

Stock Faust creates several asyncio tasks per message and moves at 5,000 messages a second; in chunks the same
consumer moves at the speed of decoding. What is replaced, and why:

- `getmany` yields one message per partition and fetch; its value is a `Chunk`.
- `ack` moves no offsets: an exception or a cancellation in an agent acks the event in hand. `finish` does. Compiled
  streams note their acks themselves, past `ack`; `force_commit` does not look at these notes.
- commits take the prefix of finished chunks: stock `_new_offset` can pass an unfinished message.
- `perform_seek` also seeks partitions that have no committed offset: stock leaves them behind what it threw away.
- `on_buffer_full` does nothing: taking the partition from the fetcher stalls everything for a second when all
  partitions are full, and the queue blocks anyway.
- `verify_event_path` is patient: stock's crashes on a partition that has no position yet.
- the flow stands still from every assignment to the seek that belongs to it: stock lets it go on where there was no
  assignment before, and where the end of an earlier rebalance comes late.
- a seek that takes for ever ends in an error: stock gives up without a word, and stays.
- no message is dropped for a place that was read before: stock notes that place late, behind the seek of a rebalance.
- `fetch_max_wait_ms` is 100, stock's is 1,500.
- records are fetched as `FetchedRecord`s, without aiokafka's own ones of eleven fields.

Pinned to faust-streaming 0.15.3; `tests/streams/worker/test_transport.py` fails on stock behaviour.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import aiokafka
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    Transport,
    ensure_aiokafka_TP,
)
from faust.types import TP, ConsumerMessage

from schemas.fetching import Places, fetch_lean
from streams.worker.chunks import Chunk, FetchedRecord
from streams.worker.offsets import OffsetBook

FETCH_MAX_WAIT_MS = 100
#: A partition without a place to read from gets one within a rebalance; one that never does is read by nobody.
POSITION_SECONDS = 15.0
_BEFORE_FAUST_SECONDS = 5.0
#: What asking for a partition raises that is not ours any more, or has no place to read from yet.
_NOT_THERE = (AssertionError, AttributeError, IllegalStateError)
#: Kafka's number for timestamps that the producer set, which nobody here asks for.
_CREATE_TIME = 0


class ChunkConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Waits less for a fetch to fill."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        """Have records fetched as the stages want them."""
        await super().on_start()
        self._places: Places = fetch_lean(self._ensure_consumer(), FetchedRecord)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[Any, Chunk]:
        found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        return {key: Chunk(*self._places.take(key, records), records) for key, records in found.items()}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Stock takes it for a mistake to commit nothing, and crashes.
        return bool(offsets.keys() & self.assignment()) and bool(await super()._commit(offsets))

    async def seek_start(self, tps: set[TP], start_ms: Mapping[TP, int | None]) -> dict[TP, int]:
        """Seek to the records since an instant, where one is given; else to the beginning. Returns the places."""
        places: dict[TP, int] = await self.call_thread(self._seek_start, tps, start_ms)
        return places

    async def _seek_start(self, tps: set[TP], start_ms: Mapping[TP, int | None]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        wanted = {ensure_aiokafka_TP(tp): since for tp in tps if (since := start_ms.get(tp)) is not None}
        found = await consumer.offsets_for_times(wanted) if wanted else {}
        places = {}
        for tp in map(ensure_aiokafka_TP, tps):
            if found.get(tp) is not None:
                places[ensure_TP(tp)] = found[tp].offset
                consumer.seek(tp, found[tp].offset)
            else:
                await consumer.seek_to_beginning(tp)
                places[ensure_TP(tp)] = await consumer.position(tp)
        return places


class _NowhereRead(dict[TP, "int | None"]):
    """No place in a partition has been read: what lies in front of it would be dropped."""

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass


class ChunkConsumer(Consumer):  # type: ignore[misc]
    """A Faust consumer whose messages are chunks. Its topics are read with `ChunkSchema`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NowhereRead()
        #: Where the last seek put the partitions that are not read on from a commit.
        self.starts: dict[TP, int] = {}
        self._books: defaultdict[TP, OffsetBook] = defaultdict(OffsetBook)
        #: The generation whose partitions have been put to where they are read from.
        self._placed: int | None = None
        #: Partitions that have no place to read from, and since when (monotonic seconds).
        self._without_position: dict[TP, float] = {}

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield one message per partition that has records."""
        # From before: a whole rebalance fits between a fetch and its arrival here. What was fetched then lies behind
        # the place that the rebalance went back to. Delivered first, it would pass for everything in between.
        generation_id = self.app.consumer_generation_id
        fetched, active = await self._wait_next_records(timeout)
        if fetched is None or self.should_stop:
            return
        if not self.flow_active or self.app.consumer_generation_id != generation_id:
            # What was fetched is thrown away, so it must be read again. Where that cannot be had now, the end of the
            # rebalance sees to it, or whoever gets the next chunk (streams/worker/unbroken.py).
            with suppress(KafkaError, AssertionError, asyncio.TimeoutError):
                await self.perform_seek()
            return
        for tp, chunk in self._wanted(fetched, active):
            if not self.flow_active or self.app.consumer_generation_id != generation_id:
                return
            end_offset = self.end_offset(tp)
            if end_offset is None:
                # Taken away since it was fetched: whoever has it now reads it again.
                continue
            self.app.monitor.track_tp_end_offset(tp, end_offset)
            if tp.topic not in self.transport.read_from:
                self._books[tp].delivered(chunk.records[-1].offset)
            yield tp, self._message(tp, chunk, generation_id)

    def _wanted(self, fetched: Mapping[Any, Chunk], active: set[TP] | None) -> Iterator[tuple[TP, Chunk]]:
        for key, chunk in fetched.items():
            tp = ensure_TP(key)
            if active is None or tp in active:
                yield tp, chunk

    def _message(self, tp: TP, chunk: Chunk, generation_id: int) -> ConsumerMessage:
        last = chunk.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            _CREATE_TIME,
            [],
            None,
            chunk,
            None,
            0,
            0,
            tp,
            generation_id=generation_id,
        )

    def end_offset(self, tp: TP) -> int | None:
        """Where the partition ended when it was last fetched from; None if it is not this worker's any more."""
        try:
            return self.highwater(tp) or 0
        except _NOT_THERE:
            return None

    def finish(self, tp: TP, last_offset: int) -> None:
        """The chunk that ends at `last_offset` has had all of its effect."""
        self._books[tp].finished(last_offset)

    def ack(self, message: Any) -> bool:
        """Faust is done with a message, which says nothing about its effect."""
        message.acked = True
        self._unacked_messages.discard(message)
        return False

    def on_buffer_full(self, tp: TP) -> None:
        """The queue blocks by itself."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Warn where nothing moves. Only a partition that has had no place to read from for long ends the worker."""
        try:
            super().verify_event_path(now, tp)
        except _NOT_THERE:
            if now - self._without_position.setdefault(tp, now) > POSITION_SECONDS:
                raise
        else:
            self._without_position.pop(tp, None)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A chunk stands for all of its offsets; there are no gaps to keep books of."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit the finished prefix of every partition."""
        wanted = {
            tp: offset
            for tp, book in self._books.items()
            if tp.topic not in self.transport.read_from and (offset := book.to_commit()) is not None
        }
        assignment = self.assignment()
        offsets = {tp: offset for tp, offset in wanted.items() if tp in assignment}
        if not offsets or not await self._commit(offsets):
            return False
        for tp, offset in offsets.items():
            self._books[tp].committed(offset)
            self._committed_offset[tp] = offset
        return True

    async def perform_seek(self) -> None:
        """Go to the committed offset of every partition, or to where the partition is to be read from.

        Raises `asyncio.TimeoutError` a moment before Faust would give up without a word, and never resume.
        """
        await asyncio.wait_for(self._seek_all(), self.app.conf.broker_request_timeout - _BEFORE_FAUST_SECONDS)

    async def _seek_all(self) -> None:
        generation_id = self.app.consumer_generation_id
        for book in self._books.values():
            book.clear()
        self._without_position.clear()
        assigned = self.assignment()
        if assigned:
            committed = {ensure_TP(tp): offset for tp, offset in (await self.seek_to_committed()).items()}
            read_from = self.transport.read_from
            fresh = {tp for tp in assigned if tp.topic in read_from or not committed.get(tp)}
            self.starts.update(await self._thread.seek_start(fresh, {tp: read_from.get(tp.topic) for tp in fresh}))
        self._placed = generation_id

    async def read_again(self, tp: TP, offset: int) -> None:
        """Go back to `offset`. What was delivered from behind it is committed when it comes again."""
        self._books[tp].clear()
        await self.seek_wait({ensure_aiokafka_TP(tp): offset})

    def resume_flow(self) -> None:
        """Go on, unless what says so is late: it belongs to a rebalance that another one has overtaken."""
        if self._placed == self.app.consumer_generation_id or not self.assignment():
            super().resume_flow()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Stand still until every partition has its place. Stock does so only where partitions are taken away."""
        self.stop_flow()
        self.app.flow_control.suspend()
        self.starts.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget the books of partitions that go."""
        for tp in revoked:
            self._books.pop(tp, None)
        await super().on_partitions_revoked(revoked)


class ChunkTransport(Transport):  # type: ignore[misc]
    """`app.transport` of a worker.

    `read_from`: topics that are not committed but read again after every assignment, and since when (epoch
    milliseconds; None: since their beginning).
    """

    Consumer: ClassVar[type[ChunkConsumer]] = ChunkConsumer

    def __init__(self, *args: Any, read_from: Mapping[str, int | None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read_from = read_from
