"""Whatever of a partition is thrown away between the broker and a stage is read again before anything behind it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from faust.types import TP
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from structlog.testing import capture_logs

from schemas import wire
from schemas.topics import record_key
from streams.worker import app as worker_app
from streams.worker.chunks import Chunk
from streams.worker.transport import ChunkConsumer, ChunkConsumerThread
from streams.worker.window_stage import WindowStage
from tests.streams.worker.harness import PARTITIONS, PATIENCE_SECONDS, Surroundings, expected, some_events

READ_AGAIN = "reads again what was thrown away on its way here"
GONE = "records were deleted before they were processed"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_app, "CHUNK_RECORDS", 7)


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Throws away every third chunk that is not the last of its partition; how many, by topic."""
    fetch = ChunkConsumerThread._fetch_records
    given: Counter[TP] = Counter()
    lost: Counter[str] = Counter()

    async def lossy(self: Any, consumer: Any, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        found = await fetch(self, consumer, *args, **kwargs)
        given.update(found.keys())
        thrown = [tp for tp in found if given[tp] % 3 == 1 and found[tp].ends < (consumer.highwater(tp) or 0)]
        lost.update(tp.topic for tp in thrown)
        return {tp: chunk for tp, chunk in found.items() if tp not in thrown}

    monkeypatch.setattr(ChunkConsumerThread, "_fetch_records", lossy)
    return lost


@pytest.mark.usefixtures("small_chunks")
async def test_what_was_thrown_away_on_its_way_is_read_again(around: Surroundings, losing: Counter[str]) -> None:
    told = some_events(60)
    around.publish(told)
    with capture_logs() as logs:
        await around.drain()
        told += (more := some_events(30, seed=2))
        around.publish(more)
        await around.drain()
    assert losing.keys() == {around.topics.interactions, around.topics.window_deltas}, "nothing was lost: no trial"
    assert {line["topic"] for line in logs if line["event"] == READ_AGAIN} == losing.keys()
    assert around.holding() == (facts := expected(told))
    assert around.windows_are_those_of(facts.values())
    assert around.committed() == {partition: end + 1 for partition, end in around.ends.items()}


#: Tansu keeps no transactions and deletes no records.
on_kafka = pytest.mark.parametrize(
    "broker", [pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.server])], indirect=True
)


async def test_deltas_that_come_before_the_broker_says_where_they_end_are_taken(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    around.publish(some_events(60))
    await around.drain()
    have_come = asyncio.Event()
    handle, ends = WindowStage.handle, ChunkConsumer.highwaters

    async def seen(self: WindowStage, tp: TP, chunk: Chunk, *args: Any) -> None:
        await handle(self, tp, chunk, *args)
        have_come.set()

    async def late(self: Any, *partitions: Any) -> Any:
        await asyncio.wait_for(have_come.wait(), PATIENCE_SECONDS)
        return await ends(self, *partitions)

    monkeypatch.setattr(WindowStage, "handle", seen)
    monkeypatch.setattr(ChunkConsumer, "highwaters", late)
    # It ends when the windows are as far as the log was: nothing comes behind that would show what is missing.
    await around.drain()


@on_kafka
async def test_a_drain_ends_where_all_deltas_have_been_deleted(around: Surroundings) -> None:
    around.publish(some_events(30))
    await around.drain()
    admin = KafkaAdminClient(bootstrap_servers=around.broker.address)
    # -1: up to the end.
    admin.delete_records({TopicPartition(around.topics.window_deltas, number): -1 for number in range(PARTITIONS)})
    admin.close()
    await around.drain()


@on_kafka
@pytest.mark.usefixtures("small_chunks")
async def test_the_marks_of_transactions_are_no_records_that_are_missing(around: Surroundings) -> None:
    told = some_events(20)
    producer = KafkaProducer(
        bootstrap_servers=around.broker.address, acks="all", transactional_id=f"{around.topics.prefix}writer"
    )
    producer.init_transactions()
    for number in range(0, len(told), 3):
        producer.begin_transaction()
        sent = [
            producer.send(
                around.topics.interactions, key=record_key(e.tenant, e.conversation_id), value=wire.encode_event(e)
            )
            for e in told[number : number + 3]
        ]
        producer.flush()
        for future in sent:
            metadata = future.get(20)
            around.ends[metadata.partition] = max(around.ends.get(metadata.partition, -1), metadata.offset)
        producer.commit_transaction()
    producer.close()
    assert sum(end + 1 for end in around.ends.values()) > len(told), "no offset is a mark: no trial"
    with capture_logs() as logs:
        await around.drain()
    assert around.holding() == expected(told)
    assert not [line for line in logs if line["event"] in (READ_AGAIN, GONE)]


@on_kafka
async def test_what_kafka_deleted_before_it_was_processed_is_told_and_the_rest_goes_on(around: Surroundings) -> None:
    told = some_events(30)
    around.publish(told)
    await around.drain()
    before = dict(around.ends)
    around.publish(some_events(30, seed=2))
    admin = KafkaAdminClient(bootstrap_servers=around.broker.address)
    deleted = {number: before[number] + 6 for number in range(PARTITIONS)}
    admin.delete_records(
        {TopicPartition(around.topics.interactions, number): offset for number, offset in deleted.items()}
    )
    admin.close()
    around.publish(last := some_events(5, seed=3))
    with capture_logs() as logs:
        await around.drain()
    gone = {line["partition"]: (line["from_offset"], line["to_offset"]) for line in logs if line["event"] == GONE}
    assert gone == {number: (before[number] + 1, offset) for number, offset in deleted.items()}
    holding, facts = around.holding(), expected(last)
    assert {key: holding.get(key) for key in facts} == facts


@on_kafka
async def test_a_log_that_begins_late_is_read_from_there_without_a_word(around: Surroundings) -> None:
    around.publish(some_events(30))
    admin = KafkaAdminClient(bootstrap_servers=around.broker.address)
    ends = {TopicPartition(around.topics.interactions, number): end + 1 for number, end in around.ends.items()}
    admin.delete_records(ends)
    admin.close()
    around.publish(told := some_events(10, seed=2))
    with capture_logs() as logs:
        await around.drain()
    assert around.holding() == expected(told)
    assert not [line for line in logs if line["event"] in (READ_AGAIN, GONE)]
