"""Why Faust's own consumer is not used: what it commits although it is not done, or gives up without a word."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from streams.worker.transport import POSITION_SECONDS
from tests.servers.plugin import Broker, MakeTopic
from tests.streams.worker.harness import until
from tests.streams.worker.stock import Trial, values_of

RECORDS = 20
#: Many commit intervals.
SOME_COMMITS_SECONDS = 1.0


@pytest.fixture(params=["stock", "ours"])
def transport(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def make_trial(broker: Broker, make_topic: MakeTopic, unique: Callable[[str], str], transport: str) -> Any:
    def make(records: int = RECORDS, **settings: Any) -> Trial:
        trial = Trial(broker, make_topic(broker, "pin"), unique("group"), transport, settings)
        trial.publish(range(records))
        return trial

    return make


async def _failing(trial: Trial, seen: list[Any], batches: bool) -> None:
    """An agent that fails at the first thing it gets."""

    async def fail(stream: Any) -> None:
        async for value in stream.take(5, within=0.5) if batches else stream:
            seen.append(value)
            if len(seen) == 1:
                raise RuntimeError("the first one fails")

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(fail)
    await trial.app.start()
    await until(lambda: bool(seen))


@pytest.mark.parametrize("batches", [False, True], ids=["one by one", "take"])
async def test_only_stock_faust_commits_past_a_message_whose_agent_failed(
    make_trial: Callable[[], Trial], batches: bool
) -> None:
    trial, seen = make_trial(), list[Any]()
    try:
        await _failing(trial, seen, batches)
        if trial.ours:
            # The agent is started again; what comes now is another chunk, and nobody has said that it is finished.
            await asyncio.to_thread(trial.publish, [RECORDS])
            await until(lambda: len(seen) > 1)
            await trial.app.consumer.commit()
            await asyncio.sleep(SOME_COMMITS_SECONDS)
            assert trial.committed() is None
        else:
            await until(lambda: trial.committed() == RECORDS)
    finally:
        await trial.stop()


async def test_only_stock_faust_commits_a_message_in_the_middle_of_which_it_was_stopped(
    make_trial: Callable[[], Trial],
) -> None:
    trial, begun = make_trial(), asyncio.Event()

    async def slow(stream: Any) -> None:
        async for _ in stream:
            begun.set()
            await asyncio.Event().wait()

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(slow)
    await trial.app.start()
    try:
        await asyncio.wait_for(begun.wait(), 30)
    finally:
        await trial.stop()
    assert trial.committed() == (None if trial.ours else 1)


@pytest.mark.parametrize("before", [None, 0, 1], ids=["nothing", "0", "1"])
async def test_only_stock_faust_commits_past_a_message_that_is_not_finished(
    make_trial: Callable[[int], Trial], before: int | None
) -> None:
    first = before or 0
    trial, seen = make_trial(first + 1), set[bytes]()
    if before is not None:
        trial.done_before(before)

    async def one_is_stuck(stream: Any) -> None:
        async for event in stream.events():
            seen.update(values_of(event))
            if b"%d" % first in values_of(event):
                await asyncio.Event().wait()
            trial.finish(event)

    trial.app.agent(trial.channel, name=f"t.{trial.topic}", concurrency=2)(one_is_stuck)
    await trial.app.start()
    try:
        await until(lambda: bool(seen))
        await asyncio.to_thread(trial.publish, range(first + 1, RECORDS))
        await until(lambda: len(seen) == RECORDS - first)
        if trial.ours:
            await trial.app.consumer.commit()
            await asyncio.sleep(SOME_COMMITS_SECONDS)
            assert trial.committed() == before
        else:
            await until(lambda: trial.committed() == RECORDS)
    finally:
        await trial.stop()


async def test_only_stock_faust_believes_in_a_commit_that_failed(make_trial: Callable[[], Trial]) -> None:
    trial, refused = make_trial(), list[Any]()
    consumer = trial.app.consumer
    commit = consumer._commit

    async def refuse_the_first(offsets: Any) -> bool:
        if sum(offsets.values()) == RECORDS and not refused:
            refused.append(offsets)
            return False
        return bool(await commit(offsets))

    consumer._commit = refuse_the_first

    async def work(stream: Any) -> None:
        async for event in stream.events():
            trial.finish(event)

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(work)
    await trial.app.start()
    try:
        await until(lambda: bool(refused))
        if trial.ours:
            await until(lambda: trial.committed() == RECORDS)
        else:
            await asyncio.sleep(SOME_COMMITS_SECONDS)
            assert trial.committed() != RECORDS
    finally:
        await trial.stop()


async def test_only_stock_faust_commits_what_was_skipped_although_it_acks_nothing(
    make_trial: Callable[[], Trial],
) -> None:
    trial, skipped = make_trial(), list[Any]()

    def nothing(value: Any) -> bool:
        skipped.append(value)
        return False

    async def never(stream: Any) -> None:
        async for _ in stream.noack().filter(nothing):
            raise AssertionError("all of it is skipped")

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(never)
    await trial.app.start()
    try:
        await until(lambda: bool(skipped))
        if trial.ours:
            await trial.app.consumer.commit()
            await asyncio.sleep(SOME_COMMITS_SECONDS)
            assert trial.committed() is None
        else:
            await until(lambda: trial.committed() == RECORDS)
    finally:
        await trial.stop()


async def _reading(trial: Trial, wanted: int = RECORDS) -> list[bytes]:
    """Starts an application that only looks, and waits until it has seen so many; what it sees."""
    seen = list[bytes]()

    async def look(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.extend(values_of(event))

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(look)
    await trial.app.start()
    await until(lambda: len(seen) == wanted)
    return seen


async def test_only_stock_faust_does_not_read_again_what_it_threw_away_before_the_first_commit(
    make_trial: Callable[[], Trial],
) -> None:
    trial = make_trial()
    try:
        seen = await _reading(trial)
        # What a rebalance does, after what had been fetched was thrown away.
        await trial.app.consumer.perform_seek()
        if trial.ours:
            await until(lambda: len(seen) == 2 * RECORDS)
        else:
            await asyncio.to_thread(trial.publish, [RECORDS])
            await until(lambda: b"%d" % RECORDS in seen)
            assert len(seen) == RECORDS + 1
    finally:
        await trial.stop()


async def test_only_stock_faust_delivers_what_was_fetched_before_a_rebalance_behind_it(
    make_trial: Callable[[], Trial],
) -> None:
    trial, everything_seen = make_trial(), asyncio.Event()
    trial.done_before(1)
    consumer = trial.app.consumer
    wait = consumer._wait_next_records

    async def with_a_rebalance(timeout: float) -> Any:
        found, active = await wait(timeout)
        if found and everything_seen.is_set() and consumer.app.consumer_generation_id < 1_000:
            # All of one, between the answer of the fetcher's thread and its arrival in the loop.
            await consumer.perform_seek()
            consumer.app.consumer_generation_id = 1_000
        return found, active

    consumer._wait_next_records = with_a_rebalance

    try:
        seen = await _reading(trial, RECORDS - 1)
        everything_seen.set()
        await asyncio.to_thread(trial.publish, [RECORDS])
        await until(lambda: b"%d" % RECORDS in seen)
        again = seen[RECORDS - 1 :]
        if trial.ours:
            assert again == [b"%d" % number for number in range(1, RECORDS + 1)]
        else:
            # What lies in front of it is then dropped, as if it had been read before.
            assert again == [b"%d" % RECORDS]
            await asyncio.to_thread(trial.publish, [RECORDS + 1])
            await until(lambda: b"%d" % (RECORDS + 1) in seen)
            assert b"2" not in seen[RECORDS - 1 :]
    finally:
        await trial.stop()


@pytest.mark.parametrize("transport", ["ours"], indirect=True)
async def test_nothing_is_dropped_in_front_of_a_place_that_faust_notes_behind_a_seek(
    make_trial: Callable[..., Trial],
) -> None:
    trial, seen = make_trial(stream_buffer_maxsize=2, broker_max_poll_records=1), list[bytes]()
    trial.done_before(1)
    may_go_on = asyncio.Event()

    async def slow(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.extend(values_of(event))
            await may_go_on.wait()

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(slow)
    await trial.app.start()
    try:
        await until(lambda: bool(seen))
        # The next one waits for its place in the queue by now; then a rebalance seeks.
        await asyncio.sleep(SOME_COMMITS_SECONDS)
        await trial.app.consumer.perform_seek()
        may_go_on.set()
        await until(lambda: b"%d" % (RECORDS - 1) in seen)
        assert seen.count(b"2") == 2
    finally:
        await trial.stop()


async def test_only_stock_faust_delivers_while_it_puts_its_partitions_to_their_places(
    make_trial: Callable[[], Trial],
) -> None:
    trial, flowing = make_trial(), list[bool]()
    consumer = trial.app.consumer
    seek = consumer.perform_seek

    async def noted() -> None:
        flowing.append(consumer.flow_active)
        await seek()

    consumer.perform_seek = noted
    try:
        await _reading(trial)
        assert flowing[0] is not trial.ours
    finally:
        await trial.stop()


async def test_only_stock_faust_goes_on_when_the_end_of_an_earlier_rebalance_says_so(
    make_trial: Callable[[], Trial],
) -> None:
    trial = make_trial()
    try:
        await _reading(trial)
        consumer = trial.app.consumer
        consumer.stop_flow()
        trial.app.consumer_generation_id += 1
        consumer.resume_flow()
        assert consumer.flow_active is not trial.ours
        await consumer.perform_seek()
        consumer.resume_flow()
        assert consumer.flow_active
    finally:
        await trial.stop()


@pytest.mark.parametrize("transport", ["ours"], indirect=True)
async def test_a_seek_that_takes_for_ever_is_an_error_before_faust_forgets_it(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(broker_request_timeout=6.0)

    async def never() -> None:
        await asyncio.Event().wait()

    try:
        await _reading(trial)
        consumer = trial.app.consumer
        consumer.seek_to_committed = never
        with pytest.raises(asyncio.TimeoutError):
            await consumer.perform_seek()
    finally:
        await trial.stop()


async def test_only_stock_faust_crashes_when_nothing_is_left_to_commit(make_trial: Callable[[], Trial]) -> None:
    trial = make_trial()
    try:
        await _reading(trial)
        assert not await trial.app.consumer._thread.commit({TP(trial.topic, 99): 5})
        assert trial.app.crashed is not trial.ours
    finally:
        await trial.stop()


@pytest.mark.parametrize("transport", ["ours"], indirect=True)
async def test_a_partition_is_read_again_in_the_thread_that_fetches(make_trial: Callable[[], Trial]) -> None:
    trial, threads = make_trial(), set[int]()
    try:
        seen = await _reading(trial)
        consumer = trial.app.consumer
        fetching = consumer._thread._ensure_consumer()
        seek = fetching.seek

        def noted(*args: Any) -> None:
            threads.add(threading.get_ident())
            seek(*args)

        fetching.seek = noted
        await consumer.read_again(TP(trial.topic, 0), 15)
        await until(lambda: len(seen) == RECORDS + 5)
        assert seen[RECORDS:] == [b"%d" % number for number in range(15, RECORDS)]
        assert threads
        assert threading.get_ident() not in threads, "it would pull the rug from under a fetch that is handed over"
    finally:
        await trial.stop()


@pytest.mark.parametrize("transport", ["ours"], indirect=True)
async def test_a_partition_that_has_gone_has_no_end(make_trial: Callable[[], Trial]) -> None:
    trial = make_trial()
    try:
        await _reading(trial)
        assert trial.app.consumer.end_offset(TP(trial.topic, 0)) == RECORDS
        assert trial.app.consumer.end_offset(TP(trial.topic, 99)) is None
    finally:
        await trial.stop()


async def test_only_stock_faust_stops_to_fetch_when_a_queue_is_full(make_trial: Callable[..., Trial]) -> None:
    trial, seen = make_trial(stream_buffer_maxsize=1, broker_max_poll_records=1), list[Any]()

    async def slow(stream: Any) -> None:
        async for value in stream:
            seen.append(value)
            await asyncio.Event().wait()

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(slow)
    await trial.app.start()
    try:
        await until(lambda: bool(seen))
        if trial.ours:
            await asyncio.sleep(SOME_COMMITS_SECONDS)
            assert trial.app.consumer._buffered_partitions == set()
        else:
            # Nothing is left to fetch from, and it sleeps for a second each time it finds that out.
            await until(lambda: not trial.app.consumer._get_active_partitions())
    finally:
        await trial.stop()


async def test_only_stock_faust_crashes_at_a_partition_without_a_position(
    make_trial: Callable[[], Trial],
) -> None:
    trial, seen = make_trial(), list[Any]()

    async def see(stream: Any) -> None:
        async for value in stream:
            seen.append(value)

    trial.app.agent(trial.channel, name=f"t.{trial.topic}")(see)
    await trial.app.start()
    try:
        await until(lambda: bool(seen))
        consumer = trial.app.consumer
        fetching = consumer._thread._ensure_consumer()._fetcher._subscriptions.subscription.assignment
        state = fetching.state_value(TopicPartition(trial.topic, 0))
        # As between an assignment and the answer of the broker that says where to go on; nobody else runs meanwhile.
        position, state._position = state._position, None
        try:
            now, tp = time.monotonic(), TP(trial.topic, 0)
            with nullcontext() if trial.ours else pytest.raises(AssertionError):
                consumer.verify_event_path(now, tp)
            # But nobody would read a partition that never gets one.
            with pytest.raises(AssertionError):
                consumer.verify_event_path(now + POSITION_SECONDS + 1, tp)
        finally:
            state._position = position
    finally:
        await trial.stop()
