"""The first stage: chunks of `interactions` in, facts, window deltas and dead letters out, state kept.

The order of a chunk's steps is the commit protocol of docs/decisions/0002-state-and-commit.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import structlog
from faust.types import TP

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.partition.cap import RefusalCap
from streams.partition.chunk import Outcome, judge, process
from streams.partition.editions import Editions
from streams.partition.leavers import Leavers
from streams.partition.leaving import leave
from streams.partition.store import Entry, HasLeft, Store
from streams.sla.policies import PolicyBook
from streams.sla.policy_file import PolicyFileError
from streams.timers.queue import DueQueue
from streams.timers.standing import Figures, Group, together
from streams.worker import changelog, same_log
from streams.worker.archive import bring_back
from streams.worker.chunks import Chunk
from streams.worker.config import WorkerConfig
from streams.worker.heard import Heard
from streams.worker.outbox import Outbox
from streams.worker.outputs import Outputs
from streams.worker.ownership import Ownership
from streams.worker.stats import WorkerStats
from streams.worker.unbroken import Unbroken

log = structlog.get_logger()

_COUNTED_AT_ONCE = 500
_COUNT_PAUSE_SECONDS = 0.005


@dataclass(slots=True)
class _Partition:
    """A partition in this worker's hands."""

    store: Store
    #: New with every assignment: see the changelog.
    owner: str
    generation: int
    #: The next offset that is wanted, as far as the chunks of this assignment say. What was applied before ends at a
    #: record, and behind it there may be offsets without one.
    reached: int = 0
    #: Of conversations that came back: goes into the changelog with the next chunk.
    returned: list[Entry] = field(default_factory=list)
    #: The policies, while the changelog does not have them.
    unwritten: Editions | None = None

    def use(self, book: PolicyBook) -> None:
        """Judge by these policies, which grew and mean what they meant."""
        self.unwritten = self.store.editions.extended(book)
        self.store.use(self.unwritten)


class NoArchive(SupportpulseError):
    """Conversations left memory under another configuration. Nothing was sent or committed; says what to do."""


class PoliciesRewritten(SupportpulseError):
    """The policies are not those that judged what the worker finds. Nothing was sent or committed; says what to do."""


class InteractionsStage:
    """Keeps the state of the assigned partitions and processes their chunks."""

    def __init__(
        self,
        config: WorkerConfig,
        outbox: Outbox,
        ownership: Ownership,
        unbroken: Unbroken,
        stats: WorkerStats,
        now_ms: Callable[[], EpochMs],
        on_wait: Callable[[TP, int, EpochMs], None],
    ) -> None:
        """`on_wait`: told, while a partition waits for its archive, how far it is and from when the next record is."""
        self._config = config
        self._topics = config.topics
        self._book = config.policies
        self._outbox = outbox
        self._ownership = ownership
        self._unbroken = unbroken
        self._stats = stats
        self._now_ms = now_ms
        self._on_wait = on_wait
        self._cap = RefusalCap(config.refusals)
        self._partitions: dict[int, _Partition] = {}
        self._recovering: dict[int, asyncio.Task[_Partition]] = {}
        self._counting: set[asyncio.Task[None]] = set()
        #: The last window delta sent, by partition of `window-deltas`.
        self.deltas_sent: dict[int, int] = {}
        self.heard = Heard(config.heartbeat_seconds, now_ms())

    @property
    def partitions(self) -> set[int]:
        """Those in this worker's hands, recovered."""
        return set(self._partitions)

    @property
    def recovering(self) -> int:
        """How many of the assigned partitions have not got their state back yet."""
        return sum(not task.done() for task in self._recovering.values())

    def applied(self, partition: int) -> int:
        """The last offset of a partition that has had its effect; -1 for none."""
        held = self._partitions.get(partition)
        return -1 if held is None else held.store.applied

    def live(self) -> dict[Group, Figures]:
        """How the open conversations of all partitions stand, as far as they have been counted."""
        return together(partition.store.board for partition in self._partitions.values())

    def use(self, book: PolicyBook) -> None:
        """Judge by these policies from the next chunk on. The numbers that conversations keep must mean the same."""
        self._book = book
        for partition in self._partitions.values():
            partition.use(book)

    def next_rewrite(self, number: int) -> tuple[int, str] | None:
        """What the next tick of a partition has to say for its policies to be rewritten; None: nothing."""
        held = self._partitions.get(number)
        return None if held is None else held.store.next_rewrite()

    def queues(self) -> list[tuple[int, DueQueue]]:
        """What is due in each of the partitions."""
        return [(number, partition.store.due) for number, partition in self._partitions.items()]

    def take_over(self, assigned: Iterable[int], generation: int) -> None:
        """After a rebalance: forget what is no longer ours, and what somebody else may have had in between; begin to
        recover the rest. A chunk waits for its partition.
        """
        kept = set(assigned)
        for task in self._recovering.values():
            task.cancel()
        for number, partition in list(self._partitions.items()):
            if number in kept and partition.generation == generation - 1:
                partition.generation = generation
            else:
                del self._partitions[number]
        self._recovering = {
            number: asyncio.create_task(self._recover(number, generation))
            for number in kept
            if number not in self._partitions
        }

    async def handle(self, tp: TP, chunk: Chunk, generation: int) -> bool:
        """Process one chunk; False if the partition was taken away meanwhile, and somebody else will, or if something
        in front of it is missing, and it comes again behind that.
        """
        began = time.monotonic()
        partition = await self._partition(tp.partition)
        if partition is None or not self._ownership.holds(tp, generation):
            return False
        wanted = max(partition.store.applied + 1, partition.reached)
        if not await self._unbroken.admits(tp, chunk, wanted, generation):
            return False
        if chunk.begins < partition.reached:
            # It went back, to what was not committed yet or to where another log begins.
            await self._check_log(tp, partition.store)
        records = chunk.records
        where = f"{tp.topic}/{tp.partition}"
        outputs = await self._outputs(tp)
        try:
            outcome = process(partition.store, records, where, self._now_ms(), outputs.emit)
        except HasLeft:
            if not await self._bring_back(tp, partition, records, generation):
                return False
            outputs = await self._outputs(tp)
            outcome = process(partition.store, records, where, self._now_ms(), outputs.emit)
        log_ms = records[-1].timestamp
        leaving = leave(partition.store, outcome, log_ms)
        outcome.entries += leaving
        weighed = self._cap.check(where, records, outcome, partition.store.applied)
        if not await self._commit(tp, partition, outcome, outputs, generation, log_ms):
            if partition.store.leavers is not None:
                partition.store.leavers.push_again(entry.key for entry in leaving)
            return False
        self._cap.count(weighed)
        partition.reached = chunk.ends
        if partition.store.leavers is not None:
            partition.store.leavers.push(log_ms, outcome.done)
        self._tell(outcome, outputs, time.monotonic() - began)
        self.heard.hear(outcome.heard, records[-1].timestamp)
        return True

    async def recovered(self) -> None:
        """Wait until every assigned partition has its state back, or was taken away meanwhile."""
        for found in await asyncio.gather(*self._recovering.values(), return_exceptions=True):
            if isinstance(found, Exception):
                raise found

    async def judge(self, as_of_ms: EpochMs) -> None:
        """Breach the open clocks of all partitions whose deadline lies before `as_of_ms`."""
        for number, partition in sorted(self._partitions.items()):
            tp = TP(self._topics.interactions, number)
            outputs = await self._outputs(tp)
            outcome = judge(partition.store, as_of_ms, outputs.emit)
            await self._commit(tp, partition, outcome, outputs, self._ownership.generation)

    async def _partition(self, number: int) -> _Partition | None:
        """The partition, once it has been recovered; None if a rebalance took it away meanwhile."""
        recovering = self._recovering.get(number)
        if number not in self._partitions and recovering is not None:
            # Waited for from outside: what a rebalance cancels is the recovery, not whoever waits for it.
            await asyncio.wait([recovering])
            if not recovering.cancelled():
                recovering.result()
        return self._partitions.get(number)

    async def _bring_back(self, tp: TP, partition: _Partition, records: list[Any], generation: int) -> bool:
        """Everything that the chunk needs; False if the partition was taken away meanwhile."""
        archive, store = self._config.archive, partition.store
        if archive is None:
            raise NoArchive(
                f"{tp.topic}/{tp.partition} has events of conversations that left memory, and this worker knows no "
                "ClickHouse to bring them back from: give it the one that its predecessor had (--clickhouse)"
            )

        def still_wanted() -> bool:
            if not self._ownership.holds(tp, generation):
                return False
            self._on_wait(tp, store.applied, records[0].timestamp)
            return True

        return await bring_back(archive, store, records, partition.returned.extend, still_wanted)

    async def _recover(self, number: int, generation: int) -> _Partition:
        store = Store(self._book, listens=bool(self._config.heartbeat_seconds))
        if self._config.archive is not None:
            store.leavers = Leavers(self._config.leave_after_ms)
        began = time.monotonic()
        found = await changelog.recover(self._config.kafka, self._topics.conversation_state, number, store)
        await self._check_log(TP(self._topics.interactions, number), store)
        book, owner = self._book, uuid4().hex[:16]
        unwritten = self._judge_by(number, store, found)
        if unwritten is not None and unwritten.current < unwritten.last:
            # Whoever meets the tick that puts them into force has to know them, whatever becomes of this worker.
            record = changelog.policies_record(unwritten, store.applied, owner, self._now_ms())
            await self._outbox.send_to(self._topics.conversation_state, number, [record])
            unwritten = None
        store.index_due()
        store.index_leavers()
        log.info(
            "recovered",
            partition=number,
            records=found.records,
            to_judge_again=len(store.heads if store.editions.current < store.editions.last else store.outdated),
            conversations=len(store.heads),
            left=len(store.left),
            applied=store.applied,
            seconds=round(time.monotonic() - began, 3),
        )
        partition = self._partitions[number] = _Partition(store, owner, generation, unwritten=unwritten)
        if self._book is not book:
            # They were replaced while the broker took the others.
            partition.use(self._book)
        counting = asyncio.create_task(self._count(number, partition))
        self._counting.add(counting)
        counting.add_done_callback(self._counting.discard)
        return partition

    def _judge_by(self, number: int, store: Store, found: changelog.Recovery) -> Editions | None:
        """Let the store go on with the present policies, if these go with what was found; what has to be written."""
        # They may have been replaced since the recovery began.
        before, book = found.editions, self._book
        if before is None:
            store.use(Editions((book,)))
            return store.editions
        name = str(self._config.policies_path or "the policies")
        judged_until_ms = self._now_ms() if found.written_ms is None else found.written_ms
        try:
            after = before.followed_by(book, name, now_ms=judged_until_ms, rewrite=self._config.rewrite_policies)
        except PolicyFileError as exc:
            raise PoliciesRewritten(
                f"{self._topics.interactions}/{number} was judged by other policies: {exc}. To judge everything again, "
                "start all workers with --rewrite-policies; else give this one the file as it was"
            ) from exc
        store.use(after)
        return None if after.judge_as(before) else after

    async def _count(self, number: int, partition: _Partition) -> None:
        """Count how the recovered conversations stand, beside the work: gauges can wait, events cannot."""
        while self._partitions.get(number) is partition and partition.store.count_some(_COUNTED_AT_ONCE):
            await asyncio.sleep(_COUNT_PAUSE_SECONDS)

    async def _outputs(self, tp: TP) -> Outputs:
        beside = await self._outbox.lie_beside(self._topics.facts, tp.topic)
        return Outputs(self._outbox, self._topics, tp, self._config.epoch, beside=beside)

    async def _check_log(self, tp: TP, store: Store) -> None:
        """Raises `LogBegunAnew` where new records would pass for those that the store knows."""
        if store.applied >= 0:
            await same_log.check(self._config.kafka, tp, store.applied, store.applied_ms)

    async def _commit(
        self,
        tp: TP,
        partition: _Partition,
        outcome: Outcome,
        outputs: Outputs,
        generation: int,
        last_ms: EpochMs | None = None,
    ) -> bool:
        """Send, keep and publish what a chunk leads to, whose last record was published at `last_ms`."""
        through_ms = last_ms if outcome.through > partition.store.applied else partition.store.applied_ms
        self.deltas_sent.update(await outputs.send(outcome.dead_letters, outcome.alerts))
        if not self._ownership.holds(tp, generation):
            return False
        entries = [*partition.returned, *outcome.entries]
        policies = partition.unwritten
        records = changelog.records_of(
            entries,
            outcome.through,
            partition.owner,
            self._now_ms(),
            through_ms=through_ms,
            edition=outcome.edition,
            policies=policies,
        )
        await self._outbox.send_to(self._topics.conversation_state, tp.partition, records)
        if not self._ownership.holds(tp, generation):
            return False
        for entry in outcome.entries:
            partition.store.put(entry)
        partition.store.applied, partition.store.applied_ms = outcome.through, through_ms
        partition.store.enter(outcome.edition)
        if partition.unwritten is policies:
            partition.unwritten = None
        partition.returned.clear()
        return True

    def _tell(self, outcome: Outcome, outputs: Outputs, seconds: float) -> None:
        self._stats.events(outcome.counts)
        self._stats.facts(outputs.facts)
        self._stats.dead_letters(self._topics.interactions, Counter(letter.reason for letter in outcome.dead_letters))
        self._stats.clocks(outcome.clocks)
        self._stats.alerts(raised.alert for raised in outcome.alerts)
        self._stats.chunk(seconds)
