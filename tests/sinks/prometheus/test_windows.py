"""Window gauges: the latest of each window, bounded in number, never by agent."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sinks.prometheus.capped import Capped
from sinks.prometheus.windows import WindowGauges
from tests.sinks.samples import T0, window


def gauges(capped: Capped | None = None) -> tuple[CollectorRegistry, WindowGauges]:
    registry = CollectorRegistry()
    return registry, WindowGauges(registry, capped)


def value(registry: CollectorRegistry, name: str, **labels: Any) -> float | None:
    given = {"tenant": "acme", "metric": "first_response", "dimension": "all", "value": "", "window": "1h", **labels}
    return registry.get_sample_value(name, given)


def test_a_window_is_shown_in_seconds() -> None:
    registry, windows = gauges()
    windows.update([window()])
    assert value(registry, "supportpulse_window_facts") == 2
    assert value(registry, "supportpulse_window_mean_seconds") == 1.5
    assert value(registry, "supportpulse_window_seconds", quantile="0.99") == 1.99


def test_the_window_that_ends_later_holds_whatever_the_order() -> None:
    registry, windows = gauges()
    windows.update([window(window_end=T0 + 5000, count=7), window(count=3)])
    assert value(registry, "supportpulse_window_facts") == 7


def test_an_emptied_window_shows_none_and_no_stale_quantiles() -> None:
    registry, windows = gauges()
    windows.update([window()])
    nothing = dict.fromkeys(("mean_ms", "min_ms", "max_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"))
    windows.update([window(window_end=T0 + 5000, count=0, **nothing)])
    assert value(registry, "supportpulse_window_facts") == 0
    assert value(registry, "supportpulse_window_seconds", quantile="0.5") is None
    assert value(registry, "supportpulse_window_mean_seconds") is None


def test_agents_are_never_shown() -> None:
    registry, windows = gauges()
    windows.update([window(dimension="agent", dimension_value="ana")])
    assert [sample for family in registry.collect() for sample in family.samples] == []


def test_attainment_is_met_of_met_and_breached() -> None:
    registry, windows = gauges()
    windows.update(
        [
            window(metric="sla_resolution", met=3, breached=1, attainment=0.75),
            window(metric="sla_first_response", met=0, breached=0),
        ]
    )
    assert value(registry, "supportpulse_sla_attainment_ratio", metric="sla_resolution") == 0.75
    assert value(registry, "supportpulse_sla_attainment_ratio", metric="sla_first_response") is None
    assert value(registry, "supportpulse_window_sla_met", metric="sla_first_response") == 0


def test_what_is_beyond_the_cap_is_summed_up_as_other() -> None:
    registry, windows = gauges(Capped(tenants=1, values=2))
    teams = [window(dimension="team", dimension_value=f"t{i}", count=i + 1, mean_ms=1000.0 * i) for i in range(5)]
    windows.update([*teams, window(tenant="rival", count=9)])
    assert value(registry, "supportpulse_window_facts", dimension="team", value="t1") == 2
    assert value(registry, "supportpulse_window_facts", dimension="team", value="t2") is None
    assert value(registry, "supportpulse_window_facts", dimension="team", value="other") == 3 + 4 + 5
    mean = value(registry, "supportpulse_window_mean_seconds", dimension="team", value="other")
    assert mean == pytest.approx((3 * 2 + 4 * 3 + 5 * 4) / 12)
    assert value(registry, "supportpulse_window_seconds", dimension="team", value="other", quantile="0.5") is None
    assert value(registry, "supportpulse_window_facts", tenant="other") == 9


def test_the_number_of_series_stays_bounded() -> None:
    registry, windows = gauges(Capped(tenants=2, values=3))
    windows.update(
        window(tenant=f"tenant{t}", dimension="team", dimension_value=f"team{v}") for t in range(50) for v in range(50)
    )
    families = [family for family in registry.collect() if family.name == "supportpulse_window_facts"]
    assert len(families[0].samples) == 2 * (3 + 1) + 1


def test_an_empty_window_takes_no_place_and_nobody_gets_one_later() -> None:
    registry, windows = gauges(Capped(tenants=1, values=1))
    windows.update([window(tenant="idle", count=0)])
    teams = [window(dimension="team", dimension_value=name, count=n) for n, name in enumerate(("a", "b", "c"))]
    windows.update([*teams, window(tenant="idle", dimension="team", dimension_value="x", count=9)])
    shown = {"a": None, "b": 1, "c": None, "other": 2}
    for name, count in shown.items():
        assert value(registry, "supportpulse_window_facts", dimension="team", value=name) == count
    assert value(registry, "supportpulse_window_facts", tenant="other", dimension="team", value="other") == 9


def test_a_window_that_was_never_seen_and_holds_nothing_is_not_shown() -> None:
    registry, windows = gauges()
    windows.update([window(count=0)])
    assert [sample for family in registry.collect() for sample in family.samples] == []
