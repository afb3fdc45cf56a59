"""Sending many records and knowing that every one of them has arrived."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.partitioner import murmur2

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.worker.pile import Pile

_BATCH_BYTES = 512 * 1024
_REQUEST_BYTES = 8 * 1024 * 1024


class SendFailed(SupportpulseError):
    """The broker did not take some records, after retries. Nothing may be committed: end, and start again."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A record to send."""

    key: bytes
    value: bytes | None
    timestamp_ms: EpochMs


class Outbox:
    """A producer of record batches: acks=all, every batch awaited."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: aiokafka.AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}

    async def start(self) -> None:
        """Connect."""
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            linger_ms=0,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect, with nothing in the air: every `send` has been awaited."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, topic: str, records: Iterable[Outgoing]) -> dict[int, int]:
        """Send keyed records to the partitions that their keys decide; last offset by partition.

        Returns when the broker has them all. Raises `SendFailed`.
        """
        count = await self._partition_count(topic)
        by_partition: defaultdict[int, list[Outgoing]] = defaultdict(list)
        for record in records:
            by_partition[partition_of(record.key, count)].append(record)
        ends = await asyncio.gather(
            *(self.send_to(topic, partition, batch) for partition, batch in by_partition.items())
        )
        return dict(zip(by_partition, ends, strict=True))

    async def lie_beside(self, topic: str, other: str) -> bool:
        """Whether both topics have as many partitions: then what the records of one of the other's partitions caused,
        under the same keys, goes to the partition of the same number. Raises `SendFailed`.
        """
        return await self._partition_count(topic) == await self._partition_count(other)

    async def send_to(self, topic: str, partition: int, records: Iterable[Outgoing]) -> int:
        """Send records to one partition, in order; the last one's offset, -1 for none. Raises `SendFailed`."""
        pile = self.pile()
        for record in records:
            pile.append(record.key, record.value, record.timestamp_ms)
        return await self.send_pile(topic, partition, pile)

    def pile(self) -> Pile:
        """An empty pile."""
        return Pile(self._running().create_batch, _BATCH_BYTES)

    async def send_pile(self, topic: str, partition: int, pile: Pile) -> int:
        """Send a pile to one partition, in order; the last record's offset, -1 for none. Raises `SendFailed`."""
        last = -1
        try:
            # One after the other: a batch that arrived behind one that was lost would leave a hole, and the changelog
            # says "applied through" in its last record. The producer itself sends a partition's batches one by one,
            # so there is little to gain from handing it several.
            for batch in pile.batches():
                last = await self._deliver(batch, topic, partition)
        except KafkaError as exc:
            raise SendFailed(f"{topic}/{partition}: {type(exc).__name__}: {exc}") from exc
        return last

    async def _deliver(self, batch: Any, topic: str, partition: int) -> int:
        """Send a batch and wait until the broker has it; its last offset."""
        arrived = await self._running().send_batch(batch, topic, partition=partition)
        return int((await arrived).offset) + int(batch.record_count()) - 1

    async def _partition_count(self, topic: str) -> int:
        count = self._partitions.get(topic)
        if count is None:
            try:
                count = self._partitions[topic] = len(await self._running().partitions_for(topic))
            except UnknownTopicOrPartitionError as exc:
                raise SendFailed(f"there is no topic {topic}: run `supportpulse topics` first") from exc
            except KafkaError as exc:
                raise SendFailed(f"{topic}: {type(exc).__name__}: {exc}") from exc
        return count

    def _running(self) -> aiokafka.AIOKafkaProducer:
        if self._producer is None:
            raise SendFailed("the producer is not started")
        return self._producer


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default partitioner, the same in every client."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
