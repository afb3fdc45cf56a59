"""Records → Kafka, many requests in one batch, each told when all of its records are there.

    publisher = GatewayPublisher(PublisherConfig("127.0.0.1:9092"), topics)
    await publisher.start()
    await publisher.publish(records)        # returns when every one is acknowledged (acks=all); raises NotPublished
    publisher.hand_over(records, told)      # the same without a task that waits: `told` is called
    await publisher.stop()                  # flushes first

Each broker has at most one produce request on its way, with a batch for every partition that has something; what comes
in meanwhile makes up the next one. So a lone request waits for nobody, and under load the cost of a produce request is
shared by all that wait.

aiokafka's connections and metadata are used, and not its queue: that makes a dozen futures and tasks for each produce
request, which cost the gateway a fifth of all it does.

Without producer ids: a batch that is sent again after a lost answer may lie in the topic twice, which costs its bytes
and nothing else, because a repeated event changes nothing. In exchange no lost sequence number can end the gateway, and
brokers that hand out no ids will do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import aiokafka
import msgspec
import structlog
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from schemas.errors import SupportpulseError
from schemas.times import EpochMs

log = structlog.get_logger()

_BATCH_BYTES = 512 * 1024
_REQUEST_BYTES = 8 * 1024 * 1024
_READY_SECONDS = 3.0
_BACKOFF_SECONDS = 0.1
_ALL_REPLICAS = -1
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


#: Told once what became of a request's records: None if Kafka has all of them.
Told: TypeAlias = "Callable[[NotPublished | None], None]"


class _Ticket:
    """A request that waits for its records."""

    __slots__ = ("_left", "_told", "done", "until")

    def __init__(self, told: Told, records: int, until: float) -> None:
        self._told = told
        #: Of the loop's clock.
        self.until = until
        self._left = records
        self.done = False

    def one_arrived(self) -> None:
        self._left -= 1
        if not self._left and not self.done:
            self._tell(None)

    def fail(self, why: str) -> None:
        if not self.done:
            self._tell(NotPublished(why))

    def _tell(self, failure: NotPublished | None) -> None:
        self.done = True
        # What the request held is let go while it is at hand, and not when its time would be over.
        told, self._told = self._told, _nobody
        try:
            told(failure)
        # Whoever cannot be told must not keep the others of a batch from it, and their records are with Kafka. The text
        # of an exception may hold what was sent.
        except Exception as exc:
            log.exception("not_told", error=type(exc).__name__, exc_info=False)


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
        while self._tickets and self._tickets[0].done:
            self._tickets.popleft()

    def _look(self) -> None:
        now = self._loop.time()
        while self._tickets and self._tickets[0].until <= now:
            self._tickets.popleft().fail("Kafka did not answer in time")
        self._forget_the_done()
        self._timer = self._loop.call_at(self._tickets[0].until, self._look) if self._tickets else None

    def end(self, why: str) -> None:
        """Fail all that still wait."""
        if self._timer is not None:
            self._timer.cancel()
        while self._tickets:
            self._tickets.popleft().fail(why)


#: A record, and who waits for it.
_Waiting = tuple[Record, _Ticket]


@dataclass(slots=True)
class _Lane:
    """One partition."""

    at: aiokafka.TopicPartition
    waiting: deque[_Waiting]
    busy: bool = False


class _Batch(NamedTuple):
    """What a produce request holds for one partition."""

    lane: _Lane
    held: list[_Waiting]
    encoded: bytearray


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
        self._scheduled = False
        #: Brokers, by their ids, that a request is on its way to; None stands for a leader that is not known.
        self._sending: dict[int | None, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._producer: Any = None

    async def start(self) -> None:
        """Connect. Raises `NotPublished` if a topic is missing, and aiokafka's errors if no broker answers."""
        self._loop = asyncio.get_running_loop()
        self._patience = _Patience(self._loop)
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._config.bootstrap,
            client_id="supportpulse-gateway",
            request_timeout_ms=self._patience_ms,
        )
        await self._producer.start()
        for topic in self._topics:
            found = await self._partitions_of(topic)
            self._partitions[topic] = sorted(found)
            for partition in found:
                self._lanes[topic, partition] = _Lane(aiokafka.TopicPartition(topic, partition), deque())

    @property
    def _patience_ms(self) -> int:
        return round(self._config.patience_seconds * 1000)

    async def _partitions_of(self, topic: str) -> set[int]:
        try:
            found: set[int] = await self._producer.partitions_for(topic)
        except KafkaError as exc:
            raise NotPublished(f"there is no topic {topic}: run `supportpulse topics` first") from exc
        return found

    async def stop(self, within_seconds: float = 10.0) -> None:
        """Send what still waits, as far as it can be, and disconnect."""
        if self._producer is None:
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within_seconds)
        self._patience.end("the gateway is stopping")
        for task in list(self._sending.values()):
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
        await self._producer.stop()

    async def ended(self) -> None:
        """Returns never; raises what ended the sending, if anything does."""
        await asyncio.shield(self._broken)

    async def ready(self) -> bool:
        """Whether a broker answers now."""
        try:
            return bool(await asyncio.wait_for(self._producer.client.force_metadata_update(), _READY_SECONDS))
        except (KafkaError, OSError, asyncio.TimeoutError):
            return False

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when Kafka has all of them. Raises `NotPublished`, in time for an answer."""
        done: asyncio.Future[None] = self._loop.create_future()
        self.hand_over(records, partial(_settle, done))
        await done

    def hand_over(self, records: Sequence[Record], told: Told) -> None:
        """Publish, and call `told` when Kafka has all of them or when it takes too long; at once if there are none.

        Raises `NotPublished` if too much waits already; then `told` is not called.
        """
        if not records:
            told(None)
            return
        if self._waiting + len(records) > self._config.most_waiting:
            raise NotPublished("too much is waiting for Kafka already")
        ticket = _Ticket(told, len(records), self._loop.time() + self._config.patience_seconds)
        for record in records:
            self._lane(record).waiting.append((record, ticket))
        self._waiting += len(records)
        self._idle.clear()
        self._send_soon()
        self._patience.watch(ticket)

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

    def _send_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._send_what_waits)

    def _send_what_waits(self) -> None:
        self._scheduled = False
        leader_of = self._producer.client.cluster.leader_for_partition
        by_leader: dict[int | None, list[_Lane]] = {}
        for lane in self._lanes.values():
            if lane.waiting and not lane.busy:
                leader = leader_of(lane.at)
                by_leader.setdefault(None if leader == -1 else leader, []).append(lane)
        for leader, lanes in by_leader.items():
            if leader not in self._sending:
                task = self._sending[leader] = self._loop.create_task(self._send(leader, lanes))
                task.add_done_callback(partial(self._sent, leader))

    def _sent(self, leader: int | None, task: asyncio.Task[None]) -> None:
        del self._sending[leader]
        if not task.cancelled() and (error := task.exception()) is not None and not self._broken.done():
            self._broken.set_exception(error)
        if self._waiting:
            self._send_soon()

    async def _send(self, leader: int | None, lanes: Sequence[_Lane]) -> None:
        batches = self._batches(lanes)
        if not batches:
            return
        try:
            errors = await self._produce(leader, batches)
        except (KafkaError, OSError) as exc:
            errors = [exc] * len(batches)
        again = False
        for batch, error in zip(batches, errors, strict=True):
            batch.lane.busy = False
            if error is not None and getattr(error, "retriable", True):
                batch.lane.waiting.extendleft(reversed(batch.held))
                again = True
            else:
                self._landed(batch, error)
        if again:
            # Another broker may lead by now. Whoever has waited too long meanwhile falls out of the next batch.
            self._producer.client.force_metadata_update()
            await asyncio.sleep(_BACKOFF_SECONDS)

    async def _produce(self, leader: int | None, batches: Sequence[_Batch]) -> list[KafkaError | OSError | None]:
        """What became of each batch: None if all replicas have it."""
        if leader is None:
            raise LeaderNotAvailableError
        topics: dict[str, list[tuple[int, bytearray]]] = {}
        for lane, _, encoded in batches:
            topics.setdefault(lane.at.topic, []).append((lane.at.partition, encoded))
        request = ProduceRequest(None, _ALL_REPLICAS, self._patience_ms, list(topics.items()))
        response = await self._producer.client.send(leader, request)
        codes = {(topic, part[0]): part[1] for topic, parts in response.topics for part in parts}
        return [for_code(code)() if (code := codes.get(batch.lane.at, -1)) else None for batch in batches]

    def _batches(self, lanes: Sequence[_Lane]) -> list[_Batch]:
        found: list[_Batch] = []
        size = 0
        for lane in lanes:
            if size < _REQUEST_BYTES and (batch := self._batch(lane)) is not None:
                lane.busy = True
                size += len(batch.encoded)
                found.append(batch)
        return found

    def _batch(self, lane: _Lane) -> _Batch | None:
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, _BATCH_BYTES)
        held: list[_Waiting] = []
        waiting = lane.waiting
        while waiting:
            record, ticket = found = waiting.popleft()
            if ticket.done:
                # Nobody waits for it any more: its request has been told to come again.
                self._settled(1)
            elif builder.append(len(held), record.timestamp_ms, record.key, record.value, []) is not None:
                held.append(found)
            else:
                # Full; the first always fits.
                waiting.appendleft(found)
                break
        return _Batch(lane, held, builder.build()) if held else None

    def _landed(self, batch: _Batch, failure: KafkaError | OSError | None) -> None:
        for _, ticket in batch.held:
            if failure is None:
                ticket.one_arrived()
            else:
                ticket.fail(f"Kafka did not take it: {type(failure).__name__}")
        self._settled(len(batch.held))

    def _settled(self, records: int) -> None:
        self._waiting -= records
        if not self._waiting:
            self._idle.set()


def _nobody(_: NotPublished | None) -> None:
    """Has been told."""


def _settle(done: asyncio.Future[None], failure: NotPublished | None) -> None:
    if done.done():
        # Whoever waited has been cancelled.
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
