"""The sink: Kafka → ClickHouse, each record at least once and, by the tables' keys, in effect exactly once.

    service = SinkService(SinkConfig(kafka="127.0.0.1:9092"), database, clock=now_ms)
    await service.start()
    await service.drain()          # everything that lies in the topics now is in ClickHouse
    await service.stop()

Offsets are committed only behind an insert that is durable. While ClickHouse is away the sink keeps what it has read
(two batches at most), reads nothing more, tries again, and `health` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiokafka.errors import KafkaError

from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.batch import Batch
from sinks.clickhouse.database import Database
from sinks.errors import DatabaseError
from sinks.kafka import Ends, SinkKafka
from sinks.lanes import lanes
from sinks.loads import Load
from sinks.stats import NoStats, SinkStats

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.1
#: A broker's end offsets can lag behind by a batch, so a drain also waits until this long nothing comes.
_DRAIN_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """How the sink works. A batch is inserted when it has the rows, the bytes or the age."""

    kafka: str = "127.0.0.1:9092"
    group: str = "supportpulse-sink"
    topics: Topics = field(default_factory=Topics)
    #: Counts the incarnations of a broker that forgets; 0 for one that does not.
    epoch: int = 0
    batch_rows: int = 50_000
    batch_bytes: int = 32 << 20
    batch_seconds: float = 0.5
    poll_records: int = 2_000
    session_timeout_ms: int = 10_000
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 10.0
    #: How long `stop` tries to land what was read; what does not land is read again later.
    stop_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether results are landing, and if not, why."""

    ok: bool
    detail: str


@dataclass(slots=True)
class _Drain:
    ends: Ends
    parked: int
    done: asyncio.Future[None]


class SinkService:
    """One member of the consumer group. `clock` gives now; it dates latencies and dead letters."""

    def __init__(
        self, config: SinkConfig, database: Database, *, clock: Callable[[], EpochMs], stats: SinkStats | None = None
    ) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._stats = stats or NoStats()
        self._lanes = lanes(config.topics)
        self._kafka = SinkKafka(config.kafka, config.group, config.topics, config.session_timeout_ms)
        self._batch = self._new_batch()
        self._batch_since = 0.0
        self._landing: asyncio.Task[None] | None = None
        self._landing_batch: Batch | None = None
        self._drains: list[_Drain] = []
        self._parked = 0
        self._stop = asyncio.Event()
        self._abandon = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._health = Health(False, "not started")

    @property
    def health(self) -> Health:
        """How it goes."""
        runner = self._runner
        if runner is not None and runner.done() and not self._stop.is_set():
            return Health(False, f"the sink has ended: {'cancelled' if runner.cancelled() else runner.exception()}")
        return self._health

    async def start(self) -> None:
        """Join the group and begin. Raises `KafkaUnavailable` when no broker answers."""
        await self._kafka.start()
        self._health = Health(True, "reading")
        self._runner = asyncio.create_task(self._run(), name="sink")

    async def wait(self) -> None:
        """Until the sink has ended; raises what ended it."""
        if self._runner is not None:
            await asyncio.shield(self._runner)

    async def drain(self) -> None:
        """Until everything that lies in this member's partitions now has landed and is committed.

        Waits through an outage of ClickHouse; raises what ends the sink meanwhile.
        """
        runner = self._runner
        if runner is None:
            raise RuntimeError("drain() needs start() first")
        await self._kafka.assigned()
        drain = _Drain(await self._kafka.ends(), self._parked, asyncio.get_running_loop().create_future())
        self._drains.append(drain)
        await asyncio.wait({drain.done, runner}, return_when=asyncio.FIRST_COMPLETED)
        if not drain.done.done():
            await runner
            raise asyncio.CancelledError("the sink was stopped while draining")

    async def stop(self) -> None:
        """Land and commit what was read, leave the group. What cannot land in time is left to be read again."""
        self._stop.set()
        try:
            if self._runner is not None:
                _done, running = await asyncio.wait({self._runner}, timeout=self._config.stop_seconds)
                self._abandon.set()
                if running:
                    _log.warning("sink.abandoned", rows=self._batch.rows, health=self._health.detail)
                await self._runner
        finally:
            await self._kafka.stop()
            self._health = Health(False, "stopped")

    async def _run(self) -> None:
        try:
            while not self._stop.is_set():
                await self._turn()
            await self._hand_over()
            await self._landed()
        finally:
            self._abandon.set()
            if self._landing is not None:
                with contextlib.suppress(Exception):
                    await self._landing

    async def _turn(self) -> None:
        wait_seconds = _DRAIN_POLL_SECONDS if self._drains else _POLL_SECONDS
        polled = await self._kafka.poll(wait_seconds, self._config.poll_records)
        if polled and not self._batch.rows:
            self._batch_since = time.monotonic()
        for (topic, partition), records in polled.items():
            self._batch.add(topic, partition, records, self._clock())
        self._tell_windows()
        if self._due():
            await self._hand_over()
        self._tell_lag()
        if self._drains and not polled:
            await self._settle_drains()
        # A full buffer answers polls at once; heartbeats want their turn all the same.
        await asyncio.sleep(0)

    def _due(self) -> bool:
        batch, config = self._batch, self._config
        if not batch.rows:
            return False
        age_seconds = time.monotonic() - self._batch_since
        full = batch.rows >= config.batch_rows or batch.size_bytes >= config.batch_bytes
        return full or age_seconds >= config.batch_seconds

    async def _hand_over(self) -> None:
        """Begin to land the batch, behind the one before it; meanwhile the next one is read."""
        self._batch.close(self._clock())
        await self._landed()
        if not self._batch.rows:
            return
        batch, self._batch = self._batch, self._new_batch()
        self._landing_batch = batch
        self._landing = asyncio.create_task(self._land(batch), name="sink-insert")

    async def _landed(self) -> None:
        if self._landing is not None:
            landing, self._landing = self._landing, None
            await landing

    async def _land(self, batch: Batch) -> None:
        if self._abandon.is_set():
            # The batch before this one may not have landed: to commit this one would skip it.
            return
        for topic, reason in batch.refusals:
            self._stats.refused(topic, reason)
        if batch.letters:
            await self._kafka.park(batch.letters)
            self._parked += len(batch.letters)
        for load in batch.loads():
            if not await self._insert(load):
                return
        now_ms = self._clock()
        for topic, timestamps in batch.timestamps_ms.items():
            self._stats.landed(topic, [(now_ms - at_ms) / 1000 for at_ms in timestamps])
        self._landing_batch = None
        try:
            await self._kafka.commit(batch.offsets)
        except KafkaError as exc:
            # The rows are in; whoever reads these offsets again inserts the same ones.
            _log.warning("sink.commit_failed", error=type(exc).__name__)

    async def _insert(self, load: Load) -> bool:
        """Insert until it has worked; False if the sink had to give up because it is stopping."""
        table, wait_seconds, attempts = load.lane.table, self._config.first_wait_seconds, 0
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(lambda: self._database.insert(table, load.columns()))
            except DatabaseError as exc:
                attempts += 1
                self._stats.failed(table, type(exc).__name__)
                self._health = Health(False, f"cannot insert into {table} (attempt {attempts}): {exc}")
                _log.warning("sink.insert_failed", table=table, attempt=attempts, error=str(exc))
                if await self._gave_up(wait_seconds):
                    return False
                wait_seconds = min(wait_seconds * 2, self._config.longest_wait_seconds)
            else:
                self._stats.inserted(table, load.rows, time.monotonic() - began)
                self._health = Health(True, "reading")
                return True

    async def _gave_up(self, wait_seconds: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._abandon.wait(), wait_seconds)
        return self._abandon.is_set()

    async def _settle_drains(self) -> None:
        reached = [drain for drain in self._drains if await self._kafka.reached(drain.ends)]
        if not reached:
            return
        await self._hand_over()
        await self._landed()
        for drain in reached:
            if drain.parked != self._parked:
                # What was parked just now lies in the dead letter topic, behind the end that was asked for.
                drain.ends, drain.parked = await self._kafka.ends(), self._parked
                continue
            self._drains.remove(drain)
            if not drain.done.done():
                drain.done.set_result(None)

    def _tell_windows(self) -> None:
        if self._batch.windows:
            self._stats.windows(self._batch.windows)
            self._batch.windows = []

    def _tell_lag(self) -> None:
        waiting = [batch for batch in (self._landing_batch, self._batch) if batch is not None]
        now_ms = self._clock()
        for topic, records in self._kafka.lag().items():
            held = [at_ms for batch in waiting for at_ms in batch.timestamps_ms.get(topic, ())[:1]]
            unlanded = sum(len(batch.timestamps_ms.get(topic, ())) for batch in waiting)
            self._stats.lag(topic, records + unlanded, max(0.0, (now_ms - min(held)) / 1000) if held else 0.0)

    def _new_batch(self) -> Batch:
        return Batch(self._lanes, self._config.topics, self._config.epoch)
