"""What stock Faust loses or doubles beyond its offsets: sends, changelogs, counters, timers, windows."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from faust.windows import HoppingWindow
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from schemas.topics import Topics
from streams.worker.app import Worker
from streams.worker.outbox import SendFailed
from tests.servers.plugin import Broker, MakeTopic
from tests.streams.worker.alarms import BOOK as ALARMS
from tests.streams.worker.alarms import contact, now_ms, raised
from tests.streams.worker.harness import (
    PARTITIONS,
    PATIENCE_SECONDS,
    SESSION_SECONDS,
    Surroundings,
    some_events,
    until,
)
from tests.streams.worker.stock import Trial, an_app

ROOT = Path(__file__).parents[3]
RECORDS = 20
TOO_SMALL = {"max.message.bytes": "300"}


def make(broker: Broker, name: str, partitions: int, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    finally:
        admin.close()


@pytest.fixture
def stock(kafka: Broker, make_topic: MakeTopic, unique: Callable[[str], str]) -> Trial:
    trial = Trial(kafka, make_topic(kafka, "stock"), unique("group"), "stock")
    trial.publish(range(RECORDS))
    # Without a commit Faust loses what it has fetched before its tables are there: no test here is about that.
    trial.done_before(1)
    return trial


@pytest.fixture
def around(kafka: Broker, unique: Callable[[str], str], tmp_path: Path) -> Surroundings:
    return Surroundings(kafka, Topics(unique("t") + "-"), tmp_path)


pytestmark = [pytest.mark.kafka, pytest.mark.server]


async def test_stock_faust_commits_what_it_could_not_send(stock: Trial, unique: Callable[[str], str]) -> None:
    nowhere = stock.app.topic(unique("missing"), value_serializer="raw")
    sent: list[Any] = []

    async def forward(stream: Any) -> None:
        async for event in stream.events():
            sent.append(nowhere.send_soon(value=event.value))

    stock.app.agent(stock.channel, name=f"t.{stock.topic}")(forward)
    await stock.app.start()
    try:
        await until(lambda: stock.committed() == RECORDS)
        assert not any(future.done() for future in sent), "nothing has been sent, and all of it is committed"
    finally:
        await stock.stop()


async def test_a_worker_commits_nothing_whose_facts_it_could_not_send(around: Surroundings) -> None:
    make(around.broker, around.topics.facts, PARTITIONS, **TOO_SMALL)
    around.make()
    around.publish(some_events(20))
    with pytest.raises(SendFailed, match=around.topics.facts):
        await around.drain()
    assert around.committed() == {}


async def test_stock_faust_commits_what_its_changelog_did_not_get(stock: Trial) -> None:
    make(stock.broker, f"{stock.group}-t-changelog", 1, **TOO_SMALL)
    table = stock.app.Table("t", default=str, partitions=1)

    async def keep(stream: Any) -> None:
        async for event in stream.events():
            table[str(event.value)] = "x" * 1_000

    stock.app.agent(stock.channel, name=f"t.{stock.topic}")(keep)
    await stock.app.start()
    try:
        await until(lambda: stock.committed() == RECORDS)
    finally:
        await stock.stop()
    around = Surroundings(stock.broker, Topics(), Path())
    assert around._values(f"{stock.group}-t-changelog", partitions=1) == []


async def test_a_worker_commits_nothing_that_its_changelog_did_not_get(around: Surroundings) -> None:
    make(around.broker, around.topics.conversation_state, PARTITIONS, **TOO_SMALL)
    around.make()
    around.publish(some_events(20))
    with pytest.raises(SendFailed, match=around.topics.conversation_state):
        await around.drain()
    assert around.committed() == {}


def test_a_stock_counter_counts_twice_what_was_not_committed_before_a_crash(stock: Trial) -> None:
    make(stock.broker, f"{stock.group}-counts-changelog", 1)
    command = [sys.executable, "-m", "tests.streams.worker.stock", stock.broker.address, stock.topic, stock.group]

    def counted() -> int:
        done = subprocess.run([*command, str(RECORDS)], cwd=ROOT, capture_output=True, timeout=90, check=False)
        assert done.returncode == 9, done.stderr.decode()
        return int(done.stdout)

    counted()
    # How many it is hangs on more than one trap: records are also read twice while tables are put to their places.
    assert counted() > RECORDS + 1


async def tick(runs: list[float]) -> None:
    runs.append(time.monotonic())


async def test_a_stock_timer_runs_on_every_worker(stock: Trial) -> None:
    fired: list[list[float]] = [[], []]
    trials = [stock, Trial(stock.broker, stock.topic, stock.group, "stock")]
    for trial, runs in zip(trials, fired, strict=True):

        async def idle(stream: Any) -> None:
            async for _ in stream:
                pass

        trial.app.agent(trial.channel, name=f"t.{trial.topic}")(idle)
        trial.app.timer(0.2)(partial(tick, runs))
    try:
        for trial in trials:
            await trial.app.start()
        # The topic has one partition, so one of them has nothing to do.
        await until(lambda: all(len(runs) > 2 for runs in fired))
    finally:
        for trial in trials:
            await trial.stop()


async def test_of_two_workers_one_raises_a_breach(around: Surroundings) -> None:
    around.make()
    stops = [asyncio.Event(), asyncio.Event()]
    workers = [Worker(around.config(drain=False, policies=ALARMS)) for _ in stops]
    running = [asyncio.ensure_future(worker.run(stop)) for worker, stop in zip(workers, stops, strict=True)]
    try:
        await until(lambda: sum(len(worker._interactions.partitions) for worker in workers) == PARTITIONS)
        await until(lambda: all(worker._interactions.partitions for worker in workers))
        names = [f"c{n}" for n in range(12)]
        await asyncio.to_thread(around.publish, [contact(name, now_ms()) for name in names])
        await until(lambda: all(raised(around).of(name) == ["warning", "breach"] for name in names))
        assert set(raised(around).times.values()) == {1}
    finally:
        for stop, run in zip(stops, running, strict=True):
            stop.set()
            await asyncio.wait_for(run, PATIENCE_SECONDS)
            await asyncio.sleep(SESSION_SECONDS)


async def test_only_a_stock_table_keeps_the_state_of_partitions_that_went(
    tansu: Broker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    app = an_app(tansu.address, unique("group"))
    store = app.Table("t", partitions=2).data
    store["of partition 0"] = "written by an agent"
    await store.on_recovery_completed({TP("t-changelog", 1)}, set())
    assert dict(store.items()) == {"of partition 0": "written by an agent"}


async def test_a_worker_forgets_partitions_that_went_and_reads_those_that_came_back(
    tansu: Broker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    around = Surroundings(tansu, Topics(unique("t") + "-"), tmp_path)
    around.make()
    stage = Worker(around.config())._interactions
    stage.take_over({0, 1}, generation=1)
    await stage.recovered()
    before = dict(stage._partitions)
    stage.take_over({0}, generation=2)
    assert stage.partitions == {0}
    stage.take_over({0, 1}, generation=3)
    await stage.recovered()
    assert stage._partitions[0] is before[0], "it was never anybody else's"
    assert stage._partitions[1].store is not before[1].store, "somebody else may have had it in between"
    assert stage._partitions[1].owner != before[1].owner
    # Left out of a round of the group altogether, which somebody else may have been in.
    stage.take_over({0, 1}, generation=5)
    await stage.recovered()
    assert stage._partitions[0] is not before[0]


def test_a_stock_hopping_window_writes_its_size_over_its_step_times() -> None:
    assert len(HoppingWindow(3_600, 5).ranges(1_770_000_000.0)) == 720
