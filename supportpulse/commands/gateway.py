"""`supportpulse gateway`: one gateway process, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from connectors.gateway import sources_file
from connectors.gateway.publisher import GatewayPublisher, PublisherConfig
from connectors.gateway.server import Gateway, GatewayConfig, listen
from connectors.gateway.sources import SourceBook
from connectors.gateway.sources_file import SourcesFileError
from schemas.errors import SupportpulseError
from schemas.topics import Topics
from sinks.prometheus.exposition import exposition
from sinks.prometheus.gateway import GatewayMetrics
from supportpulse import serving, stopping
from supportpulse.settings import Settings

log = structlog.get_logger()

#: From SIGTERM on: requests in flight, which wait for Kafka for five seconds at most; then what nobody waits for.
_FINISH_SECONDS = 6.0
_FLUSH_SECONDS = 1.0
_GC_THRESHOLDS = (50_000, 20, 100)


def check_sources(settings: Settings) -> Iterator[str]:
    """A line for every source and token of the file. Raises `SourcesFileError`."""
    book = sources_file.load(_path(settings))
    for entry in book.entries.values():
        name, tenant = entry.source.name, entry.source.tenant
        yield f"source {name}: /v1/hooks/{entry.vendor}/{name} for tenant {tenant}"
    for name in sorted(book.tokens):
        yield f"token {name}: /v1/events"


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises what ended it otherwise."""
    book = sources_file.load(_path(settings))
    left = "what was not answered with 2xx will be sent again"
    with serving.until_told(settings.kafka, "gateway", Topics().of_connectors(), left) as told:
        uvloop.run(_run(settings, book, told))


def _path(settings: Settings) -> Path:
    if settings.sources is None:
        raise SourcesFileError("who may send is in no file yet: name it with --sources FILE (see docs/gateway.md)")
    return settings.sources


async def _run(settings: Settings, book: SourceBook, told: stopping.Told) -> None:
    stop = told.event()
    # What is there now stays, and what a request makes is gone with it: looking for cycles finds next to nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    topics = Topics()
    registry = CollectorRegistry()
    stats = GatewayMetrics(registry)
    publisher = GatewayPublisher(PublisherConfig(settings.kafka), (topics.interactions, topics.dead_letters))
    gateway = Gateway(book, publisher, GatewayConfig(topics), stats, partial(exposition, registry))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, gateway, _path(settings), stats)
    try:
        await publisher.start()
        try:
            running = await listen(gateway, settings.host, settings.gateway_port)
        except OSError as exc:
            raise SupportpulseError(
                f"cannot listen on {settings.host}:{settings.gateway_port} ({exc.strerror}): choose another --port"
            ) from exc
        log.info("listening", host=running.host, port=running.port, sources=len(book.entries), tokens=len(book.tokens))
        try:
            await serving.told_or_ended(stop, publisher.ended())
        finally:
            await running.stop(_FINISH_SECONDS)
    finally:
        await publisher.stop(_FLUSH_SECONDS)
    log.info("ended")


def _reload(gateway: Gateway, path: Path, stats: GatewayMetrics) -> None:
    try:
        book = sources_file.load(path)
    except SourcesFileError as exc:
        stats.reloaded(False)
        log.error("sources_refused", why=str(exc), consequence="the old ones stay in force")
        return
    gateway.book = book
    stats.reloaded(True)
    log.info("sources_reloaded", sources=len(book.entries), tokens=len(book.tokens))
