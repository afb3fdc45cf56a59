"""One conversation's timers: what an event, a tick or late news does to its alerts and to when it is due next.

`Watch` belongs to a conversation as it is worked on; what it keeps lies in `Timers`, which travels with the
conversation's head.
"""

from __future__ import annotations

from schemas.records import SlaAlert
from schemas.times import EpochMs
from streams.fold.measure import EPISODE, TURN
from streams.fold.state import FoldState
from streams.sla.policies import PolicyBook
from streams.timers.alerts import Alerts, ClockChange
from streams.timers.clocks import episode_clock, first_episode_due, first_turn_due, open_clocks, turn_clock
from streams.timers.kept import Timers


class Watch:
    """The timers of one conversation, while it is worked on. `clocks` collects what became of them."""

    __slots__ = ("_alerts", "_book", "_episode_queued", "_name", "_timers", "_turn_queued", "clocks")

    def __init__(self, tenant: str, conversation_id: str, timers: Timers, book: PolicyBook) -> None:
        self._name = (tenant, conversation_id)
        self._book = book
        self._timers = timers
        self._turn_queued, self._episode_queued = timers.turn_due, timers.episode_due
        self._alerts: Alerts | None = None
        self.clocks: list[ClockChange] = []

    @property
    def alerts(self) -> Alerts:
        """Raises, takes back and remembers. Most conversations never need it."""
        if self._alerts is None:
            self._alerts = Alerts(*self._name, self._timers.raised)
        return self._alerts

    def use(self, book: PolicyBook) -> None:
        """From now on the clocks run by these policies; `plan` has to follow."""
        self._book = book

    @property
    def has_news(self) -> bool:
        """Whether there is something to `take`."""
        return bool(self.clocks or self._alerts)

    def take(self) -> tuple[list[SlaAlert], list[ClockChange]]:
        """The alerts that were raised so far and what became of clocks; and begin anew."""
        clocks, self.clocks = self.clocks, []
        return (self._alerts.take() if self._alerts else []), clocks

    @property
    def unqueued(self) -> tuple[EpochMs, ...]:
        """The instants at which it is due and for which it was not when it was taken from the store."""
        timers = self._timers
        turn_due, episode_due = timers.turn_due, timers.episode_due
        turn = () if turn_due is None or turn_due == self._turn_queued else (turn_due,)
        episode = () if episode_due is None or episode_due == self._episode_queued else (episode_due,)
        return turn + episode

    @property
    def moved(self) -> bool:
        """Whether it is due at other instants than when it was taken from the store."""
        return self._timers.turn_due != self._turn_queued or self._timers.episode_due != self._episode_queued

    def raise_until(self, state: FoldState, until_ms: EpochMs) -> None:
        """Raise what fell due before `until_ms`."""
        alert_due = self._timers.alert_due
        if alert_due is not None and alert_due < until_ms:
            for clock in open_clocks(state, self._book):
                self.alerts.fall_due(clock, state, until_ms)

    def hear(self, source: str) -> bool:
        """An event of this source has come. Whether a source is still held."""
        held = self._timers.held
        if source in held:
            held.remove(source)
        return bool(held)

    def hold(self, sources: list[str]) -> None:
        """These are held now."""
        self._timers.held = sources

    def follow(self, state: FoldState, judged_ms: EpochMs | None, moved: int, seen_ms: EpochMs) -> None:
        """After an event: look again at the clocks that it has `moved`, or at both if something was due before it."""
        timers, episode = self._timers, state.episode
        turn = None if episode is None else episode.turn
        if timers.raised or judged_ms is not None or not moved:
            self.plan(state, judged_ms, seen_ms)
            return
        # Nothing raised and nothing judged: the first step of a clock is the next one.
        if moved & TURN:
            timers.turn_due = None if turn is None else first_turn_due(turn, self._book, seen_ms)
        if moved & EPISODE:
            timers.episode_due = None if episode is None else first_episode_due(episode, self._book, seen_ms)
        timers.alert_due = _earlier(
            None if turn is None or turn.historical else timers.turn_due,
            None if episode is None or episode.historical else timers.episode_due,
        )

    def plan(self, state: FoldState, judged_ms: EpochMs | None, seen_ms: EpochMs) -> None:
        """Work out anew when the clocks are due. `seen_ms`: when that was."""
        timers, episode = self._timers, state.episode
        turns = None if episode is None else turn_clock(episode, self._book)
        whole = None if episode is None else episode_clock(episode, self._book)
        turn_step = None if turns is None else turns.next_step(timers.raised)
        episode_step = None if whole is None else whole.next_step(timers.raised)
        timers.turn_due = None if turns is None else _earlier(turn_step, turns.next_judgement(judged_ms, seen_ms))
        timers.episode_due = None if whole is None else _earlier(episode_step, whole.next_judgement(judged_ms, seen_ms))
        timers.alert_due = _earlier(turn_step, episode_step)

    def forget(self) -> None:
        """The conversation was erased."""
        self._timers.turn_due = self._timers.episode_due = self._timers.alert_due = None
        self._timers.raised.clear()
        self._timers.held = []


def _earlier(one: EpochMs | None, other: EpochMs | None) -> EpochMs | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
