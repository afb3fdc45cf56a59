"""What /metrics shows is what the catalogue says, by Prometheus' rules for names."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sinks.prometheus import catalogue
from sinks.prometheus.catalogue import Kind, Metric
from sinks.prometheus.gateway import GatewayMetrics
from sinks.prometheus.notifier import NotifierMetrics
from sinks.prometheus.pipeline import SinkMetrics, WorkerMetrics
from sinks.prometheus.windows import WindowGauges
from streams.timers.standing import Figures
from tests.sinks import samples


def worker_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.events({"accepted": 3, "late": 1})
    metrics.dead_letters("interactions", {"malformed": 1})
    metrics.facts({"resolution": 2})
    metrics.chunk(0.02)
    metrics.lag("interactions", 4, 1.5)
    breached = samples.fact(metric="sla_resolution", outcome="breached", policy="chat")
    met = msgspec.structs.replace(breached, outcome="met")
    metrics.clocks([(None, breached), (breached, met)])
    metrics.alerts([samples.alert()])
    metrics.held({("acme", "chat"): True})
    metrics.live(
        {("acme", "email", ""): Figures(waiting=1, oldest_ms=0, at_risk=Counter({0.75: 2}), breached=1)}, 9_000
    )
    return registry


def sink_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    gauges = WindowGauges(registry)
    metrics = SinkMetrics(registry, gauges)
    metrics.inserted("metric_facts", 10, 0.1)
    metrics.failed("metric_facts", "ConnectionLost")
    metrics.landed("metric-facts", [0.05, 0.1, 7200.0, 90_000.0])
    metrics.refused("metric-facts", "malformed")
    metrics.lag("metric-facts", 0, 0.0)
    metrics.windows([samples.window(metric="sla_resolution", met=3, breached=1, attainment=0.75)])
    return registry


def gateway_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    metrics.answered("chatwoot", "chatwoot-main", 200, 0.004)
    metrics.published("chatwoot", "chatwoot-main", ["message", "message"])
    metrics.ignored("chatwoot", ["typing"])
    metrics.parked("chatwoot", "chatwoot-main", "unknown_payload")
    metrics.in_flight(1)
    metrics.reloaded(True)
    return registry


def notifier_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    NotifierMetrics(registry).retried()
    return registry


def shown(registry: CollectorRegistry) -> dict[str, tuple[str, str, set[frozenset[str]]]]:
    """name → (type, help, label sets), without the instants of creation that prometheus-client adds by itself"""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        found[name] = (family.type, family.documentation, labels)
    return found


@pytest.mark.parametrize(
    ("registry", "entries"),
    [
        (worker_registry(), (*catalogue.WORKER, *catalogue.TIMERS)),
        (sink_registry(), (*catalogue.SINK, *catalogue.WINDOWS)),
        (gateway_registry(), catalogue.GATEWAY),
        (notifier_registry(), catalogue.NOTIFIER),
    ],
    ids=["worker", "sink", "gateway", "notifier"],
)
def test_the_registry_shows_the_catalogue_and_nothing_else(
    registry: CollectorRegistry, entries: tuple[Metric, ...]
) -> None:
    expected = {entry.name: (entry.kind.value, entry.help, {frozenset(entry.labels)}) for entry in entries}
    assert shown(registry) == expected


@pytest.mark.parametrize("metric", catalogue.ALL, ids=lambda metric: metric.name)
def test_names_units_and_labels_follow_the_rules(metric: Metric) -> None:
    assert re.fullmatch(r"supportpulse_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not re.search(r"_(ms|millis|milliseconds|minutes|hours|percent)(_|$)", metric.name)
    assert not {"agent", "agent_id", "customer", "customer_id", "conversation", "conversation_id"} & set(metric.labels)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)


def test_every_name_is_there_once() -> None:
    names = [metric.name for metric in catalogue.ALL]
    assert len(names) == len(set(names))


def test_the_bulk_histogram_counts_as_prometheus_does() -> None:
    samples_by_bound = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(generate_latest(sink_registry()).decode())
        for sample in family.samples
        if sample.name == "supportpulse_end_to_end_seconds_bucket"
    }
    assert samples_by_bound["0.1"] == 2
    assert samples_by_bound["1800.0"] == 2
    assert samples_by_bound["21600.0"] == 3
    assert samples_by_bound["+Inf"] == 4
