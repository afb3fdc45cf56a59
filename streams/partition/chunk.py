"""A chunk of a partition: records in, everything that has to be sent and kept out. No Kafka, no Faust, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeAlias

import msgspec

from schemas.errors import Refused
from schemas.records import DeadLetter, MetricFact, SlaAlert
from schemas.ticks import SourceName, is_tick, read_tick
from schemas.times import EpochMs
from streams.partition.conversation import Conversation
from streams.partition.draft import Draft
from streams.partition.head import Change
from streams.partition.reading import Read, read
from streams.partition.store import Entry, Store
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


#: Offset and time of the record that caused it, and the change.
Made: TypeAlias = tuple[int, EpochMs, Change]
#: Takes a change with the offset and the time of the record that caused it.
Emit = Callable[[int, EpochMs, Change], None]


#: Read together, then folded, then sent off: each step finds its code still in the processor's caches, and the next one
#: what this one has made. One by one, or a thousand at a time, an event takes a seventh longer.
BLOCK_RECORDS = 128


class Raised(msgspec.Struct, frozen=True, gc=False):
    """An alert, and the time of the record that caused it."""

    timestamp_ms: EpochMs
    alert: SlaAlert


class _Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a record cannot be used."""

    reason: str
    detail: str


@dataclass(slots=True)
class Outcome:
    """What a chunk leads to. `counts` has accepted, duplicate, late and refused; `changes` what nobody took before."""

    #: The last source offset of the chunk.
    through: int
    changes: list[Caused] = field(default_factory=list)
    alerts: list[Raised] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    #: What became of clocks that backfill did not start.
    clocks: list[ClockChange] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    #: Tenant and source of every live event, late ones and duplicates included; of none if the store does not listen.
    heard: frozenset[SourceName] = frozenset()
    #: The conversations that were changed and are done now, where they may leave one day.
    done: list[str] = field(default_factory=list)
    #: Of the policies that are in force behind it.
    edition: int = 0

    def collect(self, offset: int, timestamp_ms: EpochMs, change: Change) -> None:
        """Keep a change."""
        self.changes.append(Caused(offset, timestamp_ms, change))

    @property
    def facts(self) -> list[MetricFact]:
        """The new versions, in the order in which they were made."""
        return [caused.change.new for caused in self.changes]


def process(
    store: Store, records: Iterable[SourceRecord], origin: str, now_ms: EpochMs, emit: Emit | None = None
) -> Outcome:
    """Fold a chunk into copies of what it touches. `origin` names the partition, for dead letters.

    The store is read and not changed: put `outcome.entries` when everything has been sent. Records at or before
    `store.applied` have had their effect and are passed over. Changes go to `emit` soon after they were made; without
    it, `outcome.changes` has them.

    Raises `HasLeft` where a conversation has to come back first, and `UnknownEdition`; void is then what went to
    `emit`.
    """
    folding = _Folding(store, origin, now_ms)
    emit = emit or folding.outcome.collect
    spoken = set[SourceName]()
    for block in _blocks(records):
        read_all = _read_all(block)
        if store.listens:
            spoken |= _sources(read_all)
        for record, found in zip(block, read_all, strict=True):
            if record.offset > folding.through:
                folding.take(record, found)
        for each in folding.made:
            emit(*each)
        folding.made.clear()
    outcome = folding.end()
    outcome.heard = frozenset(spoken)
    if store.leavers is not None:
        outcome.done = folding.draft.done()
    return outcome


class _Folding:
    """A chunk under way, one record after the other."""

    __slots__ = (
        *("accepted", "draft", "duplicates", "edition", "late"),
        *("made", "now_ms", "origin", "outcome", "through"),
    )

    def __init__(self, store: Store, origin: str, now_ms: EpochMs) -> None:
        self.draft = Draft(store)
        self.outcome = Outcome(through=store.applied)
        self.origin = origin
        self.now_ms = now_ms
        #: The last offset that was taken.
        self.through = store.applied
        #: Of the policies that judge now.
        self.edition = self.draft.editions.current
        #: Changes for which nobody has come yet.
        self.made: list[Made] = []
        self.accepted = self.late = self.duplicates = 0

    def take(self, record: SourceRecord, found: Read | _Refusal) -> None:
        """Fold what was read of the next record."""
        self.through = offset = record.offset
        if isinstance(found, _Refusal):
            self._take_other(record, found)
            return
        tenant, conversation_id, event = found
        conversation = self.draft.conversation(tenant, conversation_id)
        if conversation.head.edition != self.edition:
            _renew(self.draft, self.outcome, conversation, offset, record.timestamp, self.made)
        if conversation.knows(event):
            self.duplicates += 1
            return
        in_order = conversation.is_in_order(event)
        self.accepted += in_order
        self.late += not in_order
        for change in conversation.apply(event, in_order, record.timestamp):
            self.made.append((offset, record.timestamp, change))
        if conversation.watch.has_news:
            _take_alerts(self.outcome, conversation, record.timestamp)
        self.draft.touched(conversation, offset)

    def _take_other(self, record: SourceRecord, refused: _Refusal) -> None:
        """What is no event: a tick, or for the dead letters."""
        offset = record.offset
        if record.key is not None and is_tick(record.key, record.value):
            _tick(self.draft, self.outcome, record.key, offset, record.timestamp, self.made)
            self.edition = self.draft.editions.current
        else:
            self.outcome.dead_letters.append(_dead_letter(record, refused, f"{self.origin}/{offset}", self.now_ms))

    def end(self) -> Outcome:
        """What all of it leads to."""
        outcome = self.outcome
        outcome.through, outcome.edition = self.through, self.edition
        refused = len(outcome.dead_letters)
        found = {"accepted": self.accepted, "late": self.late, "duplicate": self.duplicates, "refused": refused}
        outcome.counts.update({name: count for name, count in found.items() if count})
        outcome.entries = self.draft.entries()
        return outcome


def _blocks(records: Iterable[SourceRecord]) -> Iterator[list[SourceRecord]]:
    """The records, some at a time: see `BLOCK_RECORDS`."""
    left = iter(records)
    while block := list(islice(left, BLOCK_RECORDS)):
        yield block


def _read_all(block: Iterable[SourceRecord]) -> list[Read | _Refusal]:
    """What the fold needs of each, or why it cannot be had."""
    return [_read_or_refuse(record.value or b"") for record in block]


def _sources(events: Iterable[Read | _Refusal]) -> set[SourceName]:
    """Tenant and source of those that are no backfill."""
    return {(one[0], one[2].source) for one in events if isinstance(one, tuple) and not one[2].historical}


def _read_or_refuse(payload: bytes) -> Read | _Refusal:
    try:
        return read(payload)
    except Refused as refused:
        # Not the exception: it holds on to what was at work when it was raised, and that to the exception.
        return _Refusal(refused.reason, refused.detail)


def judge(store: Store, as_of_ms: EpochMs, emit: Emit | None = None) -> Outcome:
    """Breach every open clock whose deadline lies before `as_of_ms`. `emit` as in `process`.

    Every conversation has been judged by the edition in force: that takes ticks, which have offsets of their own.
    """
    draft = Draft(store)
    outcome = Outcome(through=store.applied, edition=store.editions.current)
    emit = emit or outcome.collect
    for conversation in draft.all():
        changes = conversation.judge(as_of_ms)
        if changes or conversation.watch.has_news or conversation.watch.moved:
            _take_alerts(outcome, conversation, as_of_ms)
            for change in changes:
                emit(store.applied, as_of_ms, change)
            draft.touched(conversation, conversation.head.offset)
    outcome.entries = draft.entries()
    return outcome


def _tick(draft: Draft, outcome: Outcome, key: bytes, offset: int, at_ms: EpochMs, made: list[Made]) -> None:
    tick = read_tick(key)
    draft.enter(tick.edition)

    def renew(conversation: Conversation) -> None:
        if conversation.head.edition != draft.editions.current:
            _renew(draft, outcome, conversation, offset, at_ms, made)

    for conversation in draft.outdated(tick.upto):
        renew(conversation)
    for conversation, changes in judge_due(draft, tick.held, at_ms, renew):
        made += [(offset, at_ms, change) for change in changes]
        _take_alerts(outcome, conversation, at_ms)
        draft.touched(conversation, offset)


def _renew(
    draft: Draft,
    outcome: Outcome,
    conversation: Conversation,
    offset: int,
    at_ms: EpochMs,
    made: list[Made],
) -> None:
    """The policies were rewritten since it was last looked at: judge it by those in force."""
    anew = conversation.judge_anew(draft.editions.book, draft.editions.current, at_ms)
    made += [(offset, at_ms, change) for change in anew]
    if conversation.watch.has_news:
        _take_alerts(outcome, conversation, at_ms)
    draft.touched(conversation, offset)


def _take_alerts(outcome: Outcome, conversation: Conversation, timestamp_ms: EpochMs) -> None:
    alerts, clocks = conversation.watch.take()
    outcome.alerts.extend(Raised(timestamp_ms, alert) for alert in alerts)
    outcome.clocks.extend(clocks)


def _dead_letter(record: SourceRecord, refused: _Refusal, origin: str, now_ms: EpochMs) -> DeadLetter:
    return DeadLetter(
        reason=refused.reason,
        detail=refused.detail,
        origin=origin,
        parked_at=now_ms,
        key=record.key,
        original=record.value or b"",
    )
