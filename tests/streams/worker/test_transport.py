"""Why Faust's own consumer is not used: it commits past a message whose agent failed. Ours does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any

import faust
import pytest
from kafka import KafkaProducer

from streams.worker.transport import ChunkSchema, ChunkTransport
from tests.servers.plugin import Broker, MakeTopic
from tests.streams.worker.harness import SESSION_SECONDS, committed, until

RECORDS = 20


def an_app(broker: Broker, group: str) -> Any:
    app = faust.App(
        group,
        broker=f"kafka://{broker.address}",
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 4,
        broker_commit_interval=0.2,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        store="memory://",
        datadir=mkdtemp(prefix="faust-"),
        autodiscover=False,
        web_enabled=False,
    )
    app.finalize()
    return app


@pytest.mark.parametrize("transport", ["stock", "ours"])
async def test_only_stock_faust_commits_past_a_message_whose_agent_failed(
    broker: Broker, make_topic: MakeTopic, unique: Callable[[str], str], transport: str
) -> None:
    topic, group = make_topic(broker, "pin"), unique("group")
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=False)
    for future in [producer.send(topic, value=b"%d" % n, partition=0) for n in range(RECORDS)]:
        future.get(20)

    app = an_app(broker, group)
    schema = faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    if transport == "ours":
        app.transport = ChunkTransport(app.conf.broker_consumer, app, read_from={})
        schema = ChunkSchema()
    seen = []

    async def failing(stream: Any) -> None:
        async for value in stream:
            seen.append(value)
            if len(seen) == 1:
                raise RuntimeError("the first one fails")

    app.agent(app.topic(topic, schema=schema, internal=False), name=f"t.{topic}")(failing)
    await app.start()
    try:
        await until(lambda: bool(seen))
        if transport == "stock":
            await until(lambda: committed(broker, group, topic).get(0, 0) == RECORDS)
        else:
            # The agent is started again; what comes now is another chunk, and nobody has said that it is finished.
            producer.send(topic, value=b"more", partition=0).get(20)
            await until(lambda: len(seen) > 1)
            await app.consumer.commit()
            await asyncio.sleep(1)
            assert committed(broker, group, topic) == {}
    finally:
        await app.stop()
        producer.close()
