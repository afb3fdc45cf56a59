"""What `up` runs on: a broker, a database and the topics, the embedded ones unless others are named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas import times
from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.clickhouse.database import Database
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.server import ServerDatabase
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from supportpulse import reach
from supportpulse import topics as kafka_topics
from supportpulse.broker import TansuBroker
from supportpulse.data_dir import DataDir
from supportpulse.restoring import restore
from supportpulse.settings import Settings

log = structlog.get_logger()

#: Tansu's group joins take half of the session timeout, so a start is quicker with a short one.
EMBEDDED_SESSION_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything is there, and knows what an earlier run left behind."""

    settings: Settings
    data_dir: DataDir
    kafka: str
    #: Whether the broker forgets when it stops.
    forgetful: bool
    epoch: int
    database: Database
    policies: Path | None
    book: PolicyBook
    rewrite_policies: bool = False

    @property
    def session_timeout_seconds(self) -> float:
        """How long a consumer may be silent."""
        return EMBEDDED_SESSION_SECONDS if self.forgetful else 10.0

    def restore(self, as_of_ms: EpochMs) -> None:
        """Before a worker starts: give a broker that forgot its memory back. Windows end at `as_of_ms` or later."""
        if not self.forgetful:
            return
        began = time.monotonic()
        found = asyncio.run(
            restore(
                self.database,
                self.kafka,
                Topics(),
                self.book,
                partitions=self.settings.interactions_partitions,
                epoch=self.epoch,
                as_of_ms=as_of_ms,
                now_ms=times.now_ms(),
            )
        )
        if found.conversations:
            log.info(
                "restored",
                conversations=found.conversations,
                events=found.events,
                facts_in_windows=found.facts,
                facts_mended=found.mended,
                seconds=round(time.monotonic() - began, 1),
            )

    def connect(self) -> Database:
        """Another connection to the same ClickHouse, for another thread."""
        return open_database(self.settings, self.data_dir)


def open_database(settings: Settings, data_dir: DataDir, *, readonly: bool = False) -> Database:
    """ClickHouse, as the settings say."""
    if settings.embedded:
        return EmbeddedDatabase(data_dir.clickhouse, readonly=readonly)
    return ServerDatabase(settings.clickhouse, create=not readonly)


@contextmanager
def running_stack(
    settings: Settings, *, kafka: str | None, policies: Path | None, rewrite_policies: bool = False
) -> Iterator[Stack]:
    """Start what has to be started, make topics and tables; stop it all.

    `kafka`: a broker of the user's own; None starts the embedded one.
    """
    data_dir = DataDir(settings.data_dir)
    book = PolicyBook() if policies is None else policy_file.load(policies)
    if kafka is not None:
        reach.check_kafka(kafka)
    with data_dir.locked():
        database = open_database(settings, data_dir)
        try:
            migrate(database, now_ms=times.now_ms())
            with _broker(kafka, data_dir) as address:
                kafka_topics.ensure(
                    address,
                    Topics(),
                    partitions=settings.interactions_partitions,
                    replication=settings.replication if kafka else 1,
                )
                epoch = 0 if kafka else data_dir.next_incarnation()
                yield Stack(
                    settings=settings,
                    data_dir=data_dir,
                    kafka=address,
                    forgetful=kafka is None,
                    epoch=epoch,
                    database=database,
                    policies=policies,
                    book=book,
                    rewrite_policies=rewrite_policies,
                )
        finally:
            database.close()


@contextmanager
def _broker(kafka: str | None, data_dir: DataDir) -> Iterator[str]:
    if kafka is not None:
        yield kafka
        return
    broker = TansuBroker()
    address = broker.start(log_path=data_dir.logs / "broker.log")
    try:
        data_dir.broker.write_text(address, encoding="ascii")
        yield address
    finally:
        data_dir.broker.unlink(missing_ok=True)
        broker.stop()
