"""Records fetched without aiokafka's own objects are the ones that it would have given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.fetching import fetch_lean
from sinks.source import SourceRecord
from tests.servers.plugin import Broker
from tests.sinks.kafka import make_topics, send
from tests.sinks.samples import T0

_RECORDS = 500


async def fetched(broker: Broker, topic: str, *, lean: bool) -> dict[int, list[Any]]:
    """Partition → its records, in small polls; the first partition twice."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[int, list[Any]] = {0: [], 1: []}
    try:
        if lean:
            fetch_lean(consumer, SourceRecord)
        await take(consumer, found, _RECORDS)
        consumer.seek(TopicPartition(topic, 0), 0)
        await take(consumer, found, _RECORDS + len(found[0]))
    finally:
        await consumer.stop()
    return found


async def take(consumer: AIOKafkaConsumer, found: dict[int, list[Any]], wanted: int) -> None:
    """Poll until there are so many records."""
    while sum(map(len, found.values())) < wanted:
        for partition, records in (await consumer.getmany(timeout_ms=200, max_records=70)).items():
            found[partition.partition] += records
            assert await consumer.position(partition) == records[-1].offset + 1


async def test_lean_fetches_are_the_same_records(broker: Broker, unique: Callable[[str], str]) -> None:
    topic = make_topics(broker.address, unique("lean")).facts
    send(broker.address, topic, [f"value {number}".encode() for number in range(_RECORDS)], T0)
    plain = await asyncio.wait_for(fetched(broker, topic, lean=False), 60)
    lean = await asyncio.wait_for(fetched(broker, topic, lean=True), 60)
    assert min(map(len, plain.values())) > 70
    assert all(isinstance(record, SourceRecord) for records in lean.values() for record in records)
    assert {
        partition: [SourceRecord(record.offset, record.timestamp, record.key, record.value) for record in records]
        for partition, records in plain.items()
    } == lean
