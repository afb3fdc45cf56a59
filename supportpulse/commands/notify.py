"""`supportpulse notify`: one notifier process, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from schemas import documents, secrets, times
from schemas.errors import SupportpulseError
from schemas.records import SlaAlert
from schemas.secrets import SecretUnreadable
from schemas.topics import Topics
from sinks.notifier.config import NotifierConfig, NotifierMisconfigured
from sinks.notifier.message import key_of
from sinks.notifier.service import NotifierService
from sinks.prometheus.notifier import NotifierMetrics
from sinks.prometheus.server import MetricsServer
from supportpulse import serving, stopping
from supportpulse.settings import Settings

log = structlog.get_logger()


def secret_of(reference: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """What `env:NAME` or `file:/path` refers to. Raises `NotifierMisconfigured`, never naming what is there."""
    try:
        return secrets.read(reference, environ)
    except SecretUnreadable as exc:
        raise NotifierMisconfigured(f"--secret: {exc}") from exc


def run(settings: Settings, config: NotifierConfig, refused: Path | None) -> None:
    """Notify until SIGTERM or SIGINT. Raises what ended it otherwise."""
    with serving.until_told(config.kafka, "notifier", [Topics().alerts], "what was not told is told then") as told:
        asyncio.run(_run(settings, config, refused, told))


async def _run(settings: Settings, config: NotifierConfig, refused: Path | None, told: stopping.Told) -> None:
    stop = told.event()
    registry = CollectorRegistry()
    service = NotifierService(
        config,
        clock=times.now_ms,
        stats=NotifierMetrics(registry),
        on_refused=lambda alert: None if refused is None else _keep(refused, alert),
    )
    server = MetricsServer(registry, settings.notify_metrics_port, settings.host)
    server.start()
    # Not the receiver's address: those of chat rooms are secrets by themselves.
    log.info("notifying", kafka=config.kafka, group=config.group, host=settings.host, metrics_port=server.port)
    try:
        await service.run(stop)
    finally:
        server.stop()


def _keep(path: Path, alert: SlaAlert) -> None:
    line = documents.render_alert(alert, idempotency_key=key_of(alert))
    try:
        with path.open("ab") as out:
            out.write(line + b"\n")
    except OSError as exc:
        raise SupportpulseError(f"refused alerts cannot be written to {path}: {exc.strerror}") from exc
