"""The sink's side of Kafka (aiokafka): a group member with manual commits, and a producer for dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas import wire
from schemas.errors import SupportpulseError
from schemas.fetching import fetch_lean
from schemas.records import DeadLetter
from schemas.topics import LETTER_BYTES, Topics
from sinks.lanes import lanes
from sinks.source import SourceRecord

#: (topic, partition) → offset
Ends: TypeAlias = dict[tuple[str, int], int]

#: Away from ClickHouse the sink does not poll; that must not cost it its partitions.
_POLL_AT_LEAST_EVERY_MS = 24 * 3600 * 1000
_ASSIGNMENT_CHECK_SECONDS = 0.05


class KafkaUnavailable(SupportpulseError):
    """No broker answers. Check that it runs and that --kafka names it."""


class SinkKafka:
    """Consumer of the topics, producer to the dead letter topic. Only `start` needs a broker that answers at once.

    `names`: the topics that are read; None: all that have a table.
    """

    def __init__(
        self, address: str, group: str, topics: Topics, session_timeout_ms: int, names: Sequence[str] | None = None
    ) -> None:
        self._address = address
        self._group = group
        self._topics = topics
        self._names = tuple(lanes(topics) if names is None else names)
        self._session_timeout_ms = session_timeout_ms
        #: The offset behind the last record that was polled.
        self._polled: Ends = {}
        self._consumer: Any = None
        self._producer: Any = None

    async def start(self) -> None:
        """Connect and subscribe."""
        self._consumer = AIOKafkaConsumer(
            *self._names,
            bootstrap_servers=self._address,
            group_id=self._group,
            client_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 4,
            max_poll_interval_ms=_POLL_AT_LEAST_EVERY_MS,
            fetch_max_wait_ms=100,
            metadata_max_age_ms=30_000,
        )
        try:
            await self._consumer.start()
        except KafkaError as exc:
            await self.stop()
            raise KafkaUnavailable(
                f"no Kafka at {self._address} ({type(exc).__name__}): check that it runs and that --kafka names it"
            ) from exc
        fetch_lean(self._consumer, SourceRecord)

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        for client in (self._consumer, self._producer):
            if client is not None:
                await client.stop()
        self._consumer = self._producer = None

    async def poll(self, wait_seconds: float, at_most: int) -> dict[tuple[str, int], list[SourceRecord]]:
        """The next records by (topic, partition); empty when none came in time."""
        try:
            polled = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=at_most)
        except KafkaError as exc:
            if not exc.retriable:
                raise
            await asyncio.sleep(wait_seconds)
            return {}
        found = {(tp.topic, tp.partition): records for tp, records in polled.items() if records}
        self._polled.update((name, records[-1].offset + 1) for name, records in found.items())
        return found

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit for the partitions that are still ours; the others' new owner reads again. Raises `KafkaError`."""
        ours = self._consumer.assignment()
        found = {TopicPartition(*name): offset for name, offset in offsets.items() if TopicPartition(*name) in ours}
        if found:
            await self._consumer.commit(found)

    async def park(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters and wait for every one."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._address, acks="all", max_request_size=LETTER_BYTES
            )
            await self._producer.start()
        sent = [
            await self._producer.send(
                self._topics.dead_letters, wire.encode_dead_letter(letter), key=letter.origin.encode()
            )
            for letter in letters
        ]
        await asyncio.gather(*sent)

    def owns(self, name: tuple[str, int]) -> bool:
        """Whether this (topic, partition) is ours now."""
        return TopicPartition(*name) in self._consumer.assignment()

    async def assigned(self) -> None:
        """Until the group has given this member its partitions."""
        while not self._consumer.assignment():
            await asyncio.sleep(_ASSIGNMENT_CHECK_SECONDS)

    async def ends(self) -> Ends:
        """Where our partitions end now."""
        found = await self._consumer.end_offsets(list(self._consumer.assignment()))
        return {(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def reached(self, ends: Ends) -> bool:
        """Whether everything before `ends` was polled, in the partitions that are still ours."""
        ours = self._consumer.assignment()
        for name, end in ends.items():
            partition = TopicPartition(*name)
            if partition in ours and await self._consumer.position(partition) < end:
                return False
        return True

    def lag(self) -> dict[str, int]:
        """Topic → records that were not polled yet, as far as the last fetch knew."""
        found = dict.fromkeys(self._names, 0)
        for partition in self._consumer.assignment():
            polled = self._polled.get((partition.topic, partition.partition))
            end = self._consumer.highwater(partition)
            if polled is not None and end is not None:
                found[partition.topic] += max(0, end - polled)
        return found
