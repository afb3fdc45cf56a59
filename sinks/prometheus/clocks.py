"""What becomes of SLA clocks, as counters: met, breached, taken back, raised. Tenants are capped, as in the windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry

from schemas.records import MetricFact, SlaAlert
from schemas.ticks import SourceName
from schemas.times import EpochMs
from sinks.prometheus import catalogue
from sinks.prometheus.capped import Capped
from sinks.prometheus.instruments import counter, gauge
from sinks.prometheus.live import LiveGauges, Standings


class ClockMetrics:
    """Counts for a worker. All methods return at once."""

    def __init__(self, registry: CollectorRegistry, capped: Capped | None = None) -> None:
        self._capped = capped or Capped()
        self._alerts = counter(catalogue.SLA_ALERTS, registry)
        self._met = counter(catalogue.SLA_MET, registry)
        self._breached = counter(catalogue.SLA_BREACHED, registry)
        self._retracted = counter(catalogue.SLA_RETRACTED, registry)
        self._unknown = gauge(catalogue.SOURCE_UNKNOWN, registry)
        #: The labels under which a source was shown last.
        self._shown: set[tuple[str, str]] = set()
        self._live = LiveGauges(registry, self._capped)

    def clocks(self, changes: Iterable[tuple[MetricFact | None, MetricFact]]) -> None:
        """What became of SLA clocks: versions before, if any, and new versions of their facts."""
        for before, fact in changes:
            was = None if before is None else before.outcome
            now = None if fact.retracted else fact.outcome
            labels = (self._capped.tenant(fact.tenant), fact.metric, fact.policy or "")
            if was == "breached" != now:
                self._retracted.labels(*labels).inc()
            if now == "breached" != was:
                self._breached.labels(*labels).inc()
            if now == "met" != was:
                self._met.labels(*labels).inc()

    def alerts(self, alerts: Iterable[SlaAlert]) -> None:
        """Alerts that were sent."""
        for alert in alerts:
            self._alerts.labels(self._capped.tenant(alert.tenant), alert.level).inc()

    def held(self, sources: Mapping[SourceName, bool]) -> None:
        """Of every watched source, whether its alerts are held."""
        found: dict[tuple[str, str], bool] = {}
        for (tenant, source), is_held in sources.items():
            labels = (self._capped.tenant(tenant), source)
            found[labels] = found.get(labels, False) or is_held
        for labels, is_held in found.items():
            self._unknown.labels(*labels).set(is_held)
        # A source that nobody had heard of has no tenant until somebody has.
        for labels in self._shown - found.keys():
            self._unknown.remove(*labels)
        self._shown = set(found)

    def live(self, figures: Mapping[tuple[str, str, str], Standings], now_ms: EpochMs) -> None:
        """How the open conversations stand."""
        self._live.update(figures, now_ms)
