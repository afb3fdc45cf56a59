"""A real publisher over topics of one's own, and what lies in them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.gateway.publisher import GatewayPublisher, PublisherConfig
from schemas.topics import Topics
from supportpulse import topics as kafka_topics

PARTITIONS = 4


def made(address: str, unique: Callable[[str], str]) -> Topics:
    topics = Topics(prefix=f"{unique('gateway')}.")
    kafka_topics.ensure(address, topics, partitions=PARTITIONS)
    return topics


@asynccontextmanager
async def publishing(address: str, topics: Topics, patience_seconds: float = 20.0) -> AsyncIterator[GatewayPublisher]:
    config = PublisherConfig(address, patience_seconds=patience_seconds)
    publisher = GatewayPublisher(config, (topics.interactions, topics.dead_letters))
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(1.0)


async def everything(address: str, topic: str, wanted: int) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """At least `wanted` records of a topic, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        found: dict[int, list[tuple[bytes | None, bytes]]] = {number: [] for number in range(PARTITIONS)}
        deadline = time.monotonic() + 30
        while sum(map(len, found.values())) < wanted:
            assert time.monotonic() < deadline, found
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found[partition.partition] += [(record.key, record.value) for record in records]
        return found
    finally:
        await consumer.stop()
