"""Conversations that left memory, on real brokers, with ClickHouse to come back from."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas import wire
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from schemas.topics import record_key
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.errors import ConnectionLost
from streams.worker.app import Worker
from streams.worker.archive import Name
from streams.worker.config import WorkerConfig
from streams.worker.interactions import NoArchive
from supportpulse.archive import ClickHouseArchive
from tests.streams.stories import clock, story
from tests.streams.worker.harness import PARTITIONS, Surroundings, expected, until

DAY_MS = 86_400_000

#: Told on a Tuesday; its last event eight days later belongs between the first two.
DONE = story(
    """
    09:00 customer message
    09:30 ana message
    09:40 ana resolved
    09:45 customer csat=4 survey=s
    """
)
LATE = story("09:10 bo message id=late")[0]
AGAIN = msgspec.structs.replace(DONE[1], attributes={"sent": "twice"})
#: Others move the log's time on, one in every partition.
OTHERS = [msgspec.structs.replace(story("09:00 customer message")[0], conversation_id=f"other{n}") for n in range(40)]


class Archive:
    """`ClickHouseArchive` over what lies in `interactions`, which is landed when it is asked for, and can be away."""

    def __init__(self, around: Surroundings, path: Path) -> None:
        self._around = around
        self._database = EmbeddedDatabase(path)
        migrate(self._database, now_ms=0)
        self._real = ClickHouseArchive(self._connect)
        self.away = False
        self.asked = 0

    def close(self) -> None:
        self._database.close()

    def land(self, through: Mapping[int, int] | None = None) -> None:
        """What a sink does with events, up to these offsets of the partitions."""
        events, positions = [], []
        for partition, offset, event in published(self._around):
            if through is None or offset <= through.get(partition, -1):
                events.append(event)
                positions.append(rows.log_position(0, offset))
        self._database.insert("interactions", rows.interaction_columns(events, positions))

    async def events(self, names: Sequence[Name], through: int) -> Mapping[Name, Sequence[InteractionEvent]]:
        self.asked += 1
        return await self._real.events(names, through)

    def _connect(self) -> EmbeddedDatabase:
        if self.away:
            raise ConnectionLost("nobody answers")
        return self._database


@pytest.fixture
def archive(around: Surroundings, tmp_path: Path) -> Iterator[Archive]:
    made = Archive(around, tmp_path / "clickhouse")
    yield made
    made.close()


def published(around: Surroundings) -> list[tuple[int, int, InteractionEvent]]:
    """Partition, offset and event of everything in `interactions`."""
    consumer = KafkaConsumer(
        bootstrap_servers=around.broker.address,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    consumer.assign([TopicPartition(around.topics.interactions, number) for number in range(PARTITIONS)])
    found, missing = [], dict(around.ends)
    for one in consumer:
        if one.value is not None:
            found.append((one.partition, one.offset, wire.decode_event(one.value)))
        if one.offset >= missing.get(one.partition, -1):
            missing.pop(one.partition, None)
        if not missing:
            break
    consumer.close()
    assert not missing, "everything that was published can be read"
    return found


def publish(around: Surroundings, events: Iterable[InteractionEvent], at_ms: EpochMs) -> None:
    """Publish at an instant of the log's own time, and remember how far it goes."""
    producer = KafkaProducer(bootstrap_servers=around.broker.address, acks="all", enable_idempotence=False)
    for event in events:
        key = record_key(event.tenant, event.conversation_id)
        sent = producer.send(around.topics.interactions, key=key, value=wire.encode_event(event), timestamp_ms=at_ms)
        metadata = sent.get(20)
        around.ends[metadata.partition] = max(around.ends.get(metadata.partition, -1), metadata.offset)
    producer.close()


def with_archive(around: Surroundings, archive: Archive | None) -> WorkerConfig:
    return dataclasses.replace(around.config(drain=False), archive=archive)


@asynccontextmanager
async def working(config: WorkerConfig) -> AsyncIterator[asyncio.Future[None]]:
    """A worker at work; what it ends with is in the future."""
    stop = asyncio.Event()
    running = asyncio.ensure_future(Worker(config).run(stop))
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait({running}, timeout=20)


async def all_committed(around: Surroundings) -> None:
    wanted = {number: end + 1 for number, end in around.ends.items()}
    # Ticks may lie behind the events.
    await until(lambda: all(around.committed().get(number, 0) >= end for number, end in wanted.items()))


async def has_left(around: Surroundings, config: WorkerConfig) -> None:
    """Tell the conversation, and let eight days of the log pass."""
    publish(around, DONE, clock("09:45"))
    async with working(config):
        await all_committed(around)
        for day in (8, 9):
            publish(around, [renamed(event, day) for event in OTHERS], clock("09:45") + day * DAY_MS)
            await all_committed(around)


def renamed(event: InteractionEvent, day: int) -> InteractionEvent:
    return msgspec.structs.replace(event, conversation_id=f"{event.conversation_id}-{day}")


async def test_a_late_event_eight_days_later_revises_the_facts_as_the_replay_does(
    around: Surroundings, archive: Archive
) -> None:
    config = with_archive(around, archive)
    await has_left(around, config)
    assert archive.asked == 0, "new conversations need no archive"
    before = around.holding()
    # The sink may be ahead of the worker: what comes next is there already.
    publish(around, [AGAIN, LATE], clock("09:45") + 10 * DAY_MS)
    archive.land()
    async with working(config):
        await all_committed(around)
    assert archive.asked > 0, "it had left, also for a worker that read the changelog"
    assert holding_of(around, "c") == holding_in(expected([*DONE, LATE]), "c")
    assert holding_of(around, "c") != {key: fact for key, fact in before.items() if key[1].startswith("c/")}


async def test_while_the_archive_is_away_or_behind_nothing_is_committed_and_then_it_goes_on(
    around: Surroundings, archive: Archive
) -> None:
    config = with_archive(around, archive)
    await has_left(around, config)
    (partition,) = {number for number, _, event in published(around) if event.conversation_id == "c"}
    archive.away = True
    publish(around, [LATE], clock("09:45") + 10 * DAY_MS)
    async with working(config) as running:
        await until(lambda: archive.asked >= 2)
        archive.away = False
        archive.land({partition: 1})
        asked = archive.asked
        await until(lambda: archive.asked >= asked + 2)
        # Ticks in front of the late event may have been committed, the event itself not.
        assert around.committed()[partition] <= around.ends[partition]
        assert not running.done()
        archive.land()
        await all_committed(around)
    assert holding_of(around, "c") == holding_in(expected([*DONE, LATE]), "c")


async def test_a_worker_without_an_archive_says_so_and_ends(around: Surroundings, archive: Archive) -> None:
    await has_left(around, with_archive(around, archive))
    publish(around, [LATE], clock("09:45") + 10 * DAY_MS)
    async with working(with_archive(around, None)) as running:
        await asyncio.wait({running}, timeout=30)
        with pytest.raises(NoArchive, match="--clickhouse"):
            running.result()


def holding_of(around: Surroundings, conversation_id: str) -> dict[tuple[str, str], object]:
    return holding_in(around.holding(), conversation_id)


def holding_in(facts: Mapping[tuple[str, str], object], conversation_id: str) -> dict[tuple[str, str], object]:
    return {key: fact for key, fact in facts.items() if key[1].startswith(f"{conversation_id}/")}
