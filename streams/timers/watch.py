"""One conversation's timers: what an event, a tick or late news does to its alerts and to when it is due next.

`Watch` belongs to a conversation as it is worked on; what it keeps lies in `Timers`, which travels with the
conversation's head.
"""

from __future__ import annotations

import msgspec

from schemas.times import EpochMs
from streams.fold.state import FoldState
from streams.sla.policies import PolicyBook
from streams.timers.alerts import Alerts
from streams.timers.clocks import Raised, episode_clock, first_episode_due, first_turn_due, open_clocks, turn_clock


class Dues(msgspec.Struct, array_like=True, gc=False):
    """Behind when the open turn, and the episode, have to be looked at next; None for never."""

    turn_due: EpochMs | None = None
    episode_due: EpochMs | None = None

    def is_due(self, at_ms: EpochMs) -> bool:
        """Whether something was due before `at_ms`."""
        turn, episode = self.turn_due, self.episode_due
        return (turn is not None and turn < at_ms) or (episode is not None and episode < at_ms)


class Timers(Dues, array_like=True, gc=False):
    """What is kept of a conversation's timers. New fields go to the end, with a default."""

    #: What is behind the conversation in a clock's fact_id → what it raised, by deadline.
    raised: dict[str, list[Raised]] = {}


#: What the clocks of the turn and of the episode depend on: while it stays the same, so do their deadlines.
Running = tuple[object, object]


def running(state: FoldState) -> Running:
    """Told before and after an event, it says which of the two clocks the event has moved."""
    episode = state.episode
    if episode is None:
        return None, None
    turn, pauses = episode.turn, episode.pauses
    return (
        None if turn is None else (episode.number, turn.number, turn.clock),
        (episode.number, len(pauses), pauses[-1].until) if pauses else episode.number,
    )


class Watch:
    """The timers of one conversation. `alerts` collects what they raise."""

    __slots__ = ("_book", "_queued", "_timers", "alerts")

    def __init__(self, tenant: str, conversation_id: str, timers: Timers, book: PolicyBook) -> None:
        self._book = book
        self._timers = timers
        self._queued = (timers.turn_due, timers.episode_due)
        self.alerts = Alerts(tenant, conversation_id, timers.raised)

    @property
    def unqueued(self) -> tuple[EpochMs, ...]:
        """The instants at which it is due and for which it was not when it was taken from the store."""
        timers = self._timers
        turn_due, episode_due = timers.turn_due, timers.episode_due
        if (turn_due, episode_due) == self._queued:
            return ()
        pairs = zip((turn_due, episode_due), self._queued, strict=True)
        return tuple(due_ms for due_ms, queued_ms in pairs if due_ms is not None and due_ms != queued_ms)

    @property
    def moved(self) -> bool:
        """Whether it is due at other instants than when it was taken from the store."""
        return (self._timers.turn_due, self._timers.episode_due) != self._queued

    def raise_until(self, state: FoldState, until_ms: EpochMs) -> None:
        """Raise what fell due before `until_ms`."""
        if self._timers.is_due(until_ms):
            for clock in open_clocks(state, self._book):
                self.alerts.fall_due(clock, state, until_ms)

    def follow(self, state: FoldState, was: Running, judged_ms: EpochMs | None) -> None:
        """After an event: look at the clocks that it has moved."""
        turn, episode = running(state)
        if self._timers.raised or judged_ms is not None:
            if (turn, episode) != was:
                self.plan(state, judged_ms)
            return
        # Nothing raised and nothing judged: the first step of a clock is the next one.
        if turn != was[0]:
            self._timers.turn_due = None if state.episode is None else first_turn_due(state.episode.turn, self._book)
        if episode != was[1]:
            self._timers.episode_due = first_episode_due(state.episode, self._book)

    def plan(self, state: FoldState, judged_ms: EpochMs | None) -> None:
        """Work out anew when the clocks are due."""
        timers, episode = self._timers, state.episode
        turns = None if episode is None else turn_clock(episode, self._book)
        whole = None if episode is None else episode_clock(episode, self._book)
        timers.turn_due = None if turns is None else turns.next_due(timers.raised, judged_ms)
        timers.episode_due = None if whole is None else whole.next_due(timers.raised, judged_ms)

    def forget(self) -> None:
        """The conversation was erased."""
        self._timers.turn_due = self._timers.episode_due = None
        self._timers.raised.clear()
