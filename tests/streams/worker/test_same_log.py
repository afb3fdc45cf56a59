"""A topic that was deleted and made anew is not taken for the one that was applied."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from faust.types import TP
from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from streams.worker import same_log
from streams.worker.app import Worker
from streams.worker.chunks import Chunk, FetchedRecord
from streams.worker.outbox import Outbox, Outgoing
from streams.worker.same_log import LogBegunAnew
from tests.servers.plugin import Broker, MakeTopic
from tests.streams.worker.harness import PATIENCE_SECONDS, Surroundings, expected, some_events, until

#: Tansu deletes no topics.
on_kafka = pytest.mark.parametrize(
    "broker", [pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.server])], indirect=True
)


def delete(around: Surroundings, *names: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=around.broker.address)
    admin.delete_topics(list(names))
    admin.close()


async def make_anew(around: Surroundings, *names: str) -> None:
    """A deleted topic may go on being there for a moment."""
    await asyncio.to_thread(delete, around, *names)
    around.ends.clear()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await asyncio.to_thread(around.make)
            return
        except TopicAlreadyExistsError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


@on_kafka
@pytest.mark.parametrize("conversations", [0, 5, 200], ids=["empty", "shorter", "longer"])
async def test_a_log_that_was_made_anew_ends_the_worker(around: Surroundings, conversations: int) -> None:
    around.publish(some_events(40))
    await around.drain()
    before = around.holding()
    await make_anew(around, around.topics.interactions)
    around.publish(some_events(conversations, seed=2))
    with pytest.raises(LogBegunAnew, match=r"interactions/\d is not the log .* made anew"):
        await around.drain()
    assert around.holding() == before


@on_kafka
async def test_a_log_that_is_made_anew_under_a_worker_ends_it(around: Surroundings) -> None:
    around.publish(some_events(40))
    worker = Worker(around.config(drain=False))
    # How soon it hears of a topic that is there again.
    worker._app.conf.consumer_metadata_max_age_ms = 1_000
    running = asyncio.ensure_future(worker.run(asyncio.Event()))
    await until(lambda: all(worker._interactions.applied(number) >= end for number, end in around.ends.items()))
    await make_anew(around, around.topics.interactions)
    await asyncio.to_thread(around.publish, some_events(5, seed=2))
    with pytest.raises(LogBegunAnew):
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_a_partition_that_goes_back_is_looked_at_again(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    around.publish(some_events(10))
    worker, stop = Worker(around.config(drain=False)), asyncio.Event()
    stage = worker._interactions
    running = asyncio.ensure_future(worker.run(stop))
    number, end = next(iter(around.ends.items()))
    await until(lambda: stage.applied(number) >= end)
    looked: list[tuple[TP, int]] = []

    async def check(_kafka: str, tp: TP, applied: int, _ms: int) -> None:
        looked.append((tp, applied))

    monkeypatch.setattr(same_log, "check", check)
    tp, applied = TP(around.topics.interactions, number), stage.applied(number)
    again = Chunk(0, 1, [FetchedRecord(0, 1, b"k", b"no event")])
    assert await stage.handle(tp, again, worker._ownership.generation)
    assert looked == [(tp, applied)]
    assert stage.applied(number) == applied
    stop.set()
    await asyncio.wait_for(running, PATIENCE_SECONDS)


@on_kafka
async def test_what_the_manual_says_of_it_is_so(around: Surroundings) -> None:
    around.publish(some_events(40))
    await around.drain()
    topics = around.topics
    await make_anew(around, topics.interactions, topics.conversation_state, topics.facts)
    around.publish(told := some_events(30, seed=2))
    worker = Worker(dataclasses.replace(around.config(), epoch=1))
    await asyncio.wait_for(worker.run(asyncio.Event()), PATIENCE_SECONDS)
    assert around.holding() == expected(told)


async def test_a_log_is_known_by_the_record_that_was_applied_last(broker: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(broker)
    outbox = Outbox(broker.address)
    await outbox.start()
    now_ms = time.time_ns() // 1_000_000
    await outbox.send_to(topic, 0, [Outgoing(b"k", b"v", now_ms + number) for number in range(10)])
    await outbox.stop()
    tp = TP(topic, 0)
    for applied in (0, 4, 9):
        await same_log.check(broker.address, tp, applied, now_ms + applied)
        await same_log.check(broker.address, tp, applied, None)
        with pytest.raises(LogBegunAnew):
            await same_log.check(broker.address, tp, applied, now_ms - 1)
    for beyond in (10, 11, 500):
        with pytest.raises(LogBegunAnew, match=rf"{topic}/0 .* up to {beyond} "):
            await same_log.check(broker.address, tp, beyond, None)
