"""The gateway's counters: a `connectors.gateway.stats.GatewayStats`, in a registry it is given."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from sinks.prometheus import catalogue
from sinks.prometheus.instruments import counter, gauge, histogram


class GatewayMetrics:
    """What a gateway counts. All methods return at once.

    Label sets are looked up here and not in prometheus-client, which takes a lock for it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(catalogue.GATEWAY_REQUESTS, registry)
        self._seconds = histogram(catalogue.GATEWAY_SECONDS, registry)
        self._events = counter(catalogue.GATEWAY_EVENTS, registry)
        self._ignored = counter(catalogue.GATEWAY_IGNORED, registry)
        self._parked = counter(catalogue.GATEWAY_PARKED, registry)
        self._in_flight = gauge(catalogue.GATEWAY_IN_FLIGHT, registry)
        self._reloads = counter(catalogue.GATEWAY_RELOADS, registry)
        for result in ("accepted", "refused"):
            self._reloads.labels(result)
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._types: dict[tuple[str, str, str], Counter] = {}

    def answered(self, vendor: str, source: str, status: int, seconds: float) -> None:
        """A request was answered with `status` after `seconds`."""
        found = self._answers.get((vendor, source, status))
        if found is None:
            found = self._requests.labels(vendor, source, str(status)), self._seconds.labels(vendor)
            self._answers[vendor, source, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def published(self, vendor: str, source: str, types: Iterable[str]) -> None:
        """Events of these types are with Kafka."""
        for kind in types:
            found = self._types.get((vendor, source, kind))
            if found is None:
                found = self._types[vendor, source, kind] = self._events.labels(vendor, source, kind)
            found.inc()

    def ignored(self, vendor: str, codes: Iterable[str]) -> None:
        """Pieces that mean nothing here, by the connector's code."""
        for code in codes:
            self._ignored.labels(vendor, code).inc()

    def parked(self, vendor: str, source: str, reason: str) -> None:
        """A dead letter is with Kafka."""
        self._parked.labels(vendor, source, reason).inc()

    def in_flight(self, requests: int) -> None:
        """How many requests are being answered."""
        self._in_flight.set(requests)

    def reloaded(self, accepted: bool) -> None:
        """The sources file was read again."""
        self._reloads.labels("accepted" if accepted else "refused").inc()
