"""Reading a topic to its end, as a bystander: no group, nothing committed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.errors import SupportpulseError
from schemas.ticks import is_tick
from schemas.times import EpochMs

#: How long nothing has to come before the end is believed: a broker may say that a log ends one batch early.
_QUIET_MS = 300
#: A topic that others write to is never quiet. What was there in the beginning has long come by then.
_LINGER_SECONDS = 2.0
_STUCK_SECONDS = 60.0
_FETCH_BYTES = 8 << 20


#: (topic, partition) → offset
Offsets: TypeAlias = dict[tuple[str, int], int]


class TopicUnreadable(SupportpulseError):
    """A topic cannot be read to its end. Says which, why and what to do."""


class Lying(NamedTuple):
    """A record as it lies in a topic."""

    partition: int
    offset: int
    timestamp_ms: EpochMs
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@contextmanager
def _consumer(kafka: str, group: str | None = None) -> Iterator[Any]:
    try:
        found = KafkaConsumer(
            bootstrap_servers=kafka,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=100,
        )
    except KafkaError as exc:
        raise TopicUnreadable(f"no broker answers at {kafka} ({exc}): start it, or name another with --kafka") from exc
    try:
        yield found
    finally:
        found.close()


def _partitions(consumer: Any, topic: str) -> list[Any]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TopicUnreadable(f"there is no topic {topic}: run `supportpulse topics` first")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def ends(kafka: str, topic: str) -> dict[int, int]:
    """Partition → the offset that its next record gets, or an earlier one: see `_QUIET_MS`."""
    with _consumer(kafka) as consumer:
        found = consumer.end_offsets(_partitions(consumer, topic))
        return {partition.partition: offset for partition, offset in found.items()}


def read(kafka: str, topic: str, since: Mapping[int, int] | None = None) -> Iterator[Lying]:
    """Every record that lies in `topic` now, in the order of its partition, from the offsets of `since` on.

    Records that come while it reads may be among them; ticks are not. A value that is null is read as empty. Raises
    `TopicUnreadable`.
    """
    with _consumer(kafka) as consumer:
        partitions = _partitions(consumer, topic)
        try:
            yield from _read(consumer, partitions, since or {})
        except KafkaError as exc:
            raise TopicUnreadable(
                f"{topic} cannot be read ({type(exc).__name__}: {exc}): try again when the broker at {kafka} is well"
            ) from exc


def newest(kafka: str, topic: str, count: int) -> list[Lying]:
    """The last records of every partition, at least `count` of each where there are as many."""
    since = {partition: max(0, end - count) for partition, end in ends(kafka, topic).items()}
    return list(read(kafka, topic, since))


def committed(kafka: str, group: str, topics: Iterable[str]) -> tuple[Offsets, Offsets]:
    """What a group has committed, and where its partitions end, both by (topic, partition). Joins nothing."""
    with _consumer(kafka, group) as consumer:
        partitions = [partition for topic in topics for partition in _partitions(consumer, topic)]
        try:
            said = {partition: consumer.committed(partition) for partition in partitions}
            ending = consumer.end_offsets(partitions)
        except KafkaError as exc:
            raise TopicUnreadable(
                f"the offsets of {group} cannot be read ({type(exc).__name__}): try again when the broker is well"
            ) from exc
    return (
        {(each.topic, each.partition): offset for each, offset in said.items() if offset is not None},
        {(each.topic, each.partition): offset for each, offset in ending.items()},
    )


def _read(consumer: Any, partitions: list[Any], since: Mapping[int, int]) -> Iterator[Lying]:
    consumer.assign(partitions)
    begins, goals = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    for partition in partitions:
        # Not before the beginning: what is older was forgotten.
        consumer.seek(partition, max(begins[partition], since.get(partition.partition, 0)))
    reached_at: float | None = None
    moved_at = time.monotonic()
    while True:
        polled: Mapping[Any, Iterable[Any]] = consumer.poll(timeout_ms=_QUIET_MS)
        now = time.monotonic()
        for partition, records in polled.items():
            moved_at = now
            for each in records:
                if is_tick(each.key, each.value):
                    continue
                headers = tuple((name, value or b"") for name, value in each.headers)
                yield Lying(partition.partition, each.offset, each.timestamp, each.key, each.value or b"", headers)
        if all(consumer.position(partition) >= goals[partition] for partition in partitions):
            reached_at = reached_at or now
            if not polled or now - reached_at > _LINGER_SECONDS:
                return
        elif now - moved_at > _STUCK_SECONDS:
            raise TopicUnreadable(
                f"{partitions[0].topic} brings nothing for {_STUCK_SECONDS:g} s, before its end: look at the broker"
            )
