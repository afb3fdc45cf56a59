"""The rolling windows as gauges, from `MetricWindow` records.

The number of series is bounded: the dimension agent is left out, and behind the first so many tenants, and values of a
dimension within a tenant, the rest is summed up under "other". Counts, means and attainment can be summed up; quantiles
cannot, so "other" has none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily

from schemas.records import MetricWindow
from sinks.prometheus import catalogue
from sinks.prometheus.catalogue import Metric

OTHER = "other"
_LEFT_OUT = "agent"
_QUANTILES = (("0.5", "p50_ms"), ("0.9", "p90_ms"), ("0.95", "p95_ms"), ("0.99", "p99_ms"))
_NAMES = {60: "1m", 300: "5m", 900: "15m", 3600: "1h", 86_400: "24h"}


@dataclass(frozen=True, slots=True)
class Caps:
    """How many tenants, and values of a dimension within a tenant, have series of their own."""

    tenants: int = 50
    values: int = 20


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


class WindowGauges:
    """Holds the latest of every window and shows it to the registry it was given."""

    def __init__(self, registry: CollectorRegistry, caps: Caps | None = None) -> None:
        self._caps = caps or Caps()
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, str, str, str, int], MetricWindow] = {}
        self._tenants: set[str] = set()
        self._values: dict[tuple[str, str], set[str]] = {}
        registry.register(self)

    def update(self, windows: Iterable[MetricWindow]) -> None:
        """Take in refreshed windows; of two of the same name the one that ends later holds."""
        with self._lock:
            for window in windows:
                if window.dimension != _LEFT_OUT:
                    self._take(window)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry."""
        with self._lock:
            sums = self._sums()
        yield _family(catalogue.WINDOW_SECONDS, _quantiles(sums))
        yield _family(catalogue.WINDOW_MEAN_SECONDS, _means(sums))
        yield _family(catalogue.WINDOW_FACTS, ((labels, found.facts) for labels, found in sums.items()))
        graded = [(labels, found) for labels, found in sums.items() if found.graded]
        yield _family(catalogue.WINDOW_SLA_MET, ((labels, found.met) for labels, found in graded))
        yield _family(catalogue.WINDOW_SLA_BREACHED, ((labels, found.breached) for labels, found in graded))
        yield _family(
            catalogue.SLA_ATTAINMENT,
            (
                (labels, found.met / (found.met + found.breached))
                for labels, found in graded
                if found.met + found.breached
            ),
        )

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """For the registry, which asks for names before there is anything to collect."""
        for metric in catalogue.WINDOWS:
            yield _family(metric, ())

    def _take(self, window: MetricWindow) -> None:
        key = (window.tenant, window.metric, window.dimension, window.dimension_value, window.window_seconds)
        known = self._latest.get(key)
        if known is not None and known.window_end > window.window_end:
            return
        if window.count == 0 and known is None:
            return
        self._latest[key] = window
        if len(self._tenants) < self._caps.tenants:
            self._tenants.add(window.tenant)
        values = self._values.setdefault((window.tenant, window.dimension), set())
        if len(values) < self._caps.values:
            values.add(window.dimension_value)

    def _sums(self) -> dict[_Labels, _Sum]:
        sums: dict[_Labels, _Sum] = {}
        for window in self._latest.values():
            labels = self._labels(window)
            found = sums.setdefault(labels, _Sum())
            found.add(window)
            if OTHER not in (labels.tenant, labels.value):
                found.alone = window
        return sums

    def _labels(self, window: MetricWindow) -> _Labels:
        tenant, dimension, value = window.tenant, window.dimension, window.dimension_value
        name = _NAMES.get(window.window_seconds, f"{window.window_seconds}s")
        if tenant not in self._tenants:
            return _Labels(OTHER, window.metric, dimension, OTHER if value else "", name)
        if value not in self._values[tenant, dimension]:
            value = OTHER
        return _Labels(tenant, window.metric, dimension, value, name)


def _quantiles(sums: dict[_Labels, _Sum]) -> Iterator[tuple[Sequence[str], float]]:
    for labels, found in sums.items():
        for quantile, field in _QUANTILES:
            value_ms = getattr(found.alone, field, None)
            if value_ms is not None:
                yield (*labels, quantile), value_ms / 1000


def _means(sums: dict[_Labels, _Sum]) -> Iterator[tuple[Sequence[str], float]]:
    for labels, found in sums.items():
        if found.facts:
            yield labels, found.total_ms / found.facts / 1000


def _family(metric: Metric, samples: Iterable[tuple[Sequence[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(list(labels), value)
    return family
