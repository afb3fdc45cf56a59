"""The sink of `up`: in this process, which owns the embedded ClickHouse, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from schemas import times
from sinks.clickhouse.database import Database
from sinks.prometheus.pipeline import SinkMetrics
from sinks.prometheus.server import MetricsServer
from sinks.prometheus.windows import WindowGauges
from sinks.service import SinkConfig, SinkService
from supportpulse import serving
from supportpulse.up.stack import Stack

T = TypeVar("T")

_START_SECONDS = 60.0
_DRAIN_SECONDS = 600.0


class SinkThread:
    """Runs a `SinkService` and its /metrics. Use as: start, (check, drain), stop. Closes the database it was given."""

    def __init__(self, config: SinkConfig, database: Database, *, host: str, metrics_port: int) -> None:
        registry = CollectorRegistry()
        self._metrics = SinkMetrics(registry, WindowGauges(registry))
        self._config = config
        self._database = database
        self._service: SinkService | None = None
        self._ended: Future[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)
        self.server = MetricsServer(registry, metrics_port, host, health=self._health)

    def start(self) -> None:
        """Join the consumer group and begin. Raises what the sink or the metrics server raise."""
        self._thread.start()
        self._result(self._start(), _START_SECONDS)
        self.server.start()

    def check(self) -> None:
        """Raises what ended the sink, if anything did."""
        if self._ended is not None and self._ended.done():
            with self._kafka_named():
                self._ended.result()

    def drain(self) -> None:
        """Wait until everything that lies in the topics now has landed."""
        if self._service is not None:
            self._result(self._service.drain(), _DRAIN_SECONDS)

    def stop(self) -> None:
        """Land what was read, leave the group. May be called again, and before `start`. Raises what ended the sink."""
        self.server.stop()
        service, self._service = self._service, None
        try:
            if service is not None:
                self._result(service.stop(), _START_SECONDS)
        finally:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
            self._database.close()

    async def _start(self) -> None:
        self._service = SinkService(self._config, self._database, clock=times.now_ms, stats=self._metrics)
        await self._service.start()
        self._ended = self._run(self._service.wait())

    def _health(self) -> tuple[bool, str]:
        if self._service is None:
            return False, "the sink is not running"
        return self._service.health.ok, self._service.health.detail

    def _result(self, coroutine: Coroutine[Any, Any, T], within_seconds: float) -> T:
        with self._kafka_named():
            return self._run(coroutine).result(within_seconds)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _kafka_named(self) -> AbstractContextManager[None]:
        return serving.kafka_named(self._config.kafka, "sink", "what has not landed is read again")


def sink_of(stack: Stack, *, metrics_port: int) -> SinkThread:
    """The sink of a stack, with a connection of its own."""
    config = SinkConfig(
        kafka=stack.kafka, epoch=stack.epoch, session_timeout_ms=int(stack.session_timeout_seconds * 1000)
    )
    return SinkThread(config, stack.connect(), host=stack.settings.host, metrics_port=metrics_port)
