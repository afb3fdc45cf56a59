"""Records → Kafka, many requests in one batch, each told when all of its records are there.

    publisher = GatewayPublisher(PublisherConfig("127.0.0.1:9092"), topics)
    await publisher.start()
    await publisher.publish(records)        # returns when every one is acknowledged (acks=all); raises NotPublished
    await publisher.stop()                  # flushes first

Each partition has at most one batch on its way; what comes in meanwhile makes up the next one. So a lone request waits
for nobody, and under load the cost of a produce request is shared by all that wait.

Without producer ids: a batch that is sent again after a lost answer may lie in the topic twice, which costs its bytes
and nothing else, because a repeated event changes nothing. In exchange no lost sequence number can end the gateway, and
brokers that hand out no ids will do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from schemas.errors import SupportpulseError
from schemas.times import EpochMs

_BATCH_BYTES = 512 * 1024
_REQUEST_BYTES = 8 * 1024 * 1024
_READY_SECONDS = 3.0
_KNOWN_KEYS = 50_000


class NotPublished(SupportpulseError):
    """Kafka has not confirmed the records. Some may be there: publish all again, repeats change nothing."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record to publish. Without a key it may go to any partition."""

    topic: str
    key: bytes | None
    value: bytes
    timestamp_ms: EpochMs


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """Where to publish, how long a request may wait for it, and how much may be waiting at all."""

    bootstrap: str = "127.0.0.1:9092"
    #: Vendors wait a few seconds for an answer: say 503 before they hang up.
    patience_seconds: float = 5.0
    most_waiting: int = 20_000


class _Ticket:
    """A request that waits for its records."""

    __slots__ = ("_left", "done", "until")

    def __init__(self, done: asyncio.Future[None], records: int, until: float) -> None:
        self.done = done
        #: Of the loop's clock.
        self.until = until
        self._left = records

    def one_arrived(self) -> None:
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(NotPublished(why))


class _Patience:
    """Fails tickets whose time is over. All wait equally long, so one timer, for the oldest, is enough."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tickets: deque[_Ticket] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, ticket: _Ticket) -> None:
        """Tickets come in the order of their times."""
        self._forget_the_done()
        self._tickets.append(ticket)
        if self._timer is None:
            self._timer = self._loop.call_at(ticket.until, self._look)

    def _forget_the_done(self) -> None:
        while self._tickets and self._tickets[0].done.done():
            self._tickets.popleft()

    def _look(self) -> None:
        now = self._loop.time()
        while self._tickets and self._tickets[0].until <= now:
            self._tickets.popleft().fail("Kafka did not answer in time")
        self._forget_the_done()
        self._timer = self._loop.call_at(self._tickets[0].until, self._look) if self._tickets else None

    def stop(self) -> None:
        """Nobody is failed any more."""
        if self._timer is not None:
            self._timer.cancel()


@dataclass(slots=True)
class _Lane:
    """One partition."""

    topic: str
    partition: int
    waiting: deque[tuple[Record, _Ticket]]
    busy: bool = False


class GatewayPublisher:
    """Publishes for all requests of a process. For one event loop."""

    def __init__(self, config: PublisherConfig, topics: Sequence[str]) -> None:
        self._config = config
        self._topics = topics
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._partitions: dict[str, list[int]] = {}
        self._partition_of = DefaultPartitioner()
        #: A conversation has many events, and aiokafka's hash is slow.
        self._known: dict[tuple[str, bytes], _Lane] = {}
        self._waiting = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._producer: Any = None
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises `NotPublished` if a topic is missing, and aiokafka's errors if no broker answers."""
        self._loop = asyncio.get_running_loop()
        self._patience = _Patience(self._loop)
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._config.bootstrap,
            client_id="supportpulse-gateway",
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            # Beyond this aiokafka gives a batch up; whoever waited for it has been answered by then.
            request_timeout_ms=round(self._config.patience_seconds * 1000),
            linger_ms=0,
        )
        await self._producer.start()
        for topic in self._topics:
            found = await self._partitions_of(topic)
            self._partitions[topic] = sorted(found)
            for partition in found:
                self._lanes[topic, partition] = _Lane(topic, partition, deque())
        self._pump = asyncio.create_task(self._send_what_waits())

    async def _partitions_of(self, topic: str) -> set[int]:
        try:
            found: set[int] = await self._producer.partitions_for(topic)
        except KafkaError as exc:
            raise NotPublished(f"there is no topic {topic}: run `supportpulse topics` first") from exc
        return found

    async def stop(self, within_seconds: float = 10.0) -> None:
        """Send what still waits, as far as it can be, and disconnect."""
        try:
            await asyncio.wait_for(self._idle.wait(), within_seconds)
        except asyncio.TimeoutError:
            self._give_up("the gateway is stopping")
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._producer is not None:
            self._patience.stop()
            await self._producer.stop()

    async def ended(self) -> None:
        """Returns never; raises what ended the sending, if anything does."""
        if self._pump is not None:
            await asyncio.shield(self._pump)

    async def ready(self) -> bool:
        """Whether a broker answers now."""
        try:
            return bool(await asyncio.wait_for(self._producer.client.force_metadata_update(), _READY_SECONDS))
        except (KafkaError, OSError, asyncio.TimeoutError):
            return False

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when Kafka has all of them. Raises `NotPublished`, in time for an answer."""
        if not records:
            return
        if self._waiting + len(records) > self._config.most_waiting:
            raise NotPublished("too much is waiting for Kafka already")
        until = self._loop.time() + self._config.patience_seconds
        ticket = _Ticket(self._loop.create_future(), len(records), until)
        for record in records:
            self._lane(record).waiting.append((record, ticket))
        self._waiting += len(records)
        self._idle.clear()
        self._wake.set()
        self._patience.watch(ticket)
        await ticket.done

    def _lane(self, record: Record) -> _Lane:
        found = self._known.get((record.topic, record.key)) if record.key is not None else None
        if found is None:
            partitions = self._partitions[record.topic]
            found = self._lanes[record.topic, self._partition_of(record.key, partitions, partitions)]
            if record.key is not None:
                if len(self._known) >= _KNOWN_KEYS:
                    self._known.clear()
                self._known[record.topic, record.key] = found
        return found

    async def _send_what_waits(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for lane in self._lanes.values():
                if lane.waiting and not lane.busy:
                    await self._send(lane)

    async def _send(self, lane: _Lane) -> None:
        batch, tickets = self._batch(lane)
        if not tickets:
            self._settle(0)
            return
        lane.busy = True
        try:
            arrived = await self._producer.send_batch(batch, lane.topic, partition=lane.partition)
        except (KafkaError, OSError) as exc:
            self._landed(lane, tickets, exc)
        else:
            arrived.add_done_callback(partial(self._arrived, lane, tickets))

    def _batch(self, lane: _Lane) -> tuple[Any, list[_Ticket]]:
        batch = self._producer.create_batch()
        tickets: list[_Ticket] = []
        waiting = lane.waiting
        while waiting:
            record, ticket = waiting.popleft()
            if ticket.done.done():
                # Nobody waits for it any more: its request has been told to come again.
                self._waiting -= 1
            elif batch.append(key=record.key, value=record.value, timestamp=record.timestamp_ms) is not None:
                tickets.append(ticket)
            elif tickets:
                waiting.appendleft((record, ticket))
                break
            else:
                ticket.fail(f"a record of {len(record.value):,} bytes fits no batch")
                self._waiting -= 1
        return batch, tickets

    def _arrived(self, lane: _Lane, tickets: list[_Ticket], arrived: asyncio.Future[Any]) -> None:
        self._landed(lane, tickets, None if not arrived.cancelled() and arrived.exception() is None else _why(arrived))

    def _landed(self, lane: _Lane, tickets: list[_Ticket], failure: BaseException | None) -> None:
        lane.busy = False
        for ticket in tickets:
            if failure is None:
                ticket.one_arrived()
            else:
                ticket.fail(f"Kafka did not take it: {type(failure).__name__}")
        if lane.waiting:
            self._wake.set()
        self._settle(len(tickets))

    def _settle(self, records: int) -> None:
        self._waiting -= records
        if not self._waiting:
            self._idle.set()

    def _give_up(self, why: str) -> None:
        for lane in self._lanes.values():
            while lane.waiting:
                _, ticket = lane.waiting.popleft()
                ticket.fail(why)


def _why(arrived: asyncio.Future[Any]) -> BaseException:
    return asyncio.CancelledError() if arrived.cancelled() else arrived.exception() or asyncio.CancelledError()
