"""The Faust application of a worker: two agents over chunks, and the life around them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import faust
import structlog
from aiokafka import TopicPartition
from faust.types import TP

import speedups
from schemas import times
from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.windows.shape import PANE_MS
from streams.worker.chunks import Chunk, ChunkSchema
from streams.worker.config import Drain, WorkerConfig
from streams.worker.interactions import InteractionsStage
from streams.worker.lanes import Lanes
from streams.worker.outbox import Outbox
from streams.worker.ownership import Ownership
from streams.worker.policy_watch import PolicyWatch
from streams.worker.stats import SilentStats, WorkerStats
from streams.worker.ticker import Ticker
from streams.worker.transport import ChunkTransport
from streams.worker.unbroken import Unbroken
from streams.worker.window_stage import WindowStage

log = structlog.get_logger()

#: Records of a partition in one chunk: more cost memory and make rebalances wait, fewer cost round trips.
CHUNK_RECORDS = 6_000
#: Chunks waiting for an agent. The fetcher reads ahead on its own.
_QUEUED_CHUNKS = 2
_WATCH_SECONDS = 0.5
#: What a chunk under way gets to end, and then its commit, when the worker is told to end.
_FINISH_SECONDS = 2.0
#: When a worker hears of partitions that came, or of a topic that was made anew: Faust takes five minutes.
_HEAR_OF_TOPICS_MS = 30_000
#: How old the live gauges may be.
_LIVE_SECONDS = 1.0
#: How many session timeouts a drain waits for partitions that others have.
_SESSIONS = 3
#: When windows are refreshed behind the end of a pane: as soon as nearly all of its facts have arrived, and once more
#: for those that were still on their way, which would else wait for the end of the next one.
_BEHIND_SECONDS = (0.2, 0.7)
#: Windows reach back 24 hours; the hour more is for records that were late on their way.
_REREAD_MS = 25 * 3_600_000


class SharedGroup(SupportpulseError):
    """A drain needs all partitions to itself. Stop the other workers, or leave the work to them."""


class FaustCrashed(SupportpulseError):
    """A service of Faust's ended with an error. Nothing is committed behind it: start the worker again."""


class Worker:
    """One worker process: create it inside a running event loop, then `await run(stop)`."""

    def __init__(
        self,
        config: WorkerConfig,
        stats: WorkerStats | None = None,
        now_ms: Callable[[], EpochMs] = times.now_ms,
    ) -> None:
        self._config = config
        self._now_ms = now_ms
        self._stats = stats or SilentStats()
        self._app = _faust_app(config, now_ms())
        self._ownership = Ownership(self._app)
        self._outbox = Outbox(config.kafka)
        unbroken = Unbroken(self._app, self._ownership)
        self._interactions = InteractionsStage(
            config, self._outbox, self._ownership, unbroken, self._stats, now_ms, self._tell_lag
        )
        self._ticker = Ticker(
            config, self._interactions, self._outbox, self._ownership, self._stats, self._interactions.heard, now_ms
        )
        self._policies: PolicyWatch | None = None
        if config.policies_path is not None:
            self._policies = PolicyWatch(config.policies, config.policies_path, self._interactions.use, now_ms)
        self._windows = WindowStage(config, self._outbox, self._ownership, unbroken)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes = Lanes(self._fail)
        self._progress = asyncio.Event()
        #: partition of `interactions` → records and seconds behind its end
        self._lags: dict[int, tuple[int, float]] = {}
        self._has_assignment = asyncio.Event()
        self._recovering: asyncio.Future[None] | None = None
        self._app.on_partitions_assigned.connect(self._assigned, weak=False)
        self._agent(config.topics.interactions, self._on_interactions)
        self._agent(config.topics.window_deltas, self._on_deltas)

    def health(self) -> tuple[bool, str]:
        """Whether every partition that this worker has is being worked on, and what is not yet. From any thread."""
        if not self._has_assignment.is_set():
            return False, "joining the group"
        recovering = self._interactions.recovering
        return not recovering, f"reading the state of {recovering} partitions" if recovering else "working"

    @property
    def windows_are_behind(self) -> bool:
        """Whether what was sent to the windows of this worker has not yet reached them."""
        return any(self._windows.applied(partition) < end for partition, end in self._interactions.deltas_sent.items())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, the drain is done, or something fails. A failure is raised; nothing is committed
        behind it.
        """
        code = speedups.state()
        if code.compiled:
            log.info("worker.starts", hot_path=str(code))
        else:
            log.warning("worker.starts", hot_path=str(code), why=code.why)
        self._config.data_dir.mkdir(parents=True, exist_ok=True)
        _tame_garbage_collection()
        tasks: set[asyncio.Future[Any]] = {self._failed}
        try:
            await self._outbox.start()
            await self._app.start()
            tasks |= {asyncio.ensure_future(each) for each in (stop.wait(), *self._at_work())}
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._finish()
        finally:
            for task in tasks:
                task.cancel()
            await self._lanes.stop()
            await self._app.stop()
            await self._outbox.stop()

    def _at_work(self) -> Iterator[Awaitable[Any]]:
        """What runs beside the agents until one of it ends."""
        yield self._watch()
        yield self._refresh_windows()
        if self._config.drain is not None:
            yield self._drain(self._config.drain)
            return
        yield self._ticker.run()
        yield self._show_live()
        if self._policies is not None:
            yield self._policies.run()

    async def _finish(self) -> None:
        """Commit what can be finished soon. The rest is done again by whoever is next."""
        await self._lanes.finish(_FINISH_SECONDS)
        if self._failed.done():
            self._failed.result()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._app.consumer.commit(), _FINISH_SECONDS)

    def reload_policies(self) -> None:
        """Read the policies file again soon. What cannot be used is refused in the log, and the old ones stay."""
        if self._policies is not None:
            self._policies.ask()

    def _fail(self, exc: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(exc)

    def _agent(self, topic: str, handle: Callable[[TP, Chunk, int], Any]) -> None:
        async def chunks(stream: Any) -> None:
            async for event in stream.noack().events():
                message = event.message
                try:
                    await handle(message.tp, event.value, message.generation_id)
                except asyncio.CancelledError:
                    raise
                # Faust would restart the agent behind the chunk that failed, and commit past it.
                except Exception as exc:  # noqa: BLE001
                    self._fail(exc)
                    await asyncio.Event().wait()

        channel = self._app.topic(topic, schema=ChunkSchema(), internal=False)
        self._app.agent(channel, name=f"supportpulse.{topic}")(chunks)

    async def _on_interactions(self, tp: TP, chunk: Chunk, generation: int) -> None:
        await self._lanes.put(tp.partition, lambda: self._process(tp, chunk, generation))

    async def _process(self, tp: TP, chunk: Chunk, generation: int) -> None:
        if await self._interactions.handle(tp, chunk, generation):
            last = chunk.records[-1]
            self._app.consumer.finish(tp, last.offset)
            self._tell_lag(tp, last.offset, last.timestamp)
            self._progress.set()

    def _tell_lag(self, tp: TP, offset: int, timestamp_ms: EpochMs) -> None:
        behind = max(0, (self._app.consumer.end_offset(tp) or 0) - offset - 1)
        self._lags[tp.partition] = (behind, (self._now_ms() - timestamp_ms) / 1000 if behind else 0.0)
        records = sum(records for records, _ in self._lags.values())
        self._stats.lag(tp.topic, records, max(0.0, *(seconds for _, seconds in self._lags.values())))

    async def _on_deltas(self, tp: TP, chunk: Chunk, generation: int) -> None:
        await self._windows.handle(tp, chunk, generation, self._window_now_ms())
        self._progress.set()

    async def _assigned(self, _app: Any, assigned: set[TP], **_kwargs: Any) -> None:
        generation = self._ownership.generation
        topics = self._config.topics
        self._lags.clear()
        self._interactions.take_over((tp.partition for tp in assigned if tp.topic == topics.interactions), generation)
        deltas = [TopicPartition(tp.topic, tp.partition) for tp in assigned if tp.topic == topics.window_deltas]
        # At once: what is read meanwhile must find its book.
        self._windows.begin((tp.partition for tp in deltas), generation)
        self._recovering = asyncio.ensure_future(self._fail_if_not_recovered())
        ends = await self._app.consumer.highwaters(*deltas) if deltas else {}
        self._windows.catch_up(((tp.partition, end or 0) for tp, end in ends.items()), generation)
        self._has_assignment.set()

    async def _fail_if_not_recovered(self) -> None:
        """What cannot be recovered ends the worker at once, and not with the first event that wants it."""
        try:
            await self._interactions.recovered()
        # A broker that fails as well: nobody would breach what is due in a partition that stays away.
        except Exception as exc:  # noqa: BLE001
            self._fail(exc)

    async def _watch(self) -> None:
        """Faust notes that one of its services has crashed, and stays."""
        while not self._app.crashed:
            await asyncio.sleep(_WATCH_SECONDS)
        reason = self._app.crash_reason
        raise FaustCrashed(f"Faust has crashed: {type(reason).__name__}: {reason}. Start the worker again") from reason

    async def _show_live(self) -> None:
        while True:
            await asyncio.sleep(_LIVE_SECONDS)
            self._stats.live(self._interactions.live(), self._now_ms())

    async def _refresh_windows(self) -> None:
        if self._config.drain is not None:
            await asyncio.Event().wait()
        while True:
            due = time.monotonic() + (planned := _until_behind_a_pane(self._config.refresh_seconds))
            await asyncio.sleep(planned)
            late_seconds = time.monotonic() - due
            if late_seconds > self._config.session_timeout_seconds / 2:
                # Frozen for so long that others may own our partitions by now; the next heartbeat will tell.
                log.warning("windows not refreshed: this worker stood still", seconds=round(late_seconds, 1))
                continue
            await self._windows.refresh(self._now_ms())

    async def _drain(self, drain: Drain) -> None:
        await self._hold(set(drain.until))
        await self._until(self._interactions.applied, drain.until)
        # Not ahead of the present: a broker may refuse records from the future.
        while ticks := await self._ticker.rewrite(min(drain.as_of_ms, self._now_ms())):
            await self._until(self._interactions.applied, ticks)
        await self._interactions.judge(drain.as_of_ms)
        await self._until(self._windows.applied, self._interactions.deltas_sent)
        while not self._windows.caught_up:
            await self._next_progress()
        await self._windows.refresh(self._window_now_ms())
        await self._app.consumer.commit()

    async def _hold(self, wanted: set[int]) -> None:
        """Wait for all of these partitions: those of a worker that died come with the end of its session."""
        await self._has_assignment.wait()
        deadline = time.monotonic() + _SESSIONS * self._config.session_timeout_seconds
        while True:
            await self._interactions.recovered()
            elsewhere = sorted(wanted - self._interactions.partitions)
            if not elsewhere:
                return
            if time.monotonic() > deadline:
                raise SharedGroup(
                    f"other workers of the group {self._config.group} have partitions {elsewhere} of "
                    f"{self._config.topics.interactions}: stop them first, or import without --once, for them to do"
                )
            await asyncio.sleep(0.2)

    async def _until(self, applied: Callable[[int], int], wanted: Any) -> None:
        while any(applied(partition) < offset for partition, offset in wanted.items()):
            await self._next_progress()

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _window_now_ms(self) -> EpochMs:
        """The present, or in a drain the instant it is judged as of, rounded up to the grid of the windows."""
        drain = self._config.drain
        return self._now_ms() if drain is None else -(-drain.as_of_ms // PANE_MS) * PANE_MS


def _until_behind_a_pane(period_seconds: float) -> float:
    """Windows end with a whole pane: refreshed right behind its end, they are as fresh as they can be."""
    now = time.time()
    return min((behind - now) % period_seconds or period_seconds for behind in _BEHIND_SECONDS)


def _tame_garbage_collection() -> None:
    # The state is bytes in dictionaries, which hold no cycles: looking through them costs a quarter of the throughput.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _faust_app(config: WorkerConfig, now_ms: EpochMs) -> Any:
    app = faust.App(
        config.group,
        broker=f"kafka://{config.kafka}",
        broker_session_timeout=config.session_timeout_seconds,
        broker_heartbeat_interval=config.session_timeout_seconds / 4,
        broker_max_poll_records=CHUNK_RECORDS,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        consumer_metadata_max_age_ms=_HEAR_OF_TOPICS_MS,
        stream_buffer_maxsize=_QUEUED_CHUNKS,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        datadir=str(config.data_dir / "faust"),
        web_enabled=config.web_port is not None,
        web_bind="127.0.0.1",
        web_host="127.0.0.1",
        web_port=config.web_port or 6066,
        autodiscover=False,
    )
    app.finalize()
    reread = None if config.drain is not None else now_ms - _REREAD_MS
    app.transport = ChunkTransport(app.conf.broker_consumer, app, read_from={config.topics.window_deltas: reread})
    return app
