"""`supportpulse sink`: one sink process, until it is told to stop."""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from sinks.clickhouse.database import Database
from sinks.clickhouse.server import ServerDatabase
from sinks.prometheus.pipeline import SinkMetrics
from sinks.prometheus.server import MetricsServer
from sinks.prometheus.windows import WindowGauges
from sinks.service import SinkConfig, SinkService
from supportpulse import reach, stopping
from supportpulse.data_dir import DataDir
from supportpulse.settings import EMBEDDED, Settings
from supportpulse.up.landing import wall_clock_ms
from supportpulse.up.stack import open_database

log = structlog.get_logger()


def run(settings: Settings, epoch: int = 0) -> None:
    """Land until SIGTERM or SIGINT; what was read lands first. Raises what ended it otherwise.

    `epoch`: how many times the logs began anew.
    """
    reach.check_kafka(settings.kafka)
    with stopping.in_time() as told:
        asyncio.run(_run(settings, told, epoch))


def _where(database: Database) -> str:
    """The address without its password."""
    return database.address if isinstance(database, ServerDatabase) else EMBEDDED


async def _run(settings: Settings, told: stopping.Told, epoch: int) -> None:
    stop = told.event()
    database = open_database(settings, DataDir(settings.data_dir))
    registry = CollectorRegistry()
    stats = SinkMetrics(registry, WindowGauges(registry))
    service = SinkService(SinkConfig(kafka=settings.kafka, epoch=epoch), database, clock=wall_clock_ms, stats=stats)
    server = MetricsServer(
        registry,
        settings.sink_metrics_port,
        settings.host,
        health=lambda: (service.health.ok, service.health.detail),
    )
    server.start()
    try:
        await service.start()
        log.info(
            "landing", kafka=settings.kafka, clickhouse=_where(database), host=settings.host, metrics_port=server.port
        )
        ended = asyncio.ensure_future(service.wait())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await service.stop()
    finally:
        server.stop()
        database.close()
