"""One conversation as a worker keeps it: takes events in any order, answers with what changed in its facts.

The law that everything here serves: the versions sent so far, latest per fact_id, are exactly
`fold(distinct events so far, judged_ms)`. The law of its alerts is in docs/decisions/0006-timers.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from schemas.records import MetricFact
from schemas.times import MAX_MS, EpochMs
from streams.fold.conversation import fold
from streams.fold.events import LogEvent
from streams.fold.measure import Measure
from streams.fold.order import erases, identity_of, order_of
from streams.fold.state import FoldState
from streams.fold.steps import step
from streams.partition.head import Change, Head
from streams.partition.log import pack_event, seal, unpack
from streams.sla.policies import PolicyBook
from streams.timers.standing import Standing, standing
from streams.timers.watch import Watch

#: A survey may be answered again, so each answer is compared with what was there.
_ANSWERS = frozenset(("csat", "nps", "ces"))
#: What an event in order may give another version to, in a conversation where nothing has one yet.
_REVISED_IN_ORDER = _ANSWERS | {"full_resolution", "handle_time"}
_NO_FACTS: dict[str, MetricFact] = {}


class Archive(Protocol):
    """The sealed segments of a conversation. Asked only where there are any."""

    def events(self) -> Iterator[LogEvent]:
        """All events in sealed segments."""

    def may_hold(self, text: str) -> bool:
        """False only if the text is no id, type or name in any sealed event."""


class Conversation:
    """A head together with access to its older events."""

    __slots__ = ("_archive", "_measure", "_prefix", "head", "key", "stood", "watch")

    def __init__(
        self, key: str, tenant: str, conversation_id: str, head: Head, book: PolicyBook, archive: Archive
    ) -> None:
        self.key = key
        self.head = head
        self._archive = archive
        self._measure = Measure(tenant, conversation_id, book, head.fold)
        self._prefix = len(conversation_id) + 1
        self.watch = Watch(tenant, conversation_id, head.timers, book)
        #: How it stood when it was taken from the store.
        self.stood = standing(tenant, head.fold, head.timers.raised)

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self._measure.tenant

    @property
    def stands(self) -> Standing | None:
        """How it stands now."""
        return standing(self._measure.tenant, self.head.fold, self.head.timers.raised)

    def knows(self, event: LogEvent) -> bool:
        """Whether the event is a duplicate."""
        if not self._may_hold(event.event_id):
            return False
        identity = identity_of(event)
        return identity in [identity_of(known) for known in self._events()]

    def voices(self, sources: frozenset[str]) -> list[str]:
        """Those of these sources that have a word in it."""
        among = frozenset(source for source in sources if self._may_hold(source))
        return sorted(among & {event.source for event in self._events()}) if among else []

    def is_in_order(self, event: LogEvent) -> bool:
        """Whether the event stands behind all that are known."""
        last = self.head.fold.last
        return last is None or event.occurred_at > last[0] or order_of(event) > last

    def apply(self, event: LogEvent, in_order: bool, seen_ms: EpochMs = 0) -> list[Change]:
        """Take in an event that it does not know yet; what changed, in a fixed order.

        `seen_ms`: when the event was published, which dates the alerts that it takes back. `watch.alerts` has the
        alerts.
        """
        head = self.head
        if head.erased:
            return []
        if erases(event):
            return self._erase(event, seen_ms, in_order)
        if in_order:
            return self._append(event, seen_ms)
        return self._refold(event, seen_ms)

    def judge(self, as_of_ms: EpochMs) -> list[Change]:
        """Breach the open clocks whose deadline lies before `as_of_ms`, and raise what is due. Never goes back."""
        head = self.head
        if head.erased or head.fold.episode is None:
            return []
        changes: list[Change] = []
        # A clock that ran ahead may have judged it as of later; what is due is raised all the same.
        if head.judged_ms is None or head.judged_ms < as_of_ms:
            before = {} if head.judged_ms is None else self._open_breaches(head.judged_ms)
            changes = self._compare(before, self._open_breaches(as_of_ms))
        if changes:
            head.judged_ms = as_of_ms
            self._alert(changes, self._measure.backfilled, as_of_ms)
        if head.timers.is_due(as_of_ms):
            self.watch.raise_until(head.fold, as_of_ms)
            self.watch.plan(head.fold, head.judged_ms, as_of_ms)
        return changes

    def judge_anew(self, book: PolicyBook, edition: int, seen_ms: EpochMs) -> list[Change]:
        """Judge it by `book`, the policies of `edition`, as if these had always been in force; what changed."""
        head = self.head
        head.edition = edition
        if head.erased:
            return []
        events = list(self._events())
        gone: set[str] = set()
        _, old = self._fold(events, gone)
        before = self._with_open(old)
        self._measure = Measure(self._measure.tenant, self._measure.conversation_id, book, head.fold)
        self.watch.use(book)
        return self._hold_to(events, old, before, gone, seen_ms)

    def _append(self, event: LogEvent, seen_ms: EpochMs) -> list[Change]:
        head, measure, watch = self.head, self._measure, self.watch
        state, judged_ms = head.fold, head.judged_ms
        alert_due = head.timers.alert_due
        was_due = alert_due is not None and alert_due < event.occurred_at and not watch.hear(event.source)
        if was_due:
            watch.raise_until(state, event.occurred_at)
        before = _NO_FACTS if judged_ms is None else self._open_breaches(judged_ms)
        measure.state, measure.facts, measure.moved = state, [], 0
        step(measure, event)
        state.last = order_of(event)
        made = measure.facts
        changes: list[Change] = []
        if made or judged_ms is not None:
            changes = self._changes(made, before, _NO_FACTS if judged_ms is None else self._open_breaches(judged_ms))
            self._alert(changes, measure.backfilled, seen_ms)
        if measure.moved or was_due:
            watch.follow(state, judged_ms, measure.moved, seen_ms)
        self._remember(event)
        return changes

    def _changes(
        self, made: list[MetricFact], before: dict[str, MetricFact], after: dict[str, MetricFact]
    ) -> list[Change]:
        """What an event in order has changed: the facts it made, and the breaches that were open before and after."""
        old = before
        if self._may_revise_any(made, before):
            _, old = self._fold(list(self._events()))
        elif not before and not after:
            return [Change(None, fact) for fact in made]
        new = {fact.fact_id: fact for fact in made} | after
        return self._compare({fact_id: old[fact_id] for fact_id in (*before, *new) if fact_id in old}, new)

    def _refold(self, event: LogEvent, seen_ms: EpochMs) -> list[Change]:
        events = list(self._events())
        gone: set[str] = set()
        _, old = self._fold(events, gone)
        before = self._with_open(old)
        self._remember(event)
        return self._hold_to([*events, event], old, before, gone, seen_ms)

    def _with_open(self, facts: dict[str, MetricFact]) -> dict[str, MetricFact]:
        """Also what may have been raised and not judged yet: every open clock, as if its deadline had passed."""
        return {**facts, **self._open_breaches(MAX_MS)} if self.head.timers.raised else facts

    def _hold_to(
        self,
        events: list[LogEvent],
        old: dict[str, MetricFact],
        before: dict[str, MetricFact],
        gone: set[str],
        seen_ms: EpochMs,
    ) -> list[Change]:
        """Fold all `events`; what changed against `old`, of which `gone` were backfill's."""
        head, watch = self.head, self.watch
        backfilled: set[str] = set()
        head.fold, new = self._fold(events, backfilled)
        changes = self._compare(old, new)
        if head.timers.raised:
            holding = self._with_open(new)
            watch.alerts.hold_to(holding, before, head.fold, seen_ms, head.timers.raised)
        self._alert(changes, backfilled | {fact_id for fact_id in gone if fact_id not in new}, seen_ms)
        watch.plan(head.fold, head.judged_ms, seen_ms)
        return changes

    def _alert(self, changes: list[Change], backfilled: set[str], seen_ms: EpochMs) -> None:
        """Take back what the changes say was none, and raise what ended behind its deadline."""
        head, watch = self.head, self.watch
        for change in changes:
            fact = change.new
            metric: str = fact.metric
            if not metric.startswith("sla_"):
                continue
            fact_id = fact.fact_id
            if head.timers.raised and (suffix := self._suffix(fact)) in head.timers.raised:
                known = {} if change.old is None else {fact_id: change.old}
                watch.alerts.hold_to({fact_id: fact}, known, head.fold, seen_ms, (suffix,))
            if fact_id in backfilled:
                continue
            watch.clocks.append((change.old, fact))
            if fact.outcome == "breached" and not fact.retracted:
                watch.alerts.ended_late(fact, head.fold)

    def _remember(self, event: LogEvent) -> None:
        self.head.log += pack_event(event)
        self.head.count += 1

    def _erase(self, event: LogEvent, seen_ms: EpochMs, in_order: bool) -> list[Change]:
        head = self.head
        if in_order:
            # A tick before it would have raised them, and the deletion taken them back.
            self.watch.raise_until(head.fold, event.occurred_at)
        _, old = self._fold(list(self._events()))
        if head.timers.raised:
            known = {**old, **self._open_breaches(MAX_MS)}
            self.watch.alerts.hold_to({}, known, head.fold, seen_ms, head.timers.raised)
        changes = self._compare(old, {})
        # Nothing can bring its facts back, so nothing of it needs to be remembered.
        head.fold, head.log, head.count, head.segments, head.revisions = FoldState(), b"", 0, 0, {}
        head.erased = True
        self.watch.forget()
        return changes

    def _events(self) -> Iterator[LogEvent]:
        if self.head.segments:
            yield from self._archive.events()
        yield from unpack(seal(self.head.log, self.head.count))

    def _fold(
        self, events: list[LogEvent], backfilled: set[str] | None = None
    ) -> tuple[FoldState, dict[str, MetricFact]]:
        measure = self._measure
        judged_ms = self.head.judged_ms
        return fold(measure.tenant, measure.conversation_id, events, measure.book, judged_ms, backfilled)

    def _open_breaches(self, as_of_ms: EpochMs) -> dict[str, MetricFact]:
        measure = self._measure
        measure.state, measure.facts = self.head.fold, []
        measure.open_breaches(as_of_ms)
        return {fact.fact_id: fact for fact in measure.facts}

    def _may_revise_any(self, made: list[MetricFact], before: dict[str, MetricFact]) -> bool:
        for fact in made:
            # Nearly always neither, and this runs for every fact.
            if fact.metric not in _REVISED_IN_ORDER and not self.head.revisions:
                continue
            if fact.fact_id not in before and self._may_revise(fact):
                return True
        return False

    def _may_revise(self, fact: MetricFact) -> bool:
        """Whether a fact of the newest event may have an earlier version. Most never do, and need no comparison."""
        metric, head = fact.metric, self.head
        if metric == "full_resolution":
            return head.fold.episodes > 1
        if head.revisions and self._suffix(fact) in head.revisions:
            return True
        if metric in _ANSWERS:
            return self._measure.answered_again or self._may_hold(self._slot(fact))
        return metric == "handle_time" and self._may_share_slot(fact)

    def _may_share_slot(self, fact: MetricFact) -> bool:
        """Whether an earlier call may have had this slot for its id or, for a call, an earlier assignee for a name."""
        slot = self._slot(fact)
        is_call = fact.outcome == "voice"
        if not (self._may_hold(slot) and (is_call or self._may_hold("call_ended"))):
            return False
        for known in self._events():  # noqa: SIM110 - a compiled method can have no generator
            if slot == known.event_id or (is_call and slot == known.assignee_id):
                return True
        return False

    def _may_hold(self, text: str) -> bool:
        """Whether the text may be an id, a type or a name in any event so far."""
        # Not `in`: it first tries whether the bytes are a number, which takes as long again.
        found = self.head.log.find(text.encode()) >= 0
        return found or (self.head.segments > 0 and self._archive.may_hold(text))

    def _compare(self, old: dict[str, MetricFact], new: dict[str, MetricFact]) -> list[Change]:
        changes = []
        for fact_id, fact in new.items():
            known = old.get(fact_id)
            if known is None or known != fact:
                changes.append(Change(known, self._next_version(known, fact, False)))
        for fact_id, fact in old.items():
            if fact_id not in new:
                changes.append(Change(fact, self._next_version(fact, fact, True)))
        return changes

    def _next_version(self, known: MetricFact | None, fact: MetricFact, retracted: bool) -> MetricFact:
        revisions, suffix = self.head.revisions, self._suffix(fact)
        before = revisions.get(suffix, 0 if known is None else 1)
        if before == 0:
            return fact
        revisions[suffix] = before + 1
        return msgspec.structs.replace(fact, revision=before + 1, retracted=retracted)

    def _slot(self, fact: MetricFact) -> str:
        return self._suffix(fact).split("/", 1)[1].rpartition("/")[0]

    def _suffix(self, fact: MetricFact) -> str:
        return fact.fact_id[self._prefix :]
