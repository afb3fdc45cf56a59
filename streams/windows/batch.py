"""The plain reference: the windows of a list of final facts at an instant, from sorted lists.

`book` must agree with it: count, mean, min, max, met and breached exactly, quantiles within 1 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from schemas.records import MetricFact, MetricWindow
from schemas.times import EpochMs
from streams.windows.shape import GRADED, PANE_MS, PERCENTS, WINDOW_SECONDS, SeriesKey, counted, last_pane, series_of

QUANTILE_TOLERANCE = 0.01
_QUANTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms")


def windows_at(facts: Iterable[MetricFact], now_ms: EpochMs) -> list[MetricWindow]:
    """Every window that holds a fact at `now_ms`, sorted by tenant, metric, dimension, value and size.

    `facts` are final versions, one per (tenant, fact_id), in any order. Windows end at the last whole 5 s.
    """
    end_ms = last_pane(now_ms) * PANE_MS
    members: dict[tuple[SeriesKey, int], list[MetricFact]] = defaultdict(list)
    for fact in facts:
        if not counted(fact):
            continue
        for seconds in WINDOW_SECONDS:
            if end_ms - seconds * 1000 < (fact.ended_at or 0) <= end_ms:
                for series in series_of(fact):
                    members[series, seconds].append(fact)
    return [_window(series, seconds, end_ms, inside) for (series, seconds), inside in sorted(members.items(), key=_key)]


def quantile(ordered: list[int], percent: int) -> float:
    """The quantile as numpy, Excel's PERCENTILE.INC and ClickHouse's quantileExactInclusive have it.

    Its position in the sorted values is percent/100 × (n − 1), from 0; between two values it is interpolated.
    """
    whole, rest = divmod(percent * (len(ordered) - 1), 100)
    below = ordered[whole]
    above = ordered[whole + 1] if rest else below
    return below + (above - below) * (rest / 100)


def same_figures(window: MetricWindow, reference: MetricWindow) -> bool:
    """Whether `window` says what `reference` says: everything equal, but for quantiles that may be 1 % away."""
    for field in window.__struct_fields__:
        ours, theirs = getattr(window, field), getattr(reference, field)
        if field in _QUANTILES and ours is not None and theirs is not None:
            if abs(ours - theirs) > QUANTILE_TOLERANCE * abs(theirs):
                return False
        elif ours != theirs:
            return False
    return True


def _key(item: tuple[tuple[SeriesKey, int], list[MetricFact]]) -> tuple[SeriesKey, int]:
    return item[0]


def _window(series: SeriesKey, seconds: int, end_ms: EpochMs, facts: list[MetricFact]) -> MetricWindow:
    values = sorted(fact.value_ms for fact in facts if fact.value_ms is not None)
    p50, p90, p95, p99 = (quantile(values, percent) for percent in PERCENTS)
    graded = series.metric in GRADED
    met = sum(fact.outcome == "met" for fact in facts)
    breached = sum(fact.outcome == "breached" for fact in facts)
    return MetricWindow(
        tenant=series.tenant,
        metric=series.metric,
        dimension=series.dimension,
        dimension_value=series.value,
        window_seconds=seconds,
        window_start=end_ms - seconds * 1000,
        window_end=end_ms,
        count=len(values),
        mean_ms=sum(values) / len(values),
        min_ms=values[0],
        max_ms=values[-1],
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        met=met if graded else None,
        breached=breached if graded else None,
        attainment=met / (met + breached) if graded and met + breached else None,
    )
