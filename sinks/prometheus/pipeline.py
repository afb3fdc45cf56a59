"""The pipeline's own health: one object for the worker, one for the sink, each in a registry it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry

from schemas.records import MetricWindow
from sinks.prometheus import catalogue
from sinks.prometheus.clocks import ClockMetrics
from sinks.prometheus.instruments import BulkHistogram, counter, gauge, histogram
from sinks.prometheus.windows import WindowGauges


class WorkerMetrics(ClockMetrics):
    """What a worker counts; a `streams.worker.stats.WorkerStats`. All methods return at once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._events = counter(catalogue.EVENTS, registry)
        self._dead_letters = counter(catalogue.DEAD_LETTERS, registry)
        self._facts = counter(catalogue.FACTS, registry)
        self._chunk_seconds = histogram(catalogue.CHUNK_SECONDS, registry)
        self._lag_records = gauge(catalogue.LAG_RECORDS, registry)
        self._lag_seconds = gauge(catalogue.LAG_SECONDS, registry)
        for result in ("accepted", "duplicate", "late", "refused"):
            self._events.labels(result)

    def events(self, by_result: Mapping[str, int]) -> None:
        """Events of a chunk, by result: accepted, duplicate, late, refused."""
        for result, number in by_result.items():
            self._events.labels(result).inc(number)

    def dead_letters(self, topic: str, by_reason: Mapping[str, int]) -> None:
        """Records of `topic` that were parked, by reason."""
        for reason, number in by_reason.items():
            self._dead_letters.labels(topic, reason).inc(number)

    def facts(self, by_metric: Mapping[str, int]) -> None:
        """Versions of facts that were sent, by metric."""
        for metric, number in by_metric.items():
            self._facts.labels(metric).inc(number)

    def chunk(self, seconds: float) -> None:
        """A chunk took `seconds` from its arrival to its commit."""
        self._chunk_seconds.observe(seconds)

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """How far behind the end of a topic, in records and in the age of the oldest."""
        self._lag_records.labels(topic).set(records)
        self._lag_seconds.labels(topic).set(seconds)


class SinkMetrics:
    """What the sink counts; a `sinks.stats.SinkStats`. Windows go to `windows_to`, where given."""

    def __init__(self, registry: CollectorRegistry, windows_to: WindowGauges | None = None) -> None:
        self._rows = counter(catalogue.SINK_ROWS, registry)
        self._insert_seconds = histogram(catalogue.SINK_INSERT_SECONDS, registry)
        self._failures = counter(catalogue.SINK_FAILURES, registry)
        self._dead_letters = counter(catalogue.DEAD_LETTERS, registry)
        self._lag_records = gauge(catalogue.LAG_RECORDS, registry)
        self._lag_seconds = gauge(catalogue.LAG_SECONDS, registry)
        self._end_to_end = BulkHistogram(catalogue.END_TO_END_SECONDS, registry)
        self._windows_to = windows_to

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        """See `SinkStats`."""
        self._rows.labels(table).inc(rows)
        self._insert_seconds.labels(table).observe(seconds)

    def landed(self, topic: str, latencies_seconds: Sequence[float]) -> None:
        """See `SinkStats`."""
        self._end_to_end.observe(topic, latencies_seconds)

    def failed(self, table: str, error: str) -> None:
        """See `SinkStats`."""
        self._failures.labels(table, error).inc()

    def refused(self, topic: str, reason: str) -> None:
        """See `SinkStats`."""
        self._dead_letters.labels(topic, reason).inc()

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """See `SinkStats`."""
        self._lag_records.labels(topic).set(records)
        self._lag_seconds.labels(topic).set(seconds)

    def windows(self, windows: Sequence[MetricWindow]) -> None:
        """See `SinkStats`."""
        if self._windows_to is not None:
            self._windows_to.update(windows)
