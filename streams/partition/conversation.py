"""One conversation as a worker keeps it: takes events in any order, answers with what changed in its facts.

The law that everything here serves: the versions sent so far, latest per fact_id, are exactly
`fold(distinct events so far, judged_ms)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.fold.conversation import fold
from streams.fold.events import LogEvent
from streams.fold.measure import Measure
from streams.fold.state import FoldState
from streams.fold.steps import step
from streams.partition.log import pack_event, seal, unpack
from streams.sla.policies import PolicyBook

#: A survey may be answered again, so each answer is compared with what was there.
_ANSWERS = frozenset(("csat", "nps", "ces"))


class Change(msgspec.Struct, frozen=True, gc=False):
    """A fact got a new version. `old` is None for the first; `new` is marked retracted when it holds no longer."""

    old: MetricFact | None
    new: MetricFact


class Head(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a conversation, besides its sealed segments. New fields go to the end, with a default."""

    fold: FoldState
    #: Source offset of the last event that changed it.
    offset: int = -1
    #: Its latest events in the order of arrival (`streams.partition.log`), and how many they are.
    log: bytes = b""
    count: int = 0
    #: How many sealed segments came before.
    segments: int = 0
    #: Up to when its open clocks have been judged; None: not yet.
    judged_ms: EpochMs | None = None
    #: fact_id behind the conversation → its revision, for facts that have more than one version
    revisions: dict[str, int] = {}
    #: Deleted or spam: it has no facts, and never will.
    erased: bool = False


class Archive(Protocol):
    """The sealed segments of a conversation. Asked only where there are any."""

    def events(self) -> Iterator[LogEvent]:
        """All events in sealed segments."""

    def may_hold(self, text: str) -> bool:
        """False only if the text is no id, type or name in any sealed event."""


class Conversation:
    """A head together with access to its older events."""

    __slots__ = ("_archive", "_measure", "_prefix", "head", "key")

    def __init__(
        self, key: str, tenant: str, conversation_id: str, head: Head, book: PolicyBook, archive: Archive
    ) -> None:
        self.key = key
        self.head = head
        self._archive = archive
        self._measure = Measure(tenant, conversation_id, book, head.fold)
        self._prefix = len(conversation_id) + 1

    def knows(self, event: LogEvent) -> bool:
        """Whether the event is a duplicate."""
        if not self._may_hold(event.event_id):
            return False
        return any(known.identity == event.identity for known in self._events())

    def is_in_order(self, event: LogEvent) -> bool:
        """Whether the event stands behind all that are known."""
        last = self.head.fold.last
        return last is None or event.occurred_at > last[0] or event.order > last

    def apply(self, event: LogEvent) -> list[Change]:
        """Take in an event that it does not know yet; what changed, in a fixed order."""
        head = self.head
        if head.erased:
            return []
        if event.erases:
            return self._erase()
        if head.judged_ms is None and self.is_in_order(event):
            return self._append(event)
        return self._refold(event)

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
        head, measure = self.head, self._measure
        measure.state, measure.facts = head.fold, []
        step(measure, event)
        head.fold.last = event.order
        made = measure.facts
        changes: list[Change] = []
        if made:
            if any(self._may_revise(fact) for fact in made):
                new = {fact.fact_id: fact for fact in made}
                _, known = self._fold(list(self._events()))
                changes = self._compare({fact_id: known[fact_id] for fact_id in new if fact_id in known}, new)
            else:
                changes = [Change(None, fact) for fact in made]
        self._remember(event)
        return changes

    def _refold(self, event: LogEvent) -> list[Change]:
        events = list(self._events())
        _, old = self._fold(events)
        self.head.fold, new = self._fold([*events, event])
        self._remember(event)
        return self._compare(old, new)

    def _remember(self, event: LogEvent) -> None:
        self.head.log += pack_event(event)
        self.head.count += 1

    def _erase(self) -> list[Change]:
        head = self.head
        _, old = self._fold(list(self._events()))
        changes = self._compare(old, {})
        # Nothing can bring its facts back, so nothing of it needs to be remembered.
        head.fold, head.log, head.count, head.segments, head.revisions = FoldState(), b"", 0, 0, {}
        head.erased = True
        return changes

    def _events(self) -> Iterator[LogEvent]:
        if self.head.segments:
            yield from self._archive.events()
        yield from unpack(seal(self.head.log, self.head.count))

    def _fold(self, events: list[LogEvent]) -> tuple[FoldState, dict[str, MetricFact]]:
        measure = self._measure
        return fold(measure.tenant, measure.conversation_id, events, measure.book, self.head.judged_ms)

    def _open_breaches(self, as_of_ms: EpochMs) -> dict[str, MetricFact]:
        measure = self._measure
        measure.state, measure.facts = self.head.fold, []
        measure.open_breaches(as_of_ms)
        return {fact.fact_id: fact for fact in measure.facts}

    def _may_revise(self, fact: MetricFact) -> bool:
        """Whether a fact of the newest event may have an earlier version. Most never do, and need no comparison."""
        metric, head = fact.metric, self.head
        if metric == "full_resolution":
            return head.fold.episodes > 1
        if head.revisions and self._suffix(fact) in head.revisions:
            return True
        if metric in _ANSWERS:
            return self._measure.answered_again
        return metric == "handle_time" and self._may_share_slot(fact)

    def _may_share_slot(self, fact: MetricFact) -> bool:
        """Whether an earlier call may have had this slot for its id or, for a call, an earlier assignee for a name."""
        slot = self._suffix(fact).split("/", 1)[1].rpartition("/")[0]
        is_call = fact.outcome == "voice"
        if not (self._may_hold(slot) and (is_call or self._may_hold("call_ended"))):
            return False
        return any(slot == known.event_id or (is_call and slot == known.assignee_id) for known in self._events())

    def _may_hold(self, text: str) -> bool:
        """Whether the text may be an id, a type or a name in any event so far."""
        return text.encode() in self.head.log or (self.head.segments > 0 and self._archive.may_hold(text))

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
        return fact.fact_id[self._prefix :]
