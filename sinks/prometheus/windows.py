"""The rolling windows as gauges, from `MetricWindow` records.

The number of series is bounded: the dimension agent is left out, and behind the first so many tenants, and values of a
dimension within a tenant, the rest is summed up under "other". Counts, means and attainment can be summed up; quantiles
cannot, so "other" has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry

from schemas.records import MetricWindow
from sinks.prometheus import catalogue
from sinks.prometheus.capped import OTHER, Capped
from sinks.prometheus.catalogue import Metric
from sinks.prometheus.exposition import ReadyFamily, Values, lines_of

_LEFT_OUT = "agent"
_QUANTILES = (("0.5", "p50_ms"), ("0.9", "p90_ms"), ("0.95", "p95_ms"), ("0.99", "p99_ms"))
_NAMES = {60: "1m", 300: "5m", 900: "15m", 3600: "1h", 86_400: "24h"}


class _Labels(NamedTuple):
    tenant: str
    metric: str
    dimension: str
    value: str
    window: str


@dataclass(slots=True)
class _Sum:
    """Several windows under one name."""

    facts: int = 0
    total_ms: float = 0.0
    met: int = 0
    breached: int = 0
    graded: bool = False
    #: The window itself, while it is the only one.
    alone: MetricWindow | None = None

    def add(self, window: MetricWindow) -> None:
        self.facts += window.count
        self.total_ms += (window.mean_ms or 0.0) * window.count
        self.met += window.met or 0
        self.breached += window.breached or 0
        self.graded = self.graded or window.met is not None


#: tenant, metric, dimension, its value, seconds
_Key: TypeAlias = tuple[str, str, str, str, int]


@dataclass(slots=True)
class _Shown:
    """The windows that are shown under one set of labels: one, or the rest."""

    windows: dict[_Key, MetricWindow] = field(default_factory=dict)
    #: A text for each family; None: they have changed since.
    lines: tuple[str, ...] | None = None


class WindowGauges:
    """Holds the latest of every window and shows it to the registry it was given."""

    def __init__(self, registry: CollectorRegistry, capped: Capped | None = None) -> None:
        self._capped = capped or Capped()
        self._lock = threading.Lock()
        self._shown: dict[_Labels, _Shown] = {}
        registry.register(self)

    def update(self, windows: Iterable[MetricWindow]) -> None:
        """Take in refreshed windows; of two of the same name the one that ends later holds."""
        with self._lock:
            for window in windows:
                if window.dimension != _LEFT_OUT:
                    self._take(window)

    def collect(self) -> Iterator[ReadyFamily]:
        """For the registry."""
        with self._lock:
            for labels, shown in self._shown.items():
                if shown.lines is None:
                    found = _sum(labels, shown)
                    shown.lines = tuple(lines_of(metric, values(labels, found)) for metric, values in _FAMILIES)
            lines = [shown.lines or () for shown in self._shown.values()]
        # Turned round: the lines of one family after the other.
        texts = list(zip(*lines, strict=True)) or [()] * len(_FAMILIES)
        for (metric, values), text in zip(_FAMILIES, texts, strict=True):
            yield ReadyFamily(metric, text, partial(self._all, values))

    def describe(self) -> Iterator[ReadyFamily]:
        """For the registry, which asks for names before there is anything to collect."""
        for metric in catalogue.WINDOWS:
            yield ReadyFamily(metric, (), tuple)

    def _all(self, values: _Family) -> Values:
        with self._lock:
            sums = {labels: _sum(labels, shown) for labels, shown in self._shown.items()}
        return (each for labels, found in sums.items() for each in values(labels, found))

    def _take(self, window: MetricWindow) -> None:
        key = (window.tenant, window.metric, window.dimension, window.dimension_value, window.window_seconds)
        # What a window is shown under stays: whoever finds no place of its own finds none later.
        shown = self._shown.get(self._labels(window, take=False))
        known = None if shown is None else shown.windows.get(key)
        if known is None:
            if window.count == 0:
                return
            shown = self._shown.setdefault(self._labels(window, take=True), _Shown())
        elif known.window_end > window.window_end:
            return
        if shown is not None:
            shown.windows[key] = window
            shown.lines = None

    def _labels(self, window: MetricWindow, *, take: bool) -> _Labels:
        tenant, value = self._capped.value(window.tenant, window.dimension, window.dimension_value, take=take)
        name = _NAMES.get(window.window_seconds, f"{window.window_seconds}s")
        return _Labels(tenant, window.metric, window.dimension, value, name)


def _sum(labels: _Labels, shown: _Shown) -> _Sum:
    found = _Sum()
    for window in shown.windows.values():
        found.add(window)
        if OTHER not in (labels.tenant, labels.value):
            found.alone = window
    return found


def _quantiles(labels: _Labels, found: _Sum) -> Values:
    for quantile, field_name in _QUANTILES:
        value_ms = getattr(found.alone, field_name, None)
        if value_ms is not None:
            yield (*labels, quantile), value_ms / 1000


def _mean(labels: _Labels, found: _Sum) -> Values:
    if found.facts:
        yield labels, found.total_ms / found.facts / 1000


def _facts(labels: _Labels, found: _Sum) -> Values:
    yield labels, found.facts


def _met(labels: _Labels, found: _Sum) -> Values:
    if found.graded:
        yield labels, found.met


def _breached(labels: _Labels, found: _Sum) -> Values:
    if found.graded:
        yield labels, found.breached


def _attainment(labels: _Labels, found: _Sum) -> Values:
    if found.met + found.breached:
        yield labels, found.met / (found.met + found.breached)


_Family: TypeAlias = Callable[[_Labels, _Sum], Values]
_FAMILIES: tuple[tuple[Metric, _Family], ...] = (
    (catalogue.WINDOW_SECONDS, _quantiles),
    (catalogue.WINDOW_MEAN_SECONDS, _mean),
    (catalogue.WINDOW_FACTS, _facts),
    (catalogue.WINDOW_SLA_MET, _met),
    (catalogue.WINDOW_SLA_BREACHED, _breached),
    (catalogue.SLA_ATTAINMENT, _attainment),
)
