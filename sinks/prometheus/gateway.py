"""The gateway's counters: a `connectors.gateway.stats.GatewayStats`, in a registry it is given."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from sinks.prometheus import catalogue
from sinks.prometheus.catalogue import Kind

_FAMILIES = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}
_Counts = defaultdict[tuple[str, ...], int]


class GatewayMetrics:
    """What a gateway counts. All methods return at once.

    Plain numbers, which become Prometheus' families when somebody looks: its own instruments take a lock for each step,
    ten microseconds a request, and a gateway counts and shows in the one thread of its event loop.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._events: _Counts = defaultdict(int)
        self._ignored: _Counts = defaultdict(int)
        self._parked: _Counts = defaultdict(int)
        self._reloads: _Counts = defaultdict(int, {("accepted",): 0, ("refused",): 0})
        self._seconds: dict[str, tuple[list[int], list[float]]] = {}
        self._now = 0
        registry.register(self)

    def answered(self, vendor: str, source: str, status: int, seconds: float) -> None:
        """A request was answered with `status` after `seconds`."""
        self._answers[vendor, source, status] += 1
        found = self._seconds.get(vendor)
        if found is None:
            found = self._seconds[vendor] = [0] * (len(catalogue.GATEWAY_SECONDS.buckets) + 1), [0.0]
        found[0][bisect_left(catalogue.GATEWAY_SECONDS.buckets, seconds)] += 1
        found[1][0] += seconds

    def published(self, vendor: str, source: str, types: Iterable[str]) -> None:
        """Events of these types are with Kafka."""
        for kind in types:
            self._events[vendor, source, kind] += 1

    def ignored(self, vendor: str, codes: Iterable[str]) -> None:
        """Pieces that mean nothing here, by the connector's code."""
        for code in codes:
            self._ignored[vendor, code] += 1

    def parked(self, vendor: str, source: str, reason: str) -> None:
        """A dead letter is with Kafka."""
        self._parked[vendor, source, reason] += 1

    def in_flight(self, requests: int) -> None:
        """How many requests are being answered."""
        self._now = requests

    def reloaded(self, accepted: bool) -> None:
        """The sources file was read again."""
        self._reloads["accepted" if accepted else "refused",] += 1

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        answers: dict[tuple[str, ...], int] = {
            (vendor, source, str(status)): count for (vendor, source, status), count in self._answers.items()
        }
        yield _filled(catalogue.GATEWAY_REQUESTS, answers)
        yield self._histogram()
        yield _filled(catalogue.GATEWAY_EVENTS, self._events)
        yield _filled(catalogue.GATEWAY_IGNORED, self._ignored)
        yield _filled(catalogue.GATEWAY_PARKED, self._parked)
        yield _filled(catalogue.GATEWAY_IN_FLIGHT, {(): self._now})
        yield _filled(catalogue.GATEWAY_RELOADS, self._reloads)

    def describe(self) -> Iterable[Metric]:
        """For the registry, which asks for names before there is anything to collect."""
        return [_filled(metric, {}) for metric in catalogue.GATEWAY]

    def _histogram(self) -> Metric:
        metric = catalogue.GATEWAY_SECONDS
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for vendor, (counts, total) in self._seconds.items():
            so_far, buckets = 0, []
            for bound, count in zip([*map(str, metric.buckets), "+Inf"], counts, strict=True):
                so_far += count
                buckets.append((bound, so_far))
            family.add_metric([vendor], buckets, total[0])
        return family


def _filled(metric: catalogue.Metric, counts: Mapping[tuple[str, ...], int]) -> Metric:
    family: Any = _FAMILIES[metric.kind](metric.name, metric.help, labels=metric.labels)
    for labels, count in counts.items():
        family.add_metric(list(labels), count)
    return cast(Metric, family)
