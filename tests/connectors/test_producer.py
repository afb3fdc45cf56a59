"""The publisher, against real brokers: every event is with the broker, or PublishError says how many are not."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2

from connectors.importing import import_files
from connectors.producer import (
    MAX_RECORD_BYTES,
    BrokerUnavailable,
    EventPublisher,
    PublishError,
    PublisherSettings,
)
from schemas import wire
from schemas.errors import InvalidEvent, MalformedRecord
from supportpulse.broker import TansuBroker
from tests.connectors.samples import T0, event, line, write
from tests.servers.plugin import Broker, MakeTopic

PARTITIONS = 3


class Record(msgspec.Struct):
    partition: int
    key: bytes | None
    value: bytes
    timestamp_ms: int


def records(address: str, topic: str, count: int) -> list[Record]:
    """The first `count` records, by partition and offset."""
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=10_000, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
    found: list[Record] = []
    try:
        for message in consumer:
            found.append(Record(message.partition, message.key, message.value, message.timestamp))
            if len(found) == count:
                break
    finally:
        consumer.close()
    return found


def publish(publisher: EventPublisher, count: int) -> None:
    for number in range(count):
        publisher.publish(event(number))


@pytest.mark.parametrize("idempotent", [True, False])
def test_every_event_arrives_once_under_its_key(broker: Broker, make_topic: MakeTopic, idempotent: bool) -> None:
    topic = make_topic(broker, "interactions", partitions=PARTITIONS)
    events = [event(number) for number in range(3000)]
    settings = PublisherSettings(broker.address, topic, in_flight=500, idempotent=idempotent)
    with EventPublisher(settings, now_ms=lambda: T0 + 99_000) as publisher:
        for one in events:
            publisher.publish(one)
    assert (publisher.accepted, publisher.failed) == (3000, 0)

    found = records(broker.address, topic, 3000)
    decoded = [wire.decode_event(record.value) for record in found]
    expected = {one.event_id: msgspec.structs.replace(one, ingested_at=T0 + 99_000) for one in events}
    assert {one.event_id: one for one in decoded} == expected
    assert len(decoded) == 3000
    for record, one in zip(found, decoded, strict=True):
        assert record.key == f"acme/{one.conversation_id}".encode()
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
        assert record.timestamp_ms == T0 + 99_000
    per_partition = Counter(record.partition for record in found)
    assert publisher.offsets == {partition: count - 1 for partition, count in per_partition.items()}


@pytest.mark.kafka
def test_an_ingested_at_that_is_set_stays(tansu: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(tansu, partitions=PARTITIONS)
    with EventPublisher(PublisherSettings(tansu.address, topic)) as publisher:
        publisher.publish(event(1, ingested_at=T0 + 5))
    (record,) = records(tansu.address, topic, 1)
    assert wire.decode_event(record.value).ingested_at == T0 + 5


@pytest.mark.kafka
def test_bytes_go_through_as_they_are(tansu: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(tansu, partitions=PARTITIONS)
    with EventPublisher(PublisherSettings(tansu.address, topic)) as publisher:
        publisher.publish_raw(b"acme/c1", b"\x00nonsense\xff")
        publisher.flush()
        assert publisher.accepted == 1
    (record,) = records(tansu.address, topic, 1)
    assert (record.key, record.value) == (b"acme/c1", b"\x00nonsense\xff")


@pytest.mark.kafka
def test_an_event_that_cannot_be_carried_is_refused_and_the_rest_goes_on(
    tansu: Broker, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(tansu, partitions=PARTITIONS)
    with EventPublisher(PublisherSettings(tansu.address, topic)) as publisher:
        with pytest.raises(InvalidEvent, match=r"\$\.tenant"):
            publisher.publish(event(1, tenant=""))
        with pytest.raises(MalformedRecord, match="at most 1,000,000 fit"):
            publisher.publish_raw(b"k", b"x" * MAX_RECORD_BYTES)
        publisher.publish_raw(b"", b"x" * MAX_RECORD_BYTES)
        path = write(tmp_path / "f", line(1, attributes={"a": "x" * MAX_RECORD_BYTES}) + b"\n" + line(2))
        report = import_files([path], "events", publisher)
    assert (report.imported, [refusal.line for refusal in report.refused]) == (1, [1])
    assert (publisher.accepted, publisher.failed) == (2, 0)


@pytest.mark.kafka
def test_a_broker_killed_midway_is_an_error_that_counts(own_tansu: TansuBroker) -> None:
    settings = PublisherSettings(own_tansu.address, in_flight=200, delivery_timeout_seconds=2)
    publisher = EventPublisher(settings)
    try:
        publish(publisher, 1000)
        publisher.flush()
        assert publisher.accepted == 1000
        own_tansu.kill()
        with pytest.raises(PublishError, match=r"events for 'interactions' were not accepted") as caught:
            publish(publisher, 1000)
        assert caught.value.accepted == publisher.accepted == 1000
        # What was in flight when the first failure came back; nothing was handed over after it.
        assert 1 <= caught.value.failed <= 201
        assert caught.value.__cause__ is not None
        with pytest.raises(PublishError):
            publisher.flush()
    finally:
        publisher.close()


@pytest.mark.kafka
def test_leaving_the_block_raises_what_flush_would(own_tansu: TansuBroker) -> None:
    def lose_the_broker() -> None:
        with EventPublisher(PublisherSettings(own_tansu.address, delivery_timeout_seconds=2)) as publisher:
            publisher.publish(event(1))
            publisher.flush()
            own_tansu.kill()
            publisher.publish(event(2))

    with pytest.raises(PublishError) as caught:
        lose_the_broker()
    assert (caught.value.accepted, caught.value.failed) == (1, 1)


@pytest.mark.kafka
def test_an_error_in_the_block_is_not_covered_up_and_no_thread_left_behind(own_tansu: TansuBroker) -> None:
    def fail_without_a_broker() -> None:
        with EventPublisher(PublisherSettings(own_tansu.address, delivery_timeout_seconds=2)) as publisher:
            publisher.publish(event(1))
            own_tansu.kill()
            publisher.publish(event(2))
            raise KeyError

    with pytest.raises(KeyError):
        fail_without_a_broker()
    deadline = time.monotonic() + 5
    while "supportpulse-publisher" in (names := " ".join(thread.name for thread in threading.enumerate())):
        assert time.monotonic() < deadline, f"the client left a thread behind: {names}"
        time.sleep(0.05)


def test_no_broker_is_an_error_that_says_where() -> None:
    with pytest.raises(BrokerUnavailable, match=r"no broker answers at 127\.0\.0\.1:1 "):
        EventPublisher(PublisherSettings("127.0.0.1:1", delivery_timeout_seconds=0.5))
