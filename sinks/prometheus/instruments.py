"""Catalogue entries → prometheus-client's instruments, always in a registry of one's own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import HistogramMetricFamily

from sinks.prometheus.catalogue import Metric


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """The counter of a catalogue entry."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """The gauge of a catalogue entry."""
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """The histogram of a catalogue entry."""
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)


class BulkHistogram:
    """A histogram with one label that takes thousands of observations at once.

    prometheus-client's own costs more than a microsecond an observation; the sink has one per record.
    """

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._metric = metric
        self._bounds = np.asarray(metric.buckets)
        self._lock = threading.Lock()
        self._counts: dict[str, npt.NDArray[np.int64]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, label: str, values: Sequence[float]) -> None:
        """Add `values` under `label`."""
        observed = np.asarray(values, dtype=float)
        places = np.searchsorted(self._bounds, observed, side="left")
        counts = np.bincount(places, minlength=len(self._bounds) + 1).astype(np.int64)
        with self._lock:
            self._counts[label] = self._counts.get(label, 0) + counts
            self._sums[label] = self._sums.get(label, 0.0) + float(observed.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        bounds = [*map(str, self._metric.buckets), "+Inf"]
        with self._lock:
            for label, counts in self._counts.items():
                buckets = list(zip(bounds, np.cumsum(counts).tolist(), strict=True))
                family.add_metric([label], buckets, self._sums[label])
        yield family

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """For the registry, which asks for names before there is anything to collect."""
        yield HistogramMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
