"""Runs the real parts, in this process, over topics of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.producer import EventPublisher, PublisherSettings
from schemas import times
from schemas.records import InteractionEvent, MetricFact, MetricWindow
from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.clickhouse.database import Database
from sinks.service import SinkConfig, SinkService
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from streams.worker.app import Worker
from streams.worker.config import Drain, WorkerConfig
from supportpulse import topics as kafka_topics
from tests.servers.plugin import Broker

PARTITIONS = 4
SESSION_SECONDS = 6.0

#: What makes a fact; its revision depends on the order of arrival.
FIELDS = tuple(field for field in MetricFact.__struct_fields__ if field not in ("revision", "retracted"))

FactRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Topics on a broker, a database, policies."""

    broker: Broker
    topics: Topics
    database: Database
    book: PolicyBook
    scratch: Path

    def make_topics(self) -> None:
        """Make the topics; ask twice and nothing happens."""
        kafka_topics.ensure(self.broker.address, self.topics, partitions=PARTITIONS)

    def publish(self, events: Iterable[InteractionEvent]) -> dict[int, int]:
        """Publish and wait; the last offset of every partition."""
        settings = PublisherSettings(
            bootstrap=self.broker.address, topic=self.topics.interactions, linger_ms=20, in_flight=50_000
        )
        with EventPublisher(settings) as publisher:
            for event in events:
                publisher.publish(event)
            publisher.flush()
            return dict(publisher.offsets)

    def work(self, until: dict[int, int], as_of_ms: EpochMs) -> None:
        """One worker over everything up to `until`."""
        config = WorkerConfig(
            kafka=self.broker.address,
            policies=self.book,
            data_dir=self.scratch / "worker",
            topics=self.topics,
            group=f"{self.topics.prefix}worker",
            session_timeout_seconds=SESSION_SECONDS,
            drain=Drain(until, as_of_ms),
        )

        async def run() -> None:
            await Worker(config).run(asyncio.Event())

        asyncio.run(run())

    def land(self) -> None:
        """One sink over everything that lies in the topics."""
        config = SinkConfig(
            kafka=self.broker.address,
            group=f"{self.topics.prefix}sink",
            topics=self.topics,
            session_timeout_ms=int(SESSION_SECONDS * 1000),
        )

        async def run() -> None:
            sink = SinkService(config, self.database, clock=times.now_ms)
            await sink.start()
            try:
                await sink.drain()
            finally:
                await sink.stop()

        asyncio.run(run())

    def landed_facts(self) -> dict[tuple[str, str], FactRow]:
        """Final versions, as ClickHouse has them."""
        answer = self.database.query(f"SELECT {', '.join(FIELDS)} FROM metric_facts FINAL WHERE NOT retracted")
        rows = [dict(zip(FIELDS, row, strict=True)) for row in answer.rows]
        return {(row["tenant"], row["fact_id"]): tuple(_plain(row[field]) for field in FIELDS) for row in rows}

    def landed_windows(self) -> list[MetricWindow]:
        """Every window, as ClickHouse has it."""
        fields = MetricWindow.__struct_fields__
        answer = self.database.query(f"SELECT {', '.join(fields)} FROM metric_windows FINAL")
        return [
            MetricWindow(**{field: _plain(value) for field, value in zip(fields, row, strict=True)})
            for row in answer.rows
        ]


def replay(events: Iterable[InteractionEvent], book: PolicyBook, as_of_ms: EpochMs) -> list[MetricFact]:
    """The facts by the fold alone."""
    history = Replay()
    for event in events:
        history.add(event)
    return history.facts(book, as_of_ms)


def by_name(facts: Iterable[MetricFact]) -> dict[tuple[str, str], FactRow]:
    """Facts as `landed_facts` has them."""
    return {(fact.tenant, fact.fact_id): tuple(getattr(fact, field) for field in FIELDS) for fact in facts}


def _plain(value: Any) -> Any:
    # The server of the tests may be too old for instants and has milliseconds instead.
    return times.to_ms(value) if isinstance(value, datetime) else value


Unique = Callable[[str], str]
