"""Each clock counts once for each outcome that it came to, whatever versions its fact goes through."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry

from schemas.records import MetricFact
from sinks.prometheus.capped import Capped
from sinks.prometheus.clocks import ClockMetrics
from streams.timers.standing import Figures
from tests.sinks import samples
from tests.sinks.samples import T0

BREACHED = samples.fact(metric="sla_first_response", outcome="breached", policy="chat", tenant="acme")
ENDED = msgspec.structs.replace(BREACHED, revision=2, ended_at=BREACHED.started_at)
MET = msgspec.structs.replace(BREACHED, revision=3, outcome="met")
GONE = msgspec.structs.replace(BREACHED, revision=4, retracted=True)


def counted(changes: list[tuple[MetricFact | None, MetricFact]]) -> dict[str, float]:
    registry = CollectorRegistry()
    ClockMetrics(registry).clocks(changes)
    labels = {"tenant": "acme", "metric": "sla_first_response", "policy": "chat"}
    names = ("met", "breached", "retracted")
    found = {name: registry.get_sample_value(f"supportpulse_sla_{name}_total", labels) for name in names}
    return {name: value for name, value in found.items() if value}


def test_a_breach_that_ends_is_still_one_breach() -> None:
    assert counted([(None, BREACHED), (BREACHED, ENDED)]) == {"breached": 1}


def test_a_breach_that_was_none_is_taken_back_and_met() -> None:
    assert counted([(None, BREACHED), (BREACHED, ENDED), (ENDED, MET)]) == {"breached": 1, "retracted": 1, "met": 1}


def test_a_breach_of_a_conversation_that_is_gone_is_taken_back() -> None:
    assert counted([(None, BREACHED), (BREACHED, GONE)]) == {"breached": 1, "retracted": 1}


def test_tenants_behind_the_first_are_counted_together() -> None:
    registry = CollectorRegistry()
    metrics = ClockMetrics(registry, Capped(tenants=1))
    metrics.alerts([samples.alert(tenant=name, level="breach") for name in ("a", "b", "c", "a")])
    found = {
        name: registry.get_sample_value("supportpulse_sla_alerts_total", {"tenant": name, "level": "breach"})
        for name in ("a", "b", "other")
    }
    assert found == {"a": 2, "b": None, "other": 2}


def unknown(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    found = (metric.samples for metric in registry.collect() if metric.name == "supportpulse_source_unknown")
    return {(one.labels["tenant"], one.labels["source"]): one.value for samples in found for one in samples}


def test_a_source_that_was_never_heard_of_is_known_by_its_tenant_once_it_is() -> None:
    registry = CollectorRegistry()
    metrics = ClockMetrics(registry)
    metrics.held({("", "chat"): True})
    assert unknown(registry) == {("", "chat"): 1}
    metrics.held({("acme", "chat"): False})
    assert unknown(registry) == {("acme", "chat"): 0}, "nothing is unknown any more"


def test_of_the_tenants_behind_the_first_one_that_is_held_counts() -> None:
    registry = CollectorRegistry()
    metrics = ClockMetrics(registry, Capped(tenants=1))
    metrics.held({("a", "chat"): False, ("b", "chat"): True, ("c", "chat"): False})
    assert unknown(registry) == {("a", "chat"): 0, ("other", "chat"): 1}


def tenants(registry: CollectorRegistry) -> set[str]:
    return {sample.labels["tenant"] for family in registry.collect() for sample in family.samples}


def test_a_tenant_has_its_name_in_all_metrics_or_in_none() -> None:
    registry = CollectorRegistry()
    metrics = ClockMetrics(registry, Capped(tenants=2))
    metrics.held({("", "chat"): True, ("a", "chat"): False})
    metrics.live({(name, "email", ""): Figures(1, T0) for name in ("c", "b", "a")}, T0)
    metrics.alerts([samples.alert(tenant=name) for name in ("b", "c", "d")])
    metrics.clocks([(None, msgspec.structs.replace(BREACHED, tenant=name)) for name in ("d", "c", "b", "a")])
    assert tenants(registry) == {"", "a", "c", "other"}
