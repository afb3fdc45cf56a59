"""`supportpulse worker`: one Faust worker, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from schemas.errors import SupportpulseError
from schemas.topics import Topics
from sinks.clickhouse.server import ServerDatabase
from sinks.prometheus.pipeline import WorkerMetrics
from sinks.prometheus.server import MetricsServer
from streams.partition.cap import CapLimits
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from streams.worker.app import Worker
from streams.worker.config import Drain, WorkerConfig
from supportpulse import serving, stopping
from supportpulse.archive import ClickHouseArchive


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the command line says."""

    kafka: str
    policies: Path | None
    data_dir: Path
    host: str
    metrics_port: int
    session_timeout_seconds: float = 10.0
    epoch: int = 0
    drain: Drain | None = None
    refusals: CapLimits = field(default_factory=CapLimits)
    #: A ClickHouse server; None: conversations never leave memory.
    clickhouse: str | None = None
    rewrite_policies: bool = False
    #: source → how long it may be silent before its alerts are held
    heartbeat_seconds: Mapping[str, float] = field(default_factory=dict)
    #: Of Faust's own pages, on loopback; None: none.
    web_port: int | None = None


def parse_until(text: str) -> Mapping[int, int]:
    """`0=123,2=45` → partition → last offset."""
    try:
        pairs = [item.split("=") for item in text.split(",") if item]
        return {int(partition): int(offset) for partition, offset in pairs}
    except ValueError as exc:
        raise SupportpulseError(f"{text!r} names no offsets: write PARTITION=OFFSET,…, like 0=123,1=45") from exc


def parse_heartbeats(text: str) -> Mapping[str, float]:
    """`chat=5m,email=30s` → source → seconds. Raises `SupportpulseError` for anything else."""
    found: dict[str, float] = {}
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        source, _, wanted = (part.strip() for part in item.rpartition("="))
        duration_ms = policy_file.read_duration_ms(wanted)
        if not source or not duration_ms:
            raise SupportpulseError(
                f"{item!r} is no heartbeat: write SOURCE=DURATION with a number above 0 and s, m, h or d, like "
                "--heartbeat chat=5m or SUPPORTPULSE_HEARTBEATS=chat=5m,email=30m"
            )
        if source in found:
            raise SupportpulseError(f"the source {source!r} has two heartbeats: write one of them")
        found[source] = duration_ms / 1000
    return found


def run(options: WorkerOptions) -> None:
    """Work until SIGTERM or SIGINT, or until the drain is done. Raises what ended it otherwise."""
    with serving.until_told(options.kafka, "worker", Topics().of_workers(), "nothing is lost") as told:
        asyncio.run(_run(options, told))


async def _run(options: WorkerOptions, told: stopping.Told) -> None:
    book = PolicyBook() if options.policies is None else policy_file.load(options.policies)
    url = options.clickhouse
    archive = None if url is None else ClickHouseArchive(lambda: ServerDatabase(url), options.epoch)
    config = WorkerConfig(
        kafka=options.kafka,
        policies=book,
        policies_path=options.policies,
        rewrite_policies=options.rewrite_policies,
        data_dir=options.data_dir,
        topics=Topics(),
        session_timeout_seconds=options.session_timeout_seconds,
        epoch=options.epoch,
        drain=options.drain,
        refusals=options.refusals,
        archive=archive,
        heartbeat_seconds=options.heartbeat_seconds,
        web_port=options.web_port,
    )
    stop = told.event()
    registry = CollectorRegistry()
    worker = Worker(config, WorkerMetrics(registry))
    server = MetricsServer(registry, options.metrics_port, options.host, worker.health)
    server.start()
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, worker.reload_policies)
        await worker.run(stop)
    finally:
        server.stop()
        if archive is not None:
            archive.close()
