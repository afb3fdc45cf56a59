"""Every record that was sent has arrived, in order and where its key belongs, or the sender is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiokafka
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.worker.outbox import Outbox, Outgoing, SendFailed, partition_of
from tests.servers.plugin import Broker, MakeTopic
from tests.servers.produced import acks_asked_of
from tests.streams.worker.harness import Surroundings


@pytest.fixture
async def outbox(broker: Broker) -> AsyncIterator[Outbox]:
    opened = Outbox(broker.address)
    await opened.start()
    yield opened
    await opened.stop()


def lying_in(broker: Broker, topic: str, partition: int) -> list[Outgoing]:
    # Until nothing comes any more: Tansu says that a log ends one batch early.
    consumer = KafkaConsumer(
        bootstrap_servers=broker.address,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        consumer_timeout_ms=700,
    )
    consumer.assign([TopicPartition(topic, partition)])
    found = [Outgoing(record.key, record.value, record.timestamp) for record in consumer]
    consumer.close()
    return found


async def test_records_arrive_in_order_across_batches(outbox: Outbox, broker: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(broker)
    sent = [Outgoing(b"k%d" % n, bytes([n % 256]) * 10_000, 1_700_000_000_000 + n) for n in range(200)]
    assert await outbox.send_to(topic, 0, sent) == 199
    assert lying_in(broker, topic, 0) == sent
    assert await outbox.send_to(topic, 0, [Outgoing(b"k", b"v", 1_700_000_000_000)]) == 200


async def test_keys_decide_the_partition_as_in_every_other_client(
    outbox: Outbox, broker: Broker, make_topic: MakeTopic
) -> None:
    topic = make_topic(broker, partitions=3)
    sent = [Outgoing(f"acme/c{n}".encode(), b"v", 1_700_000_000_000) for n in range(40)]
    ends = await outbox.send(topic, sent)
    for partition in range(3):
        found = lying_in(broker, topic, partition)
        assert found == [r for r in sent if partition_of(r.key, 3) == partition]
        assert ends[partition] == len(found) - 1
    theirs = KafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=False)
    placed = [theirs.send(topic, key=record.key, value=b"v").get(10).partition for record in sent[:10]]
    theirs.close()
    assert placed == [partition_of(record.key, 3) for record in sent[:10]]


async def test_only_stock_aiokafka_is_content_with_the_leader(
    outbox: Outbox, broker: Broker, make_topic: MakeTopic
) -> None:
    topic = make_topic(broker)
    stock = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.address)
    await stock.start()
    try:
        with acks_asked_of(stock) as asked:
            await stock.send_and_wait(topic, b"x")
        assert asked == [1]
    finally:
        await stock.stop()
    with acks_asked_of(outbox._running()) as asked:
        await outbox.send_to(topic, 0, [Outgoing(b"k", b"v", 1_700_000_000_000)])
    assert asked == [-1]


async def test_nothing_to_send_is_nothing_sent(outbox: Outbox, broker: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(broker)
    assert await outbox.send(topic, []) == {}
    assert await outbox.send_to(topic, 0, []) == -1
    assert lying_in(broker, topic, 0) == []


@pytest.mark.kafka
@pytest.mark.server
async def test_a_record_that_the_broker_refuses_is_told(kafka: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(kafka, **{"max.message.bytes": "1000"})
    outbox = Outbox(kafka.address)
    await outbox.start()
    try:
        with pytest.raises(SendFailed, match=f"{topic}/0: MessageSizeTooLarge"):
            await outbox.send_to(topic, 0, [Outgoing(b"k", b"x" * 2_000, 0)])
    finally:
        await outbox.stop()


@pytest.mark.kafka
@pytest.mark.server
async def test_nothing_arrives_behind_a_batch_that_was_refused(kafka: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(kafka, **{"max.message.bytes": "300000"})
    outbox = Outbox(kafka.address)
    await outbox.start()
    # Five fill a batch, which the broker refuses; what is left over it would take.
    more_than_a_batch = [Outgoing(b"k", bytes([n]) * 100_000, 0) for n in range(6)]
    try:
        with pytest.raises(SendFailed):
            await outbox.send_to(topic, 0, [*more_than_a_batch, Outgoing(b"last", b"applied through", 0)])
    finally:
        await outbox.stop()
    assert lying_in(kafka, topic, 0) == []


async def test_a_sender_that_was_not_started_says_so() -> None:
    with pytest.raises(SendFailed, match="not started"):
        await Outbox("127.0.0.1:1").send_to("topic", 0, [])


@pytest.mark.kafka
@pytest.mark.server
async def test_a_topic_that_is_not_there_is_told_with_what_to_do(kafka: Broker) -> None:
    outbox = Outbox(kafka.address)
    await outbox.start()
    # Else aiokafka looks for it for 40 seconds. Tansu makes it.
    outbox._running().client._request_timeout_ms = 500
    try:
        with pytest.raises(SendFailed, match="no topic nowhere: run `supportpulse topics` first"):
            await outbox.send("nowhere", [Outgoing(b"k", b"v", 1_700_000_000_000)])
    finally:
        await outbox.stop()


async def test_a_head_of_megabytes_arrives_and_is_read_back(around: Surroundings) -> None:
    topic, ids = around.topics.conversation_state, "\u6f22" * 700_000
    sent = Outgoing(b"k", ids.encode(), 1_700_000_000_000)
    outbox = Outbox(around.broker.address)
    await outbox.start()
    try:
        await outbox.send_to(topic, 0, [sent, sent])
    finally:
        await outbox.stop()
    assert lying_in(around.broker, topic, 0) == [sent, sent]
