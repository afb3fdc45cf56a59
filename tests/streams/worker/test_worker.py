"""A worker on real brokers: what it sends adds up to the replay, whatever happens to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas import wire
from schemas.registry import MARKER
from schemas.times import EpochMs
from streams.sla.policies import PolicyBook, Subject
from streams.sla.policy import Policy
from streams.worker.app import SharedGroup, Worker
from tests.streams.stories import story
from tests.streams.strategies import BOOK
from tests.streams.worker.harness import (
    PATIENCE_SECONDS,
    SESSION_SECONDS,
    Counting,
    Surroundings,
    expected,
    some_events,
    until,
)


async def test_facts_equal_the_replay_and_a_restart_sends_none_of_them_again(around: Surroundings) -> None:
    told = some_events(60)
    around.publish(told)
    counts = await around.drain()
    assert around.holding() == expected(told)
    assert counts["accepted"] + counts["late"] + counts["duplicate"] == len(told)
    assert around.committed() == {partition: end + 1 for partition, end in around.ends.items()}

    sent = len(around.versions())
    assert await around.drain() == {}, "it resumes from what was committed"
    assert len(around.versions()) == sent

    more = some_events(20, seed=2) + told[:50]
    around.publish(more)
    counts = await around.drain()
    assert counts["duplicate"] >= 50, "it knows what came before the restart"
    assert around.holding() == expected(told + more)


async def test_records_that_cannot_be_used_are_parked_and_the_rest_goes_on(around: Surroundings) -> None:
    told = some_events(10)
    future = MARKER + b"\x01\x02\x03\x04\x05\x06\x07\x08" + wire.encode_event(told[0])[10:]
    bad = {b"\x00\xff garbage": "malformed", future: "unknown_schema", b"": "malformed"}
    around.publish(told[:30])
    around.publish_raw([(b"acme/bad", value) for value in bad], partition=1)
    around.publish(told[30:])
    counts = await around.drain()
    assert counts["refused"] == len(bad)
    letters = around.dead_letters()
    assert {letter.original: letter.reason for letter in letters} == bad
    assert all(letter.key == b"acme/bad" for letter in letters)
    assert all(letter.origin.startswith(f"{around.topics.interactions}/1/") for letter in letters)
    assert around.holding() == expected(told)


class Boom(Exception):
    pass


class Mined(PolicyBook):
    """The same policies, and one tenant that blows up."""

    def __getitem__(self, number: int) -> Policy:
        return BOOK[number]

    def match(self, at_ms: EpochMs, subject: tuple[str, str, str | None, str | None]) -> int:
        if subject[0] == "mine":
            raise Boom
        return BOOK.match(at_ms, Subject(*subject))


async def test_an_exception_ends_the_worker_and_nothing_is_committed_behind_it(around: Surroundings) -> None:
    told = some_events(10)
    around.publish(told)
    await around.drain(Mined(BOOK.versions))
    before, sent = around.committed(), len(around.versions())

    mine = story("09:00 customer message", tenant="mine")
    around.publish(mine)
    (where,) = (partition for partition, end in around.ends.items() if end + 1 != before[partition])
    more = some_events(10, seed=2)
    around.publish(more)
    assert around.ends[where] > before[where], "there is something behind the mine"
    with pytest.raises(Boom):
        await around.drain(Mined(BOOK.versions))
    assert around.committed()[where] == before[where]
    assert all(fact.tenant == "acme" for fact in around.versions()[sent:])

    await around.drain()
    assert around.holding() == expected([*told, *mine, *more])
    assert around.committed() == {partition: end + 1 for partition, end in around.ends.items()}


async def test_killed_in_the_middle_its_successor_ends_where_the_replay_does(
    around: Surroundings, tmp_path: Path
) -> None:
    told = some_events(40)
    around.publish(told)
    command = [sys.executable, "-m", "tests.streams.worker.child", around.broker.address, around.topics.prefix]
    with (tmp_path / "child.log").open("wb") as log:
        child = subprocess.Popen([*command, str(tmp_path / "child")], stdout=log, stderr=log)
    try:
        await until(lambda: bool(around.versions()) or child.poll() is not None)
        assert child.poll() is None, (tmp_path / "child.log").read_text()
        # It is slow: this takes it seconds, which it does not get.
        more = some_events(150, seed=2)
        around.publish(more)
        await asyncio.sleep(0.3)
    finally:
        child.kill()
        child.wait()
    counts = await around.drain()
    assert counts, "it was killed in the middle: some of it was still to be done"
    assert around.holding() == expected(told + more)


@asynccontextmanager
async def working(first: Worker) -> AsyncIterator[Callable[[Worker], None]]:
    """Run it, and those it is told to start, until the end of the block; fail if one of them does."""
    running: list[tuple[asyncio.Event, asyncio.Future[None]]] = []

    def start(worker: Worker) -> None:
        stop = asyncio.Event()
        running.append((stop, asyncio.ensure_future(worker.run(stop))))

    start(first)
    try:
        yield start
    finally:
        for position, (stop, run) in enumerate(running):
            if position:
                # If all members of a group leave at once, Tansu waits for their leader for ever: those who stay get
                # the time to find out.
                await asyncio.sleep(2 * SESSION_SECONDS)
            stop.set()
            await asyncio.wait_for(run, PATIENCE_SECONDS)


async def test_two_workers_share_the_partitions_and_add_up(around: Surroundings) -> None:
    stats = (Counting(), Counting())
    told = some_events(30)
    around.publish(told)
    async with working(Worker(around.config(drain=False), stats[0])) as start:
        await until(lambda: sum(stats[0].counts.values()) >= len(told))
        start(Worker(around.config(drain=False), stats[1]))
        # Until the second one has partitions of its own, and gets something from them.
        for seed in range(2, 60):
            more = some_events(5, seed)
            await asyncio.to_thread(around.publish, more)
            told += more
            await asyncio.sleep(0.5)
            if stats[1].counts:
                break
        alone = sum(stats[0].counts.values())
        more = some_events(30, seed=99) + told[:60]
        await asyncio.to_thread(around.publish, more)
        told += more
        await until(lambda: all(around.committed().get(p, 0) > end for p, end in around.ends.items()))
    assert sum(stats[0].counts.values()) > alone, "the first one still has some"
    assert stats[1].counts
    assert sum((Counter(found.counts) for found in stats), Counter[str]())["duplicate"] >= 60
    # Nobody has judged the open clocks yet; that is all that is missing.
    await around.drain()
    assert around.holding() == expected(told)


async def test_a_drain_that_others_keep_partitions_from_says_so(around: Surroundings) -> None:
    told = some_events(30)
    around.publish(told)
    # Somebody else of the group, who will not leave.
    other = Counting()
    async with working(Worker(around.config(drain=False), other)):
        await until(lambda: sum(other.counts.values()) >= len(told))
        with pytest.raises(SharedGroup, match="other workers of the group"):
            await asyncio.wait_for(Worker(around.config()).run(asyncio.Event()), PATIENCE_SECONDS)
