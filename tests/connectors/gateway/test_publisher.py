"""What is acknowledged is in Kafka, where every other producer would have put it; what is not is said in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka.partitioner import murmur2
from structlog.testing import capture_logs

from connectors.gateway.publisher import GatewayPublisher, NotPublished, PublisherConfig, Record
from supportpulse import topics as kafka_topics
from supportpulse.broker import TansuBroker
from tests.connectors.channels.case import RECEIVED_MS
from tests.connectors.gateway.kafka import PARTITIONS, everything, made, publishing
from tests.servers.plugin import Broker, MakeTopic
from tests.servers.produced import acks_asked_of


def record(topic: str, key: str, value: str) -> Record:
    return Record(topic, key.encode(), value.encode(), RECEIVED_MS)


async def test_every_acknowledged_record_is_there_once_and_in_its_partition(
    broker: Broker, unique: Callable[[str], str]
) -> None:
    topics = made(broker.address, unique)
    async with publishing(broker.address, topics) as publisher:
        requests = [
            [record(topics.interactions, f"acme/{n % 37}", f"{n}-{part}") for part in range(3)] for n in range(300)
        ]
        await asyncio.gather(*map(publisher.publish, requests))
        await publisher.publish([])
    found = await everything(broker.address, topics.interactions, 900)
    values = Counter(value for records in found.values() for _, value in records)
    assert values == Counter(each.value for records in requests for each in records)
    assert all(
        (murmur2(key) & 0x7FFFFFFF) % PARTITIONS == partition
        for partition, records in found.items()
        for key, _ in records
    )
    assert len([records for records in found.values() if records]) == PARTITIONS


async def test_a_conversation_keeps_the_order_of_its_requests(broker: Broker, unique: Callable[[str], str]) -> None:
    topics = made(broker.address, unique)
    async with publishing(broker.address, topics) as publisher:
        for number in range(20):
            await publisher.publish([record(topics.interactions, "acme/c", str(number))])
    found = await everything(broker.address, topics.interactions, 20)
    assert [value for records in found.values() for _, value in records] == [b"%d" % n for n in range(20)]


async def test_one_who_cannot_be_told_keeps_nobody_else_from_it(broker: Broker, unique: Callable[[str], str]) -> None:
    topics = made(broker.address, unique)
    called: list[NotPublished | None] = []

    def broken(failure: NotPublished | None) -> None:
        called.append(failure)
        raise ValueError("what was sent")

    with capture_logs() as logs:
        async with publishing(broker.address, topics) as publisher:
            publisher.hand_over([record(topics.interactions, "acme/c", "1")], broken)
            publisher.hand_over([record(topics.interactions, "acme/c", "2")], called.append)
            publisher.hand_over([], called.append)
            await publisher.publish([record(topics.interactions, "acme/c", "3")])
    assert called == [None, None, None]
    (said,) = logs
    assert (said["event"], said["error"], said["exc_info"]) == ("not_told", "ValueError", False)


async def test_every_batch_is_for_all_replicas(broker: Broker, unique: Callable[[str], str]) -> None:
    topics = made(broker.address, unique)
    async with publishing(broker.address, topics) as publisher:
        with acks_asked_of(publisher._producer) as asked:
            await publisher.publish([record(topics.interactions, "acme/c", "x")])
    assert asked == [-1]


@pytest.mark.kafka
@pytest.mark.server
async def test_what_the_broker_refuses_is_said_and_what_went_with_it_arrives(
    kafka: Broker, make_topic: MakeTopic
) -> None:
    narrow = make_topic(kafka, "narrow", PARTITIONS, **{"max.message.bytes": "300"})
    wide = make_topic(kafka, "wide", PARTITIONS)
    publisher = GatewayPublisher(PublisherConfig(kafka.address, patience_seconds=20.0), (narrow, wide))
    await publisher.start()
    try:
        refused, arrived = await asyncio.gather(
            publisher.publish([record(narrow, "acme/c", "x" * 1_000)]),
            publisher.publish([record(wide, "acme/c", "y")]),
            return_exceptions=True,
        )
    finally:
        await publisher.stop()
    assert isinstance(refused, NotPublished)
    assert str(refused) == "Kafka did not take it: MessageSizeTooLargeError"
    assert arrived is None
    found = await everything(kafka.address, wide, 1)
    assert [value for records in found.values() for _, value in records] == [b"y"]


@pytest.mark.kafka
async def test_a_broker_that_goes_is_said_in_time_and_one_that_comes_back_is_used(
    own_tansu: TansuBroker, unique: Callable[[str], str], tmp_path: object
) -> None:
    address = own_tansu.address
    topics = made(address, unique)
    async with publishing(address, topics, patience_seconds=1.0) as publisher:
        await publisher.publish([record(topics.interactions, "acme/c", "before")])
        assert await publisher.ready()
        own_tansu.stop()
        with pytest.raises(NotPublished):
            await publisher.publish([record(topics.interactions, "acme/c", "during")])
        assert not await publisher.ready()
        own_tansu.start(log_path=tmp_path / "again.log", port=int(address.rpartition(":")[2]))  # type: ignore[operator]
        kafka_topics.ensure(address, topics, partitions=PARTITIONS)
        deadline = time.monotonic() + 60
        while not await _published(publisher, record(topics.interactions, "acme/c", "after")):
            assert time.monotonic() < deadline


@pytest.mark.kafka
async def test_what_waits_when_a_broker_comes_back_is_sent_in_its_order(
    own_tansu: TansuBroker, unique: Callable[[str], str], tmp_path: object
) -> None:
    address = own_tansu.address
    topics = made(address, unique)
    async with publishing(address, topics, patience_seconds=60.0) as publisher:
        await publisher.publish([record(topics.interactions, "acme/c", "before")])
        # Frozen, it takes requests and answers none: one is on its way, and the others come behind it.
        os.kill(own_tansu._running().pid, signal.SIGSTOP)
        waiting = []
        for number in range(5):
            one = record(topics.interactions, "acme/c", str(number))
            waiting.append(asyncio.ensure_future(publisher.publish([one])))
            await asyncio.sleep(0.05)
        own_tansu.kill()
        own_tansu.start(log_path=tmp_path / "again.log", port=int(address.rpartition(":")[2]))  # type: ignore[operator]
        kafka_topics.ensure(address, topics, partitions=PARTITIONS)
        await asyncio.gather(*waiting)
        found = await everything(address, topics.interactions, 5)
    assert [value for records in found.values() for _, value in records] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.kafka
async def test_who_waits_when_it_stops_is_told(own_tansu: TansuBroker, unique: Callable[[str], str]) -> None:
    topics = made(own_tansu.address, unique)
    async with publishing(own_tansu.address, topics, patience_seconds=60.0) as publisher:
        await publisher.publish([record(topics.interactions, "acme/c", "before")])
        own_tansu.stop()
        waiting = asyncio.ensure_future(publisher.publish([record(topics.interactions, "acme/c", "during")]))
        await asyncio.sleep(0)
        await publisher.stop(0.1)
        with pytest.raises(NotPublished, match="stopping"):
            await waiting


async def _published(publisher: GatewayPublisher, one: Record) -> bool:
    try:
        await publisher.publish([one])
    except NotPublished:
        return False
    return True


@pytest.mark.kafka
async def test_more_than_may_wait_is_refused_at_once(tansu: Broker, unique: Callable[[str], str]) -> None:
    topics = made(tansu.address, unique)
    publisher = GatewayPublisher(PublisherConfig(tansu.address, most_waiting=10), (topics.interactions,))
    await publisher.start()
    try:
        with pytest.raises(NotPublished, match="too much"):
            await publisher.publish([record(topics.interactions, "k", str(n)) for n in range(11)])
        await publisher.publish([record(topics.interactions, "k", str(n)) for n in range(10)])
        await publisher.publish([record(topics.interactions, "k", str(n)) for n in range(10)])
    finally:
        await publisher.stop()


@pytest.mark.kafka
@pytest.mark.server
async def test_a_topic_that_is_not_there_is_named(kafka: Broker, unique: Callable[[str], str]) -> None:
    """On Apache Kafka: Tansu makes what it is asked for."""
    publisher = GatewayPublisher(PublisherConfig(kafka.address, patience_seconds=2.0), (unique("missing"),))
    with pytest.raises(NotPublished, match="missing"):
        await publisher.start()
    await publisher.stop()
