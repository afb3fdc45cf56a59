"""Topics of one's own on a real broker, and records in them."""

from __future__ import annotations

from collections.abc import Sequence

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from schemas.topics import Topics


def make_topics(address: str, prefix: str, partitions: int = 2) -> Topics:
    """Five topics whose names begin with `prefix`."""
    topics = Topics(prefix=f"{prefix}.")
    landed = (topics.interactions, topics.facts, topics.alerts, topics.windows, topics.dead_letters)
    found = [topic for topic in topics.all() if topic.name in landed]
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.create_topics([NewTopic(topic.name, partitions, 1, topic_configs=topic.config) for topic in found])
    finally:
        admin.close()
    return topics


def send(address: str, topic: str, payloads: Sequence[bytes], timestamp_ms: int | None = None) -> None:
    """Send and wait for every one."""
    producer = KafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=False)
    try:
        futures = [
            producer.send(topic, payload, key=str(i % 17).encode(), timestamp_ms=timestamp_ms)
            for i, payload in enumerate(payloads)
        ]
        for future in futures:
            future.get(timeout=20)
    finally:
        producer.close()
