"""The live gauges show what they were told last, sums behind the caps, and shares that include the higher ones."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry

from sinks.prometheus.capped import Capped
from sinks.prometheus.live import LiveGauges
from streams.timers.standing import Figures

NOW_MS = 100_000


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    tenant, channel, team = labels.pop("tenant", "acme"), labels.pop("channel", "email"), labels.pop("team", "")
    found = {"tenant": tenant, "channel": channel, "team": team, **labels}
    return registry.get_sample_value(f"supportpulse_{name}", found)


def test_one_group() -> None:
    registry = CollectorRegistry()
    gauges = LiveGauges(registry)
    group = ("acme", "email", "")
    gauges.update({group: Figures(3, 40_000, Counter({0.75: 2, 0.9: 1}), 4)}, NOW_MS)
    assert value(registry, "waiting_conversations") == 3
    assert value(registry, "oldest_wait_seconds") == 60
    assert value(registry, "breached_open_clocks") == 4
    assert value(registry, "at_risk_clocks", share="0.9") == 1
    assert value(registry, "at_risk_clocks", share="0.75") == 3
    gauges.update({group: Figures()}, NOW_MS)
    assert value(registry, "waiting_conversations") == 0
    assert value(registry, "oldest_wait_seconds") == 0


def test_behind_the_caps_it_is_other() -> None:
    registry = CollectorRegistry()
    gauges = LiveGauges(registry, Capped(tenants=1, values=1))
    told = [("acme", "email", team) for team in ("", "a", "b", "c")] + [("late", "email", "a"), ("later", "email", "")]
    gauges.update({group: Figures(1, 90_000 - n * 10_000) for n, group in enumerate(told)}, NOW_MS)
    assert value(registry, "waiting_conversations", team="a") == 1
    assert value(registry, "waiting_conversations", team="other") == 2
    assert value(registry, "oldest_wait_seconds", team="other") == 40
    assert value(registry, "waiting_conversations", tenant="other", team="other") == 1
    assert value(registry, "waiting_conversations", tenant="other", team="") == 1
