"""One conversation as a worker keeps it: takes events in any order, answers with what changed in its facts.

The law that everything here serves: the versions sent so far, latest per fact_id, are exactly
`fold(distinct events so far, judged_ms)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgspec

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.fold.conversation import fold
from streams.fold.events import LogEvent
from streams.fold.measure import Measure
from streams.fold.state import FoldState
from streams.fold.steps import step
from streams.sla.policies import PolicyBook

#: Events of a conversation that are kept in its head; with more, the older ones are sealed into segments.
SEGMENT_EVENTS = 64

#: A survey may be answered again, so each answer is compared with what was there.
_ANSWERS = frozenset(("csat", "nps", "ces"))


class Change(NamedTuple):
    """A fact got a new version. `old` is None for the first; `new` is marked retracted when it holds no longer."""

    old: MetricFact | None
    new: MetricFact


class Head(msgspec.Struct, array_like=True):
    """What is kept of a conversation, besides its sealed segments."""

    tenant: str
    conversation_id: str
    fold: FoldState
    #: Up to when its open clocks have been judged; None: not yet.
    judged_ms: EpochMs | None = None
    #: fact_id behind the conversation → its revision, for facts that have more than one version
    revisions: dict[str, int] = {}
    #: Its latest events, in the order of arrival.
    tail: list[LogEvent] = []
    #: How many segments of SEGMENT_EVENTS events came before the tail.
    segments: int = 0
    #: Deleted or spam: it has no facts, and never will.
    erased: bool = False
    #: Source offset of the last event that changed it.
    offset: int = -1


class Archive(Protocol):
    """The sealed segments of a conversation. Asked only about those with more than SEGMENT_EVENTS events."""

    def events(self) -> Iterator[LogEvent]:
        """All events in sealed segments."""

    def may_hold(self, event_id: str) -> bool:
        """False only if no sealed event has this id."""


class Conversation:
    """A head together with access to its older events."""

    __slots__ = ("_archive", "_book", "head")

    def __init__(self, head: Head, book: PolicyBook, archive: Archive) -> None:
        self.head = head
        self._book = book
        self._archive = archive

    def knows(self, event: LogEvent) -> bool:
        """Whether the event is a duplicate."""
        identity, head = event.identity, self.head
        if any(known.identity == identity for known in head.tail):
            return True
        if head.segments == 0 or not self._archive.may_hold(event.event_id):
            return False
        return any(known.identity == identity for known in self._archive.events())

    def apply(self, event: LogEvent) -> list[Change]:
        """Take in an event that it does not know yet; what changed, in a fixed order."""
        head = self.head
        if head.erased:
            return []
        if event.erases:
            return self._erase()
        last = head.fold.last
        if head.judged_ms is None and (last is None or event.order > last):
            changes = self._append(event)
        else:
            changes = self._refold(event)
        return changes

    def judge(self, as_of_ms: EpochMs) -> list[Change]:
        """Breach the open clocks whose deadline lies before `as_of_ms`. Never goes back."""
        head = self.head
        if head.erased or head.fold.episode is None or (head.judged_ms is not None and head.judged_ms >= as_of_ms):
            return []
        before = {} if head.judged_ms is None else self._open_breaches(head.judged_ms)
        changes = self._compare(before, self._open_breaches(as_of_ms))
        if changes:
            head.judged_ms = as_of_ms
        return changes

    def _append(self, event: LogEvent) -> list[Change]:
        head = self.head
        measure = Measure(head.tenant, head.conversation_id, self._book, head.fold)
        step(measure, event)
        new = {fact.fact_id: fact for fact in measure.facts}
        old: dict[str, MetricFact] = {}
        if any(self._may_revise(fact) for fact in measure.facts):
            _, known = self._fold(list(self._events()))
            old = {fact_id: known[fact_id] for fact_id in new if fact_id in known}
        head.tail.append(event)
        return self._compare(old, new)

    def _refold(self, event: LogEvent) -> list[Change]:
        head = self.head
        events = list(self._events())
        _, old = self._fold(events)
        head.fold, new = self._fold([*events, event])
        head.tail.append(event)
        return self._compare(old, new)

    def _erase(self) -> list[Change]:
        head = self.head
        _, old = self._fold(list(self._events()))
        changes = self._compare(old, {})
        # Nothing can bring its facts back, so nothing of it needs to be remembered.
        head.fold, head.tail, head.segments, head.revisions, head.erased = FoldState(), [], 0, {}, True
        return changes

    def _events(self) -> Iterator[LogEvent]:
        if self.head.segments:
            yield from self._archive.events()
        yield from self.head.tail

    def _fold(self, events: list[LogEvent]) -> tuple[FoldState, dict[str, MetricFact]]:
        head = self.head
        return fold(head.tenant, head.conversation_id, events, self._book, head.judged_ms)

    def _open_breaches(self, as_of_ms: EpochMs) -> dict[str, MetricFact]:
        head = self.head
        measure = Measure(head.tenant, head.conversation_id, self._book, head.fold)
        measure.open_breaches(as_of_ms)
        return {fact.fact_id: fact for fact in measure.facts}

    def _may_revise(self, fact: MetricFact) -> bool:
        """Whether a fact of the newest event may have an earlier version. Most never do, and need no comparison."""
        if fact.metric == "full_resolution":
            return self.head.fold.episodes > 1
        if fact.metric in _ANSWERS or self._suffix(fact) in self.head.revisions:
            return True
        return fact.metric == "handle_time" and self._may_share_slot(fact)

    def _may_share_slot(self, fact: MetricFact) -> bool:
        """Whether an earlier call may have had this slot for its id or, for a call, an earlier assignee for a name."""
        slot = self._suffix(fact).split("/", 1)[1].rpartition("/")[0]
        is_call = fact.outcome == "voice"
        for known in self.head.tail:
            if slot == known.event_id or (is_call and slot == known.assignee_id):
                return True
        return self.head.segments > 0 and self._archive.may_hold(slot)

    def _compare(self, old: dict[str, MetricFact], new: dict[str, MetricFact]) -> list[Change]:
        changes = []
        for fact_id, fact in new.items():
            known = old.get(fact_id)
            if known is None or known != fact:
                changes.append(Change(known, self._next_version(known, fact, retracted=False)))
        for fact_id, fact in old.items():
            if fact_id not in new:
                changes.append(Change(fact, self._next_version(fact, fact, retracted=True)))
        return changes

    def _next_version(self, known: MetricFact | None, fact: MetricFact, *, retracted: bool) -> MetricFact:
        revisions, suffix = self.head.revisions, self._suffix(fact)
        before = revisions.get(suffix, 0 if known is None else 1)
        if before == 0:
            return fact
        revisions[suffix] = before + 1
        return msgspec.structs.replace(fact, revision=before + 1, retracted=retracted)

    def _suffix(self, fact: MetricFact) -> str:
        return fact.fact_id[len(self.head.conversation_id) + 1 :]
