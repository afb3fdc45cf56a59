"""Rows into ClickHouse: by the sink, or barely.

The job's `codec` says which: "sink" is `SinkService` from the topics, "bare" inserts columns that were prepared before
the clock runs, with clickhouse-driver into a server, or in Native format into the embedded one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickhouse_driver import Client
from kafka import KafkaConsumer, TopicPartition

from bench.brokers import PARTITIONS
from bench.contestants.meter import Job, Meter, job
from bench.topics import RunTopics
from schemas import times
from sinks.batch import Batch
from sinks.clickhouse.database import Database, insert_statement
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.lanes import lanes
from sinks.service import SinkConfig, SinkService
from sinks.source import SourceRecord
from sinks.stats import NoStats
from tests.pipeline.legacy import LegacyServer

_BLOCK_ROWS = 50_000
Columns = Mapping[str, list[Any]]


class Tally(NoStats):
    """Counts what the sink says has landed."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def inserted(self, table: str, rows: int, seconds: float) -> None:  # noqa: ARG002
        """Rows are durable."""
        self._meter.add(rows, 0)


@contextmanager
def database(given: Job) -> Iterator[Database]:
    """Fresh tables."""
    if given.clickhouse is not None:
        server = LegacyServer(given.clickhouse)
        try:
            yield server
        finally:
            server.close()
        return
    embedded = EmbeddedDatabase(Path(given.data_dir) / "clickhouse")
    migrate(embedded, now_ms=0)
    try:
        yield embedded
    finally:
        embedded.close()


async def sink(given: Job, topics: RunTopics) -> Meter:
    """The sink, over everything that lies in the topics."""
    meter = Meter(every=1)
    config = SinkConfig(given.kafka, f"{given.data_dir}-sink", topics, session_timeout_ms=6_000)
    with database(given) as opened:
        service = SinkService(config, opened, clock=times.now_ms, stats=Tally(meter))
        await service.start()
        meter.mark()
        await service.drain()
        await service.stop()
    return meter


def bare(given: Job, topics: RunTopics) -> Meter:
    """Nothing but the inserts."""
    prepared = list(_prepared(given, topics))
    meter = Meter(every=1)
    with database(given) as opened:
        meter.mark()
        if given.clickhouse is None:
            for table, columns in prepared:
                meter.add(opened.insert(table, columns), 0)
        else:
            client = Client.from_url(given.clickhouse)
            for table, columns in prepared:
                client.execute(f"{insert_statement(table, columns)} VALUES", list(columns.values()), columnar=True)
                meter.add(len(next(iter(columns.values()))), 0)
            client.disconnect()
    return meter


def _prepared(given: Job, topics: RunTopics) -> Iterator[tuple[str, Columns]]:
    """The same columns as the sink makes, in blocks as large as its own."""
    known = lanes(topics)
    for topic in (topics.interactions, topics.facts):
        records = _records(given.kafka, topic)
        for start in range(0, len(records), _BLOCK_ROWS):
            batch = Batch(known, topics, 0)
            batch.add(topic, 0, records[start : start + _BLOCK_ROWS], 0)
            batch.close(0)
            for load in batch.loads():
                columns = {name: list(values) for name, values in load.columns().items()}
                if given.clickhouse is not None and "attributes" in columns:
                    # Debian's server has no maps; what its tables have instead is made before the clock runs.
                    columns["attributes"] = [str(value) for value in columns["attributes"]]
                yield load.lane.table, columns


def _records(kafka: str, topic: str) -> list[SourceRecord]:
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, consumer_timeout_ms=3_000)
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    found = [SourceRecord(record.offset, record.timestamp, record.key, record.value) for record in consumer]
    consumer.close()
    return found


def run(given: Job) -> None:
    """Land every row once."""
    topics = RunTopics(given.run, given.topic)
    meter = asyncio.run(sink(given, topics)) if given.codec == "sink" else bare(given, topics)
    meter.tell(given)


if __name__ == "__main__":
    run(job())
