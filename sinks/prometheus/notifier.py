"""What a notifier counts; a `sinks.notifier.stats.NotifierStats`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from sinks.notifier.stats import RESULTS, Result
from sinks.prometheus import catalogue
from sinks.prometheus.instruments import counter


class NotifierMetrics:
    """Counters in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notifications = counter(catalogue.NOTIFICATIONS, registry)
        self._retries = counter(catalogue.NOTIFICATION_RETRIES, registry)
        for result in RESULTS:
            self._notifications.labels(result)

    def notified(self, result: Result) -> None:
        """See `NotifierStats`."""
        self._notifications.labels(result).inc()

    def retried(self) -> None:
        """See `NotifierStats`."""
        self._retries.inc()
