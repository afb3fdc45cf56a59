"""What the windows are: their sizes, the grid they move on, the facts they count and the quantiles they give."""

from __future__ import annotations

from typing import NamedTuple

from schemas.records import Dimension, MetricFact
from schemas.times import EpochMs

#: Windows end on multiples of this, and time is counted in panes of it: pane p is (p − 1, p] × 5 s since 1970.
PANE_MS = 5_000
WINDOW_SECONDS: tuple[int, ...] = (60, 300, 900, 3_600, 86_400)
#: The longest window. What ended this many panes before the present or earlier is in no window any more.
HORIZON_PANES = WINDOW_SECONDS[-1] * 1000 // PANE_MS
PERCENTS: tuple[int, ...] = (50, 90, 95, 99)
DIMENSIONS: tuple[Dimension, ...] = ("all", "channel", "team", "agent", "priority")
#: Metrics whose outcome is counted as met or breached.
GRADED = frozenset({"sla_first_response", "sla_next_response", "sla_resolution"})


class SeriesKey(NamedTuple):
    """What one row of windows is about. `value` is empty for the dimension `all`."""

    tenant: str
    metric: str
    dimension: Dimension
    value: str


def last_pane(now_ms: EpochMs) -> int:
    """The last pane that is over at `now_ms`: windows end with it."""
    return now_ms // PANE_MS


def counted(fact: MetricFact) -> bool:
    """Whether a fact is in windows at all: it holds, it has a value and it has ended."""
    return fact.value_ms is not None and fact.ended_at is not None and not fact.retracted


def series_of(fact: MetricFact) -> list[SeriesKey]:
    """The series a fact belongs to: everything, its channel, and its team, agent and priority where it has one."""
    said = ("", fact.channel, fact.team, fact.agent_id, fact.priority)
    return [
        SeriesKey(fact.tenant, fact.metric, dimension, value)
        for dimension, value in zip(DIMENSIONS, said, strict=True)
        if value is not None
    ]
