"""The live gauges: who waits, what is at risk, what has run out, by tenant, channel and team.

Behind the first so many tenants, and teams within a tenant, the rest is summed up under "other".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily

from schemas.times import EpochMs
from sinks.prometheus import catalogue
from sinks.prometheus.capped import Capped


class Standings(Protocol):
    """Figures of one group."""

    @property
    def waiting(self) -> int:
        """Conversations whose customer waits."""

    @property
    def oldest_ms(self) -> EpochMs | None:
        """Since when the oldest of them does."""

    @property
    def at_risk(self) -> Mapping[float, int]:
        """By the highest share of a warning that they have used up: open clocks that have not run out."""

    @property
    def breached(self) -> int:
        """Open clocks that have run out."""


@dataclass(slots=True)
class _Shown:
    waiting: int = 0
    oldest_seconds: float = 0.0
    breached: int = 0
    at_risk: Counter[float] = field(default_factory=Counter)


_Labels = tuple[str, str, str]


class LiveGauges:
    """Shows what it was told last."""

    def __init__(self, registry: CollectorRegistry, capped: Capped | None = None) -> None:
        self._capped = capped or Capped()
        self._shown: dict[_Labels, _Shown] = {}
        registry.register(self)

    def update(self, figures: Mapping[_Labels, Standings], now_ms: EpochMs) -> None:
        """The figures of all groups: tenant, channel and team."""
        shown: dict[_Labels, _Shown] = {}
        for (tenant, channel, team), found in figures.items():
            tenant_shown, team_shown = self._capped.value(tenant, "team", team)
            one = shown.setdefault((tenant_shown, channel, team_shown), _Shown())
            one.waiting += found.waiting
            one.breached += found.breached
            one.at_risk.update(found.at_risk)
            if found.oldest_ms is not None:
                one.oldest_seconds = max(one.oldest_seconds, (now_ms - found.oldest_ms) / 1000)
        # Put in place at once: a scrape comes on a thread of its own.
        self._shown = shown

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry."""
        shown = self._shown
        waiting, oldest, at_risk, breached = self.describe()
        for labels, found in shown.items():
            waiting.add_metric(labels, found.waiting)
            oldest.add_metric(labels, found.oldest_seconds)
            breached.add_metric(labels, found.breached)
            used = 0
            # Who has used up nine tenths has used up three quarters too.
            for share in sorted(found.at_risk, reverse=True):
                used += found.at_risk[share]
                at_risk.add_metric((*labels, f"{share:g}"), used)
        yield from (waiting, oldest, at_risk, breached)

    def describe(self) -> tuple[GaugeMetricFamily, ...]:
        """For the registry, which asks for names before there is anything to collect."""
        metrics = (
            catalogue.WAITING_CONVERSATIONS,
            catalogue.OLDEST_WAIT_SECONDS,
            catalogue.AT_RISK_CLOCKS,
            catalogue.BREACHED_OPEN_CLOCKS,
        )
        return tuple(GaugeMetricFamily(metric.name, metric.help, labels=metric.labels) for metric in metrics)
