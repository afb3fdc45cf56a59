"""The alerts of one conversation: each (clock, level, deadline) once, and taken back when late news shows otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.records import AlertLevel, Channel, MetricFact, SlaAlert
from schemas.times import EpochMs
from streams.fold.state import FoldState
from streams.timers.clocks import OpenClock
from streams.timers.kept import BREACH, Raised


class _About(NamedTuple):
    """What an alert says of its clock."""

    fact_id: str
    metric: str
    channel: Channel
    policy: str
    deadline: EpochMs


#: The version before, if there was one, and the new version of an SLA fact whose clock backfill did not start.
ClockChange = tuple["MetricFact | None", MetricFact]


class Alerts:
    """Raises and takes back, remembers that in `raised`, and collects what is to be said."""

    __slots__ = ("_conversation_id", "_found", "_prefix", "_tenant", "raised")

    def __init__(self, tenant: str, conversation_id: str, raised: dict[str, list[Raised]]) -> None:
        self._tenant = tenant
        self._conversation_id = conversation_id
        self._prefix = len(conversation_id) + 1
        self._found: list[SlaAlert] = []
        #: What is behind the conversation in a clock's fact_id → what it raised, by deadline.
        self.raised = raised

    def __bool__(self) -> bool:
        return bool(self._found)

    def take(self) -> list[SlaAlert]:
        """What was found so far, and begin anew."""
        found, self._found = self._found, []
        return found

    def fall_due(self, clock: OpenClock, state: FoldState, until_ms: EpochMs) -> None:
        """Raise the steps of an open clock that lie before `until_ms`. `raised_at` is when they fell due."""
        memory = self._memory(clock.suffix, clock.deadline)
        before = upto = 0.0 if memory is None else memory.upto
        for due_ms, share in clock.steps:
            if due_ms >= until_ms:
                break
            if share <= upto:
                continue
            upto = share
            level: AlertLevel = "breach" if share == BREACH else "warning"
            fact_id = f"{self._conversation_id}/{clock.suffix}"
            about = _About(fact_id, clock.metric, clock.channel, clock.policy, clock.deadline)
            self._say(level, due_ms, about, state, share=None if share == BREACH else share)
        if upto > before:
            self._remember(clock.suffix, clock.deadline, memory, upto)

    def ended_late(self, fact: MetricFact, state: FoldState) -> None:
        """Raise the breach of a clock that ended behind its deadline, unless it was raised while it was open."""
        suffix, deadline = fact.fact_id[self._prefix :], fact.deadline
        if deadline is None or fact.ended_at is None:
            return
        memory = self._memory(suffix, deadline)
        if memory is not None and memory.upto == BREACH:
            return
        self._remember(suffix, deadline, memory, BREACH)
        self._say("breach", fact.ended_at, _about(fact, deadline), state)

    def hold_to(
        self,
        holding: Mapping[str, MetricFact],
        before: Mapping[str, MetricFact],
        state: FoldState,
        seen_ms: EpochMs,
        suffixes: Iterable[str],
    ) -> None:
        """Take back what these clocks have raised as breaches and `holding` does not have as such, by fact_id.

        `before`: what was held before the news came (at `seen_ms`), which says what a breach was about.
        """
        for suffix in suffixes:
            fact_id = f"{self._conversation_id}/{suffix}"
            fact = holding.get(fact_id)
            about = before.get(fact_id) or fact
            for memory in self.raised.get(suffix, ()):
                if memory.upto < BREACH or memory.taken_back or _confirms(fact, memory.deadline):
                    continue
                memory.taken_back = True
                if about is not None:
                    self._say("retracted", seen_ms, _about(about, memory.deadline), state)

    def _say(
        self, level: AlertLevel, at_ms: EpochMs, about: _About, state: FoldState, share: float | None = None
    ) -> None:
        self._found.append(
            SlaAlert(
                tenant=self._tenant,
                fact_id=about.fact_id,
                level=level,
                share=share,
                deadline=about.deadline,
                raised_at=at_ms,
                metric=about.metric,
                conversation_id=self._conversation_id,
                channel=about.channel,
                team=state.team,
                assignee_id=state.assignee,
                policy=about.policy,
            )
        )

    def _memory(self, suffix: str, deadline: EpochMs) -> Raised | None:
        return next((one for one in self.raised.get(suffix, ()) if one.deadline == deadline), None)

    def _remember(self, suffix: str, deadline: EpochMs, memory: Raised | None, upto: float) -> None:
        if memory is None:
            self.raised.setdefault(suffix, []).append(Raised(deadline, upto))
        else:
            memory.upto = upto


def _about(fact: MetricFact, deadline: EpochMs) -> _About:
    return _About(fact.fact_id, fact.metric, fact.channel, fact.policy or "", deadline)


def _confirms(fact: MetricFact | None, deadline: EpochMs) -> bool:
    return fact is not None and not fact.retracted and fact.outcome == "breached" and fact.deadline == deadline
