"""Dead letters on a real broker, and what lies in `interactions` after a redrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kafka import KafkaProducer

from schemas import wire
from schemas.records import DeadLetter
from supportpulse import topic_reading
from supportpulse.dlq.redrive import Desk
from tests.servers.plugin import Broker

NOW_MS = 1_780_000_000_000


def letter(n: int, topic: str = "interactions", **said: object) -> DeadLetter:
    """One that came from `topic`."""
    fields: dict[str, object] = {
        "reason": "unknown_schema",
        "detail": "for the test",
        "origin": f"{topic}/0/{n}",
        "parked_at": NOW_MS + n,
        "key": b"acme/%d" % n,
        "original": b"bytes of %d" % n,
    }
    return DeadLetter(**{**fields, **said})  # type: ignore[arg-type]


def park(broker: Broker, desk: Desk, letters: Iterable[DeadLetter | bytes], partition: int = 0) -> None:
    """Put them where a worker would; bytes go as they are. All into one partition."""
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=False, linger_ms=20)
    sent = [
        producer.send(
            desk.topics.dead_letters,
            value=each if isinstance(each, bytes) else wire.encode_dead_letter(each),
            partition=partition,
        )
        for each in letters
    ]
    for future in sent:
        future.get(20)
    producer.close()


def lying(desk: Desk, topic: str) -> Counter[tuple[bytes | None, bytes]]:
    """Key and value of every record of a topic, and how often it is there."""
    return Counter((record.key, record.value) for record in topic_reading.read(desk.kafka, topic))
