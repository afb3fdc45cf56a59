"""A chunk of a partition: records in, everything that has to be sent and kept out. No Kafka, no Faust, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from schemas.errors import Refused
from schemas.records import DeadLetter, MetricFact, SlaAlert
from schemas.ticks import SourceName, is_tick
from schemas.times import EpochMs
from streams.partition.conversation import Change, Conversation
from streams.partition.reading import read
from streams.partition.store import Draft, Entry, Store
from streams.partition.ticks import judge_due
from streams.timers.alerts import ClockChange


class SourceRecord(Protocol):
    """A record of `interactions`, as it lay there. aiokafka's records are such."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> EpochMs:
        """When it was published."""

    @property
    def key(self) -> bytes | None:
        """tenant/conversation_id."""

    @property
    def value(self) -> bytes | None:
        """The event."""


class Caused(msgspec.Struct, frozen=True, gc=False):
    """A change, and the record that caused it."""

    offset: int
    timestamp_ms: EpochMs
    change: Change


class Raised(msgspec.Struct, frozen=True, gc=False):
    """An alert, and the time of the record that caused it."""

    timestamp_ms: EpochMs
    alert: SlaAlert


@dataclass(slots=True)
class Outcome:
    """What a chunk leads to. `counts` has accepted, duplicate, late and refused."""

    #: The last source offset of the chunk.
    through: int
    changes: list[Caused] = field(default_factory=list)
    alerts: list[Raised] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    #: What became of clocks that backfill did not start.
    clocks: list[ClockChange] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    #: Tenant and source of the last word in each conversation that had an event.
    heard: frozenset[SourceName] = frozenset()

    @property
    def facts(self) -> list[MetricFact]:
        """The new versions, in the order in which they were made."""
        return [caused.change.new for caused in self.changes]


def process(store: Store, records: Iterable[SourceRecord], origin: str, now_ms: EpochMs) -> Outcome:
    """Fold a chunk into copies of what it touches. `origin` names the partition, for dead letters.

    The store is read and not changed: put `outcome.entries` when everything has been sent. Records at or before
    `store.applied` have had their effect and are passed over.
    """
    draft = store.draft()
    outcome = Outcome(through=store.applied)
    counts = outcome.counts
    for record in records:
        offset = record.offset
        if offset <= outcome.through:
            continue
        outcome.through = offset
        try:
            tenant, conversation_id, event = read(record.value or b"")
        except Refused as refused:
            if record.key is not None and is_tick(record.key, record.value):
                _tick(draft, outcome, record.key, offset, record.timestamp)
                continue
            counts["refused"] += 1
            outcome.dead_letters.append(_dead_letter(record, refused, f"{origin}/{offset}", now_ms))
            continue
        conversation = draft.conversation(tenant, conversation_id)
        if conversation.knows(event):
            counts["duplicate"] += 1
            continue
        counts["accepted" if conversation.is_in_order(event) else "late"] += 1
        for change in conversation.apply(event, record.timestamp):
            outcome.changes.append(Caused(offset, record.timestamp, change))
        if conversation.watch.alerts:
            _take_alerts(outcome, conversation, record.timestamp)
        draft.touched(conversation, offset)
    outcome.entries = draft.entries()
    outcome.heard = draft.heard()
    return outcome


def judge(store: Store, as_of_ms: EpochMs) -> Outcome:
    """Breach every open clock whose deadline lies before `as_of_ms`."""
    draft = store.draft()
    outcome = Outcome(through=store.applied)
    for conversation in draft.all():
        changes = conversation.judge(as_of_ms)
        if changes or conversation.watch.alerts or conversation.watch.moved:
            _take_alerts(outcome, conversation, as_of_ms)
            outcome.changes.extend(Caused(store.applied, as_of_ms, change) for change in changes)
            draft.touched(conversation, conversation.head.offset)
    outcome.entries = draft.entries()
    return outcome


def _tick(draft: Draft, outcome: Outcome, key: bytes, offset: int, at_ms: EpochMs) -> None:
    for conversation, changes in judge_due(draft, key, at_ms):
        outcome.changes.extend(Caused(offset, at_ms, change) for change in changes)
        _take_alerts(outcome, conversation, at_ms)
        draft.ticked(conversation, offset)


def _take_alerts(outcome: Outcome, conversation: Conversation, timestamp_ms: EpochMs) -> None:
    alerts, clocks = conversation.watch.alerts.take()
    outcome.alerts.extend(Raised(timestamp_ms, alert) for alert in alerts)
    outcome.clocks.extend(clocks)


def _dead_letter(record: SourceRecord, refused: Refused, origin: str, now_ms: EpochMs) -> DeadLetter:
    return DeadLetter(
        reason=refused.reason,
        detail=refused.detail,
        origin=origin,
        parked_at=now_ms,
        key=record.key,
        original=record.value or b"",
    )
