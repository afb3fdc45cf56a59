"""Where Tansu is not Kafka, for as long as it is not: what is built around it may go when one of these fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.worker.outbox import Outbox, Outgoing
from tests.servers.plugin import Broker, MakeTopic

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("name", "end"), [("tansu", 1), pytest.param("kafka", 10, marks=pytest.mark.server)])
async def test_its_latest_offset_takes_the_last_batch_for_one_record(
    request: pytest.FixtureRequest, make_topic: MakeTopic, name: str, end: int
) -> None:
    broker: Broker = request.getfixturevalue(name)
    topic = make_topic(broker)
    outbox = Outbox(broker.address)
    await outbox.start()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False)
    await consumer.start()
    try:
        assert await outbox.send_to(topic, 0, [Outgoing(b"k", b"v", 0)] * 10) == 9
        tp = TopicPartition(topic, 0)
        assert (await consumer.end_offsets([tp]))[tp] == end, "recovery has to read until nothing comes any more"
    finally:
        await consumer.stop()
        await outbox.stop()


@pytest.mark.parametrize(
    ("name", "kept"), [("tansu", None), pytest.param("kafka", "as told", marks=pytest.mark.server)]
)
def test_it_drops_what_is_written_beside_a_committed_offset(
    request: pytest.FixtureRequest, make_topic: MakeTopic, unique: Callable[[str], str], name: str, kept: str | None
) -> None:
    broker: Broker = request.getfixturevalue(name)
    tp = TopicPartition(make_topic(broker), 0)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=unique("group"), enable_auto_commit=False)
    consumer.assign([tp])
    consumer.commit({tp: OffsetAndMetadata(7, "as told", -1)})
    found = consumer.committed(tp, metadata=True)
    consumer.close()
    assert (found.offset, found.metadata) == (7, kept)
