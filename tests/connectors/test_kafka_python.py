"""What kafka-python loses without a word if it is left to its defaults, and that the publisher does not."""

from __future__ import annotations

import logging
import threading

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaConfigurationError, KafkaTimeoutError

from connectors.producer import EventPublisher, PublishError, PublisherSettings
from supportpulse.broker import TansuBroker
from tests.connectors.samples import event
from tests.servers.plugin import Broker, MakeTopic

TOO_SMALL = {"max.message.bytes": "300"}
pytestmark = pytest.mark.kafka


def test_a_setting_switches_idempotence_off_unless_it_was_said_outright(tansu: Broker) -> None:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    quietly = KafkaProducer(bootstrap_servers=tansu.address, acks=1)
    assert quietly.config["enable_idempotence"] is False, "switched off, and nobody was told"
    quietly.close()
    with pytest.raises(KafkaConfigurationError):
        KafkaProducer(bootstrap_servers=tansu.address, acks=1, enable_idempotence=True)
    with EventPublisher(PublisherSettings(tansu.address)) as publisher:
        config = publisher._producer.config
        assert (config["enable_idempotence"], config["acks"]) == (True, -1)


@pytest.mark.server
def test_flush_says_nothing_of_a_record_that_was_refused(kafka: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(kafka, **TOO_SMALL)
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    future = producer.send(topic, b"x" * 1_000)
    producer.flush(timeout=20)
    assert future.failed(), "flushed, and not there"
    producer.close()

    publisher = EventPublisher(PublisherSettings(kafka.address, topic, delivery_timeout_seconds=5))
    try:
        publisher.publish(event(1, attributes={"long": "x" * 1_000}))
        with pytest.raises(PublishError, match="1 of 1 events"):
            publisher.flush()
    finally:
        publisher.close()


@pytest.mark.server
def test_send_blocks_for_a_topic_that_is_not_there_no_longer_than_the_publisher_allows(kafka: Broker) -> None:
    assert KafkaProducer.DEFAULT_CONFIG["max_block_ms"] == 60_000
    publisher = EventPublisher(PublisherSettings(kafka.address, "not-there", delivery_timeout_seconds=1))
    try:
        with pytest.raises(PublishError) as caught:
            publisher.publish(event(1))
        assert isinstance(caught.value.__cause__, KafkaTimeoutError)
        assert (caught.value.accepted, caught.value.failed) == (0, 1)
    finally:
        publisher.close()


def publish_all(publisher: EventPublisher, records: int, in_flight: int) -> None:
    for number in range(records):
        publisher.publish(event(number))
        assert len(publisher._waiting) <= in_flight


def test_a_broker_that_does_not_answer_fills_no_memory(own_tansu: TansuBroker) -> None:
    records, in_flight = 5_000, 100
    producer = KafkaProducer(bootstrap_servers=own_tansu.address, delivery_timeout_ms=60_000)
    producer.send("interactions", b"x").get(20)
    publisher = EventPublisher(PublisherSettings(own_tansu.address, in_flight=in_flight, delivery_timeout_seconds=3))
    publisher.publish(event(0))
    publisher.flush()
    own_tansu.kill()
    try:
        waiting = [producer.send("interactions", b"x" * 1_000) for _ in range(records)]
        assert not any(future.is_done for future in waiting), "all of it is kept, whatever it comes to"
        with pytest.raises(PublishError) as caught:
            publish_all(publisher, records, in_flight)
        assert caught.value.failed <= in_flight + 1
    finally:
        publisher.close()
        producer._sender.force_close()
        producer.close(timeout=1)


def test_callbacks_run_in_the_senders_thread_and_the_publisher_has_none(tansu: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(tansu)
    called = threading.Event()
    names: list[str] = []

    def callback(_metadata: object) -> None:
        names.append(threading.current_thread().name)
        called.set()

    producer = KafkaProducer(bootstrap_servers=tansu.address, enable_idempotence=False)
    producer.send(topic, b"x").add_callback(callback)
    assert called.wait(20)
    producer.close()
    assert names != [threading.current_thread().name]

    with EventPublisher(PublisherSettings(tansu.address, topic)) as publisher:
        publisher.publish(event(1))
        (future,) = publisher._waiting
        assert (future._callbacks, future._errbacks) == ([], [])
