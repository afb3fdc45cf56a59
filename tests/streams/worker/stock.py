"""Faust as it comes, and Faust over our transport: what is shown of the one and ruled out for the other.

python -m tests.streams.worker.stock KAFKA TOPIC GROUP RECORDS

counts records with a stock table, prints what it came to, and ends as a kill -9 would, before anything is committed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import mkdtemp
from typing import Any

import faust
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.worker.chunks import Chunk, ChunkSchema
from streams.worker.transport import ChunkTransport
from tests.servers.plugin import Broker
from tests.streams.worker.harness import SESSION_SECONDS, committed


def an_app(address: str, group: str, **settings: Any) -> Any:
    """A stock application that commits often."""
    app = faust.App(
        group,
        broker=f"kafka://{address}",
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 4,
        **{
            "broker_commit_interval": 0.2,
            "consumer_auto_offset_reset": "earliest",
            "topic_disable_leader": True,
            "topic_allow_declare": False,
            "stream_wait_empty": False,
            "store": "memory://",
            "datadir": mkdtemp(prefix="faust-"),
            "autodiscover": False,
            "web_enabled": False,
            **settings,
        },
    )
    app.finalize()
    return app


@dataclass
class Trial:
    """One topic of one partition, one group, and an application over the stock transport or ours."""

    broker: Broker
    topic: str
    group: str
    transport: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = an_app(self.broker.address, self.group, **self.settings)
        if self.ours:
            self.app.transport = ChunkTransport(self.app.conf.broker_consumer, self.app, read_from={})

    @property
    def ours(self) -> bool:
        return self.transport == "ours"

    @property
    def channel(self) -> Any:
        raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        schema = ChunkSchema() if self.ours else faust.Schema(**raw)
        return self.app.topic(self.topic, schema=schema, internal=False)

    def publish(self, values: Iterable[int]) -> None:
        publish(self.broker, self.topic, values)

    def finish(self, event: Any) -> None:
        """Stock Faust takes it for done when the agent asks for the next one; ours wants to be told."""
        if self.ours:
            self.app.consumer.finish(event.message.tp, event.message.offset)

    def done_before(self, offset: int) -> None:
        """The group has committed this offset."""
        consumer = KafkaConsumer(bootstrap_servers=self.broker.address, group_id=self.group, enable_auto_commit=False)
        consumer.assign([TopicPartition(self.topic, 0)])
        consumer.commit({TopicPartition(self.topic, 0): OffsetAndMetadata(offset, "", -1)})
        consumer.close()

    def committed(self) -> int | None:
        """The group's offset."""
        return committed(self.broker, self.group, self.topic).get(0)

    async def stop(self) -> None:
        """End the application, whatever state it is in."""
        with suppress(asyncio.TimeoutError, RuntimeError):
            await asyncio.wait_for(self.app.stop(), 10)


def values_of(event: Any) -> Sequence[bytes]:
    """The values of a message, or of the records of a chunk."""
    value = event.value
    return [record.value for record in value.records] if isinstance(value, Chunk) else [value]


def publish(broker: Broker, topic: str, values: Iterable[int]) -> None:
    """Numbers as text, into partition 0."""
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=False)
    for future in [producer.send(topic, value=b"%d" % value, partition=0) for value in values]:
        future.get(20)
    producer.close()


def changelog_end(address: str, topic: str) -> int:
    """How many records partition 0 of a topic that nobody cleans has."""
    consumer = KafkaConsumer(bootstrap_servers=address)
    try:
        place = TopicPartition(topic, 0)
        return int(consumer.end_offsets([place])[place])
    finally:
        consumer.close()


async def count(address: str, topic: str, group: str, records: int) -> None:
    """What anybody would write first."""
    trial = Trial(Broker("any", address), topic, group, "stock", {"broker_commit_interval": 1_000.0})
    counts = trial.app.Table("counts", default=int, partitions=1)
    reached = asyncio.Event()

    async def counting(stream: Any) -> None:
        async for event in stream.events():
            counts["all"] += 1
            if event.message.offset == records - 1:
                reached.set()

    trial.app.agent(trial.channel, name=f"count.{topic}")(counting)
    await trial.app.start()
    await reached.wait()
    # Kafka says so: Faust's flush waits for less than everything, which is another trap's test.
    while await asyncio.to_thread(changelog_end, address, f"{group}-counts-changelog") < counts["all"]:
        await asyncio.sleep(0.05)
    print(counts["all"], flush=True)
    os._exit(9)


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
