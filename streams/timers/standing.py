"""How open conversations stand: who waits since when, which clocks are at risk, which have run out. For live gauges.

Kept up to date by differences, so that an event costs the same however many conversations are open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from schemas.times import EpochMs
from streams.fold.state import FoldState
from streams.timers.kept import BREACH, RaisedByClock

#: Tenant, channel and team; a team that was not said is "".
Group = tuple[str, str, str]

_SECOND_MS = 1_000


class Standing(NamedTuple):
    """What one conversation adds to the figures of its group."""

    group: Group
    #: Since when its customer waits; None: for nobody.
    waiting_since: EpochMs | None
    #: Of each open clock that has raised something: up to which share.
    used: tuple[float, ...]


def standing(tenant: str, state: FoldState, raised: RaisedByClock) -> Standing | None:
    """How a conversation stands; None if nothing of it is open, or backfill opened what is."""
    episode = state.episode
    if episode is None:
        return None
    turn = episode.turn
    waits = turn is not None and not turn.historical
    if episode.historical and not waits:
        return None
    used = _used(state, raised) if raised else ()
    channel = episode.channel if turn is None else turn.channel
    since = turn.started if turn is not None and waits else None
    return Standing((tenant, channel, state.team or ""), since, used)


def _used(state: FoldState, raised: RaisedByClock) -> tuple[float, ...]:
    episode = state.episode
    if episode is None:
        return ()
    suffixes = [f"{episode.number}/0/sla_resolution"]
    if episode.turn is not None:
        target = "first_response" if episode.turn.is_first else "next_response"
        suffixes.append(f"{episode.number}/{episode.turn.number}/sla_{target}")
    shares = (
        max((one.upto for one in raised.get(suffix, ()) if not one.taken_back), default=0.0) for suffix in suffixes
    )
    return tuple(share for share in shares if share > 0.0)


class Waits:
    """Since when each of any number waits, to the second; the oldest is known at once."""

    __slots__ = ("_heap", "_many")

    def __init__(self) -> None:
        self._many: Counter[int] = Counter()
        self._heap: list[int] = []

    def add(self, since_ms: EpochMs) -> None:
        """One more waits."""
        second = since_ms // _SECOND_MS
        if second not in self._many:
            heappush(self._heap, second)
        self._many[second] += 1

    def remove(self, since_ms: EpochMs) -> None:
        """One that was added waits no more."""
        self._many[since_ms // _SECOND_MS] -= 1

    @property
    def oldest_ms(self) -> EpochMs | None:
        """Since when the oldest waits, rounded down to a second; None for nobody."""
        while self._heap and self._many[self._heap[0]] <= 0:
            del self._many[heappop(self._heap)]
        return self._heap[0] * _SECOND_MS if self._heap else None


@dataclass(slots=True)
class Figures:
    """Of one group, or of several together."""

    waiting: int = 0
    oldest_ms: EpochMs | None = None
    #: Share of a warning → open clocks that have used it up and have not run out.
    at_risk: Counter[float] = field(default_factory=Counter)
    breached: int = 0

    def add(self, other: Figures) -> None:
        """Count those of another partition too."""
        self.waiting += other.waiting
        self.breached += other.breached
        self.at_risk.update(other.at_risk)
        if other.oldest_ms is not None:
            self.oldest_ms = other.oldest_ms if self.oldest_ms is None else min(self.oldest_ms, other.oldest_ms)


class Board:
    """The figures of one partition, by group. Groups that have become empty stay, with zeros."""

    __slots__ = ("_figures", "_waits")

    def __init__(self) -> None:
        self._figures: defaultdict[Group, Figures] = defaultdict(Figures)
        self._waits: defaultdict[Group, Waits] = defaultdict(Waits)

    def replace(self, before: Standing | None, after: Standing | None) -> None:
        """A conversation stands differently now."""
        if before is not None:
            self._count(before, -1)
            if before.waiting_since is not None:
                self._waits[before.group].remove(before.waiting_since)
        if after is not None:
            self._count(after, 1)
            if after.waiting_since is not None:
                self._waits[after.group].add(after.waiting_since)

    def figures(self) -> Mapping[Group, Figures]:
        """As it stands now."""
        for group, found in self._figures.items():
            found.oldest_ms = self._waits[group].oldest_ms
        return self._figures

    def _count(self, one: Standing, by: int) -> None:
        found = self._figures[one.group]
        if one.waiting_since is not None:
            found.waiting += by
        for share in one.used:
            if share == BREACH:
                found.breached += by
            else:
                found.at_risk[share] += by


def together(boards: Iterable[Board]) -> dict[Group, Figures]:
    """The figures of several partitions."""
    found: defaultdict[Group, Figures] = defaultdict(Figures)
    for board in boards:
        for group, figures in board.figures().items():
            found[group].add(figures)
    return found
