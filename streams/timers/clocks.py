"""The open clocks of a conversation as instants at which something is due. Pure.

Everything here is due *behind* its instant: a reply at the deadline itself is in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.records import Channel
from schemas.times import EpochMs
from streams.fold.clocks import resolution_run, response_target
from streams.fold.state import Episode, FoldState, Turn
from streams.sla.policies import PolicyBook, deadline
from streams.sla.policy import NO_POLICY, Policy
from streams.timers.kept import BREACH, RaisedByClock

#: How long nothing may have moved a clock that backfill started before it is judged. Nobody is woken by it, and while
#: an import is on its way, most of what looks open is answered a few lines on.
BACKFILL_REST_MS = 60_000


@dataclass(frozen=True, slots=True)
class OpenClock:
    """A clock that runs, or ran out while it was open. One that backfill started has no steps: it is judged only."""

    #: Of its fact_id, what is behind the conversation.
    suffix: str
    metric: str
    deadline: EpochMs
    #: Instant and share of each step that is due in the clock's present run, in order; the last one is the breach.
    #: None of a clock that backfill started.
    steps: tuple[tuple[EpochMs, float], ...]
    channel: Channel
    policy: str

    def next_step(self, raised: RaisedByClock) -> EpochMs | None:
        """When the first step is due that was not raised; None for never."""
        upto = raised_upto(raised, self.suffix, self.deadline)
        return next((due_ms for due_ms, share in self.steps if share > upto), None)

    def next_judgement(self, judged_ms: EpochMs | None, seen_ms: EpochMs) -> EpochMs | None:
        """When its fact has to be judged; None if that was done. `seen_ms`: when something last moved it."""
        if judged_ms is not None and judged_ms > self.deadline:
            return None
        return self.deadline if self.steps else _after_rest(self.deadline, seen_ms)


def raised_upto(raised: RaisedByClock, suffix: str, deadline: EpochMs) -> float:
    """Up to which share a clock has raised for this deadline; 0 for nothing."""
    return max((one.upto for one in raised.get(suffix, ()) if one.deadline == deadline), default=0.0)


def open_clocks(state: FoldState, book: PolicyBook) -> Iterator[OpenClock]:
    """The open clocks that can run out."""
    episode = state.episode
    if episode is None:
        return
    for clock in (turn_clock(episode, book), episode_clock(episode, book)):
        if clock is not None:
            yield clock


def turn_clock(episode: Episode, book: PolicyBook) -> OpenClock | None:
    """The human clock of the open turn."""
    turn = episode.turn
    found = None if turn is None else _response(turn, book)
    if turn is None or found is None:
        return None
    policy, started, target_ms = found
    metric = f"sla_{response_target(turn)}"
    suffix = f"{episode.number}/{turn.number}/{metric}"
    warnings = None if turn.historical else _budgets_ms(policy, target_ms, target_ms)
    return _clock(suffix, metric, policy, started, target_ms, warnings, turn.channel)


def episode_clock(episode: Episode, book: PolicyBook) -> OpenClock | None:
    """The clock of the episode; None also while it is paused with target left."""
    found = _resolution(episode, book)
    if found is None:
        return None
    policy, started, left_ms, target_ms = found
    suffix = f"{episode.number}/0/sla_resolution"
    warnings = None if episode.historical else _budgets_ms(policy, left_ms, target_ms)
    return _clock(suffix, "sla_resolution", policy, started, left_ms, warnings, episode.channel)


def first_turn_due(turn: Turn | None, book: PolicyBook, seen_ms: EpochMs) -> EpochMs | None:
    """When a turn's clock is first due that has raised nothing yet and was not judged, with one look into the calendar.

    It may be an instant for a clock that has no deadline, which the next look finds out.
    """
    found = None if turn is None else _response(turn, book)
    if turn is None or found is None:
        return None
    policy, started, target_ms = found
    if turn.historical:
        return _after_rest(deadline(policy, started, target_ms), seen_ms)
    return deadline(policy, started, _first_budget_ms(policy, target_ms, target_ms))


def first_episode_due(episode: Episode | None, book: PolicyBook, seen_ms: EpochMs) -> EpochMs | None:
    """The same of an episode's clock that has raised nothing yet for its present deadline."""
    found = None if episode is None else _resolution(episode, book)
    if episode is None or found is None:
        return None
    policy, started, left_ms, target_ms = found
    if episode.historical:
        return _after_rest(deadline(policy, started, left_ms), seen_ms)
    return deadline(policy, started, _first_budget_ms(policy, left_ms, target_ms))


def _after_rest(deadline_ms: EpochMs | None, seen_ms: EpochMs) -> EpochMs | None:
    """When a clock is judged that backfill started."""
    return None if deadline_ms is None else max(deadline_ms, seen_ms + BACKFILL_REST_MS)


def _response(turn: Turn, book: PolicyBook) -> tuple[Policy, EpochMs, int] | None:
    if turn.clock is None or turn.policy == NO_POLICY:
        return None
    policy = book[turn.policy]
    target_ms = policy.targets_ms.get(response_target(turn))
    return None if target_ms is None else (policy, turn.clock, target_ms)


def _resolution(episode: Episode, book: PolicyBook) -> tuple[Policy, EpochMs, int, int] | None:
    if episode.policy == NO_POLICY:
        return None
    policy = book[episode.policy]
    target_ms = policy.targets_ms.get("resolution")
    run = None if target_ms is None else resolution_run(episode, policy, target_ms)
    return None if target_ms is None or run is None else (policy, *run, target_ms)


def _budgets_ms(policy: Policy, left_ms: int, target_ms: int) -> Iterator[tuple[int, float]]:
    """What may be spent in the present run until each warning. Shares used up before it were raised before it."""
    spent_ms = target_ms - left_ms
    for share in policy.warn_at:
        budget_ms = round(target_ms * share) - spent_ms
        # 0: used up at the very end of the run before, behind which it would have been raised.
        if budget_ms >= 0:
            yield budget_ms, share


def _first_budget_ms(policy: Policy, left_ms: int, target_ms: int) -> int:
    return next((budget_ms for budget_ms, _ in _budgets_ms(policy, left_ms, target_ms)), left_ms)


def _clock(
    suffix: str,
    metric: str,
    policy: Policy,
    started: EpochMs,
    left_ms: int,
    warnings: Iterable[tuple[int, float]] | None,
    channel: Channel,
) -> OpenClock | None:
    """`warnings`: budgets and shares; None for a clock that raises nothing."""
    deadline_ms = deadline(policy, started, left_ms)
    if deadline_ms is None:
        return None
    steps = []
    if warnings is not None:
        for budget_ms, share in warnings:
            due_ms = deadline(policy, started, budget_ms)
            if due_ms is not None:
                steps.append((due_ms, share))
        steps.append((deadline_ms + policy.alert_grace_ms, BREACH))
    return OpenClock(suffix, metric, deadline_ms, tuple(steps), channel, policy.name)
