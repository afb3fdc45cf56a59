"""Giving a broker that has forgotten everything what its workers need: state and windows, from ClickHouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from schemas import fast
from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from schemas.topics import Topics, record_key
from sinks.clickhouse.database import Database
from sinks.clickhouse.restore import recent_facts, stored_conversations
from streams.partition.rebuild import BEFORE_THE_LOG
from streams.partition.store import Entry
from streams.sla.policies import PolicyBook
from streams.timers.kept import Raised
from streams.windows.deltas import DeltaBuilder
from streams.windows.shape import WINDOW_SECONDS
from streams.worker import changelog
from streams.worker.outbox import Outbox, Outgoing, partition_of
from supportpulse.mending import Name, mend, stored_facts, stored_raised

#: The owner of what is restored: no worker has this name.
_OWNER = "restored"
#: Deltas of restored facts come from no partition of the log.
_NO_PARTITION = -1
_AT_ONCE = 5_000


@dataclass(slots=True)
class Restored:
    """What was given back. `mended`: versions of facts that ClickHouse should have had and did not."""

    conversations: int = 0
    events: int = 0
    facts: int = 0
    mended: int = 0


async def restore(
    database: Database,
    kafka: str,
    topics: Topics,
    book: PolicyBook,
    *,
    partitions: int,
    epoch: int,
    as_of_ms: EpochMs,
    now_ms: EpochMs,
) -> Restored:
    """Fill `conversation-state` and `window-deltas` of an empty broker from ClickHouse, and send the versions of facts
    that a crash kept ClickHouse from having. `as_of_ms`: the windows that come next end there or later.
    """
    outbox = Outbox(kafka)
    await outbox.start()
    try:
        task = _Restore(database, outbox, topics, book, epoch, now_ms)
        await task.windows(as_of_ms - WINDOW_SECONDS[-1] * 1000)
        await task.conversations(partitions)
    finally:
        await outbox.stop()
    return task.done


class _Restore:
    def __init__(
        self, database: Database, outbox: Outbox, topics: Topics, book: PolicyBook, epoch: int, now_ms: EpochMs
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._topics = topics
        self._book = book
        self._now_ms = now_ms
        self._deltas = DeltaBuilder(_NO_PARTITION, epoch)
        self._ticket = 0
        self.done = Restored()

    async def windows(self, since_ms: EpochMs) -> None:
        """What ClickHouse has of the last windows, for the books."""
        for facts in recent_facts(self._database, since_ms=since_ms):
            for fact in facts:
                self._replace(None, fact)
            self.done.facts += len(facts)
            await self._send_deltas()

    async def conversations(self, partitions: int) -> None:
        """Every conversation that has events or facts."""
        stored = stored_conversations(self._database)
        after: Name | None = None
        while True:
            events = {(one.tenant, one.conversation_id): one.events for one in islice(stored, _AT_ONCE)}
            last = next(reversed(events)) if len(events) == _AT_ONCE else None
            facts = stored_facts(self._database, after, last)
            await self._batch(events, facts, stored_raised(self._database, after, last), partitions)
            if last is None:
                return
            after = last

    async def _batch(
        self,
        events: Mapping[Name, Sequence[InteractionEvent]],
        facts: Mapping[Name, Sequence[MetricFact]],
        raised: Mapping[Name, Mapping[str, list[Raised]]],
        partitions: int,
    ) -> None:
        entries: defaultdict[int, list[Entry]] = defaultdict(list)
        missing: list[Outgoing] = []
        for name in {**events, **facts}:
            key = record_key(*name)
            mended = mend(name, events.get(name, ()), facts.get(name, ()), self._book, raised.get(name))
            entries[partition_of(key, partitions)] += mended.entries
            for change in mended.changes:
                missing.append(Outgoing(key, fast.encode_fact(change.new), self._now_ms))
                self._replace(change.old, change.new)
        for partition, found in entries.items():
            records = changelog.records_of(found, BEFORE_THE_LOG, _OWNER, self._now_ms)
            await self._outbox.send_to(self._topics.conversation_state, partition, records)
        await self._outbox.send(self._topics.facts, missing)
        await self._send_deltas()
        self.done.conversations += len(events)
        self.done.events += sum(map(len, events.values()))
        self.done.mended += len(missing)

    def _replace(self, old: MetricFact | None, new: MetricFact) -> None:
        self._deltas.replace(old, new, self._ticket)
        self._ticket += 1

    async def _send_deltas(self) -> None:
        batches = [Outgoing(tenant.encode(), batch, self._now_ms) for tenant, batch in self._deltas.take().items()]
        await self._outbox.send(self._topics.window_deltas, batches)
