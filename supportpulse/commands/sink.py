"""`supportpulse sink`: one sink process, until it is told to stop."""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from schemas import times
from schemas.topics import Topics
from sinks.clickhouse.database import Database
from sinks.clickhouse.server import ServerDatabase
from sinks.lanes import lanes
from sinks.prometheus.pipeline import SinkMetrics
from sinks.prometheus.server import MetricsServer
from sinks.prometheus.windows import WindowGauges
from sinks.service import SinkConfig, SinkService
from supportpulse import serving, stopping
from supportpulse.data_dir import DataDir
from supportpulse.settings import EMBEDDED, Settings
from supportpulse.up.stack import open_database

log = structlog.get_logger()


def run(settings: Settings, epoch: int = 0) -> None:
    """Land until SIGTERM or SIGINT; what was read lands first. Raises what ended it otherwise.

    `epoch`: how many times the logs began anew.
    """
    with serving.until_told(settings.kafka, "sink", lanes(Topics()), "what has not landed is read again") as told:
        asyncio.run(_run(settings, told, epoch))


def _where(database: Database) -> str:
    """The address without its password."""
    return database.address if isinstance(database, ServerDatabase) else EMBEDDED


async def _run(settings: Settings, told: stopping.Told, epoch: int) -> None:
    stop = told.event()
    database = open_database(settings, DataDir(settings.data_dir))
    registry = CollectorRegistry()
    stats = SinkMetrics(registry, WindowGauges(registry))
    service = SinkService(SinkConfig(kafka=settings.kafka, epoch=epoch), database, clock=times.now_ms, stats=stats)
    server = MetricsServer(
        registry,
        settings.sink_metrics_port,
        settings.host,
        health=lambda: (service.health.ok, service.health.detail),
    )
    try:
        server.start()
        await service.start()
        log.info(
            "landing", kafka=settings.kafka, clickhouse=_where(database), host=settings.host, metrics_port=server.port
        )
        try:
            await serving.told_or_ended(stop, service.wait())
        finally:
            await service.stop()
    finally:
        server.stop()
        database.close()
