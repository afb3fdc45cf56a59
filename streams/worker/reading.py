"""A reader of one partition that belongs to no group, for a look aside."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import aiokafka
from aiokafka import TopicPartition


@asynccontextmanager
async def reader(bootstrap: str, tp: TopicPartition, fetch_bytes: int) -> Any:
    """An aiokafka consumer of the partition, connected. Where there is no such offset, it goes to the beginning."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        yield consumer
    finally:
        await consumer.stop()
