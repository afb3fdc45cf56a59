"""Every metric there is: name, type, labels, meaning. Dashboards, alert rules and docs are checked against this file.

Labels are bounded: topics, tables, reasons, metrics, channels, priorities, tenants and teams (capped, see
`sinks.prometheus.capped`); never an agent, a customer or a conversation.
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


_LIVE = ("tenant", "channel", "team")
_CLOCK = ("tenant", "metric", "policy")
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
WINDOW_SLA_MET = Metric("supportpulse_window_sla_met", Kind.GAUGE, "Clocks met in a rolling window.", _WINDOW)
WINDOW_SLA_BREACHED = Metric(
    "supportpulse_window_sla_breached", Kind.GAUGE, "Clocks breached in a rolling window.", _WINDOW
)

# What waits and what runs out, of conversations that are open now. A team that was not said is "".
WAITING_CONVERSATIONS = Metric(
    "supportpulse_waiting_conversations", Kind.GAUGE, "Conversations whose customer waits for an answer.", _LIVE
)
OLDEST_WAIT_SECONDS = Metric(
    "supportpulse_oldest_wait_seconds", Kind.GAUGE, "How long the longest of the waits has lasted; 0 for none.", _LIVE
)
AT_RISK_CLOCKS = Metric(
    "supportpulse_at_risk_clocks",
    Kind.GAUGE,
    "Open clocks that have used up this share of their target and have not run out.",
    (*_LIVE, "share"),
)
BREACHED_OPEN_CLOCKS = Metric(
    "supportpulse_breached_open_clocks", Kind.GAUGE, "Open clocks whose deadline has passed.", _LIVE
)
SOURCE_UNKNOWN = Metric(
    "supportpulse_source_unknown",
    Kind.GAUGE,
    "1 while the alerts of a source are held because it lags or is silent, else 0.",
    ("tenant", "source"),
)

# Each clock counts once for each outcome that it came to; `metric` is that of the SLA fact, e.g. sla_first_response.
SLA_MET = Metric("supportpulse_sla_met_total", Kind.COUNTER, "Clocks that ended in time.", _CLOCK)
SLA_BREACHED = Metric("supportpulse_sla_breached_total", Kind.COUNTER, "Clocks that ran out.", _CLOCK)
SLA_RETRACTED = Metric(
    "supportpulse_sla_retracted_total", Kind.COUNTER, "Breaches taken back because of late events.", _CLOCK
)
SLA_ALERTS = Metric(
    "supportpulse_sla_alerts_total", Kind.COUNTER, "Alerts raised: warning, breach, retracted.", ("tenant", "level")
)

NOTIFICATIONS = Metric(
    "supportpulse_notifications_total",
    Kind.COUNTER,
    "Alerts that the notifier is done with: delivered, refused, old, repeated or unreadable.",
    ("result",),
)
NOTIFICATION_RETRIES = Metric(
    "supportpulse_notification_retries_total", Kind.COUNTER, "Attempts at a delivery that failed and were tried again."
)

GATEWAY_REQUESTS = Metric(
    "supportpulse_gateway_requests_total",
    Kind.COUNTER,
    "Requests answered; vendor and source are empty where the address names none that is configured.",
    ("vendor", "source", "status"),
)
GATEWAY_SECONDS = Metric(
    "supportpulse_gateway_request_seconds",
    Kind.HISTOGRAM,
    "From a request's headers to its answer, Kafka's acknowledgement included.",
    ("vendor",),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
GATEWAY_EVENTS = Metric(
    "supportpulse_gateway_events_total",
    Kind.COUNTER,
    "Events that Kafka has from the gateway.",
    ("vendor", "source", "type"),
)
GATEWAY_IGNORED = Metric(
    "supportpulse_gateway_ignored_total",
    Kind.COUNTER,
    "Pieces of deliveries that are known and mean nothing here, by the connector's code for them.",
    ("vendor", "code"),
)
GATEWAY_PARKED = Metric(
    "supportpulse_gateway_parked_total",
    Kind.COUNTER,
    "Dead letters that the gateway wrote.",
    ("vendor", "source", "reason"),
)
GATEWAY_IN_FLIGHT = Metric("supportpulse_gateway_in_flight_requests", Kind.GAUGE, "Requests being answered.")
GATEWAY_RELOADS = Metric(
    "supportpulse_gateway_reloads_total", Kind.COUNTER, "Times the sources file was read again.", ("result",)
)

WORKER = (EVENTS, DEAD_LETTERS, FACTS, CHUNK_SECONDS, LAG_RECORDS, LAG_SECONDS)
SINK = (SINK_ROWS, SINK_INSERT_SECONDS, SINK_FAILURES, END_TO_END_SECONDS, DEAD_LETTERS, LAG_RECORDS, LAG_SECONDS)
WINDOWS = (WINDOW_SECONDS, WINDOW_MEAN_SECONDS, WINDOW_FACTS, SLA_ATTAINMENT, WINDOW_SLA_MET, WINDOW_SLA_BREACHED)
TIMERS = (
    WAITING_CONVERSATIONS,
    OLDEST_WAIT_SECONDS,
    AT_RISK_CLOCKS,
    BREACHED_OPEN_CLOCKS,
    SOURCE_UNKNOWN,
    SLA_MET,
    SLA_BREACHED,
    SLA_RETRACTED,
    SLA_ALERTS,
)
GATEWAY = (
    GATEWAY_REQUESTS,
    GATEWAY_SECONDS,
    GATEWAY_EVENTS,
    GATEWAY_IGNORED,
    GATEWAY_PARKED,
    GATEWAY_IN_FLIGHT,
    GATEWAY_RELOADS,
)
NOTIFIER = (NOTIFICATIONS, NOTIFICATION_RETRIES)
ALL = tuple(dict.fromkeys((*WORKER, *SINK, *WINDOWS, *TIMERS, *NOTIFIER, *GATEWAY)))
