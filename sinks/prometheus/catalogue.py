"""Every metric there is: name, type, labels, meaning. Dashboards, alert rules and docs are checked against this file.

Labels are bounded: topics, tables, reasons, metrics, channels, priorities, tenants and teams (capped, see
`sinks.prometheus.windows`); never an agent, a customer or a conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Prometheus' types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Durations are seconds; a counter's name ends in `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_WINDOW = ("tenant", "metric", "dimension", "value", "window")
_CHUNK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENCY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 21_600.0)

EVENTS = Metric(
    "supportpulse_events_total", Kind.COUNTER, "Events read: accepted, duplicate, late or refused.", ("result",)
)
DEAD_LETTERS = Metric(
    "supportpulse_dead_letters_total", Kind.COUNTER, "Records that could not be used, by reason.", ("topic", "reason")
)
FACTS = Metric("supportpulse_facts_total", Kind.COUNTER, "Versions of facts sent, by metric.", ("metric",))
CHUNK_SECONDS = Metric(
    "supportpulse_chunk_seconds", Kind.HISTOGRAM, "From a chunk's arrival to its commit.", (), _CHUNK_SECONDS
)
LAG_RECORDS = Metric("supportpulse_lag_records", Kind.GAUGE, "Records behind the end of a topic.", ("topic",))
LAG_SECONDS = Metric("supportpulse_lag_seconds", Kind.GAUGE, "Age of the oldest record not done with.", ("topic",))

SINK_ROWS = Metric("supportpulse_sink_rows_total", Kind.COUNTER, "Rows inserted into ClickHouse.", ("table",))
SINK_INSERT_SECONDS = Metric(
    "supportpulse_sink_insert_seconds", Kind.HISTOGRAM, "Duration of an insert.", ("table",), _CHUNK_SECONDS
)
SINK_FAILURES = Metric(
    "supportpulse_sink_insert_failures_total",
    Kind.COUNTER,
    "Inserts that failed and are tried again.",
    ("table", "error"),
)
END_TO_END_SECONDS = Metric(
    "supportpulse_end_to_end_seconds",
    Kind.HISTOGRAM,
    "From a record's timestamp to the moment it was durable in ClickHouse.",
    ("topic",),
    _LATENCY_SECONDS,
)

WINDOW_SECONDS = Metric(
    "supportpulse_window_seconds", Kind.GAUGE, "A quantile of a rolling window.", (*_WINDOW, "quantile")
)
WINDOW_MEAN_SECONDS = Metric("supportpulse_window_mean_seconds", Kind.GAUGE, "The mean of a rolling window.", _WINDOW)
WINDOW_FACTS = Metric("supportpulse_window_facts", Kind.GAUGE, "How many facts a rolling window holds.", _WINDOW)
SLA_ATTAINMENT = Metric(
    "supportpulse_sla_attainment_ratio", Kind.GAUGE, "Met / (met + breached) in a rolling window.", _WINDOW
)
SLA_MET = Metric("supportpulse_sla_met", Kind.GAUGE, "Clocks met in a rolling window.", _WINDOW)
SLA_BREACHED = Metric("supportpulse_sla_breached", Kind.GAUGE, "Clocks breached in a rolling window.", _WINDOW)

WORKER = (EVENTS, DEAD_LETTERS, FACTS, CHUNK_SECONDS, LAG_RECORDS, LAG_SECONDS)
SINK = (SINK_ROWS, SINK_INSERT_SECONDS, SINK_FAILURES, END_TO_END_SECONDS, DEAD_LETTERS, LAG_RECORDS, LAG_SECONDS)
WINDOWS = (WINDOW_SECONDS, WINDOW_MEAN_SECONDS, WINDOW_FACTS, SLA_ATTAINMENT, SLA_MET, SLA_BREACHED)
ALL = tuple(dict.fromkeys((*WORKER, *SINK, *WINDOWS)))
