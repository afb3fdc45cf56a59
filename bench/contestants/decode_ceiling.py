"""aiokafka and fastavro, and nothing else: what no stream processor in Python that uses them can exceed."""

from __future__ import annotations

import asyncio
from io import BytesIO

from aiokafka import AIOKafkaConsumer
from fastavro import schemaless_reader

from bench.contestants.meter import Job, Meter, job
from schemas.registry import HEADER_BYTES, latest


async def run(given: Job) -> None:
    """Decode every event once."""
    schema = latest("interaction_event").parsed
    meter = Meter()
    consumer = AIOKafkaConsumer(
        given.topic,
        bootstrap_servers=given.kafka,
        group_id=f"{given.run}ceiling",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_500,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        while meter.events < given.stages[-1]:
            fetched = await consumer.getmany(timeout_ms=100, max_records=4_000)
            for records in fetched.values():
                for record in records:
                    body = BytesIO(record.value)
                    body.seek(HEADER_BYTES)
                    schemaless_reader(body, schema, None)
                meter.add(len(records), 0)
    finally:
        await consumer.stop()
    meter.mark()
    meter.tell(given)


if __name__ == "__main__":
    asyncio.run(run(job()))
