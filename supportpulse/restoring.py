"""Giving a broker that has forgotten everything what its workers need: state and windows, from ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from schemas.times import EpochMs
from schemas.topics import Topics, record_key
from sinks.clickhouse.database import Database
from sinks.clickhouse.restore import StoredConversation, recent_facts, stored_conversations
from streams.partition.rebuild import BEFORE_THE_LOG, rebuild
from streams.sla.policies import PolicyBook
from streams.windows.deltas import DeltaBuilder
from streams.windows.shape import WINDOW_SECONDS
from streams.worker import changelog
from streams.worker.outbox import Outbox, Outgoing, partition_of

#: The owner of what is restored: no worker has this name.
_OWNER = "restored"
#: Deltas of restored facts come from no partition of the log.
_NO_PARTITION = -1
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Restored:
    """What was given back."""

    conversations: int
    events: int
    facts: int


async def restore(
    database: Database, kafka: str, topics: Topics, book: PolicyBook, *, partitions: int, epoch: int, now_ms: EpochMs
) -> Restored:
    """Fill `conversation-state` and `window-deltas` of an empty broker from ClickHouse."""
    outbox = Outbox(kafka)
    await outbox.start()
    try:
        conversations, events = await _conversations(database, outbox, topics, book, partitions, now_ms)
        facts = await _windows(database, outbox, topics, epoch, now_ms)
    finally:
        await outbox.stop()
    return Restored(conversations, events, facts)


async def _conversations(
    database: Database, outbox: Outbox, topics: Topics, book: PolicyBook, partitions: int, now_ms: EpochMs
) -> tuple[int, int]:
    conversations = events = 0
    stored = stored_conversations(database)
    while batch := list(islice(stored, _AT_ONCE)):
        by_partition: dict[int, list[Outgoing]] = {}
        for conversation in batch:
            key = record_key(conversation.tenant, conversation.conversation_id)
            records = by_partition.setdefault(partition_of(key, partitions), [])
            records.extend(_records(conversation, book, now_ms))
            conversations += 1
            events += len(conversation.events)
        for partition, records in by_partition.items():
            await outbox.send_to(topics.conversation_state, partition, records)
    return conversations, events


def _records(conversation: StoredConversation, book: PolicyBook, now_ms: EpochMs) -> Iterator[Outgoing]:
    versions = conversation.revisions
    open_deadlines = [version.open_deadline for version in versions if version.open_deadline is not None]
    entries = rebuild(
        conversation.events,
        {version.fact_id: version.revision for version in versions if version.revision > 1 or version.retracted},
        # The breaches that were sent are those with a deadline before it.
        max(open_deadlines) + 1 if open_deadlines else None,
        book,
    )
    return changelog.records_of(entries, BEFORE_THE_LOG, _OWNER, now_ms)


async def _windows(database: Database, outbox: Outbox, topics: Topics, epoch: int, now_ms: EpochMs) -> int:
    count = 0
    for facts in recent_facts(database, since_ms=now_ms - WINDOW_SECONDS[-1] * 1000):
        deltas = DeltaBuilder(_NO_PARTITION, epoch)
        for fact in facts:
            deltas.replace(None, fact, count)
            count += 1
        batches = [Outgoing(tenant.encode(), batch, now_ms) for tenant, batch in deltas.take().items()]
        await outbox.send(topics.window_deltas, batches)
    return count
