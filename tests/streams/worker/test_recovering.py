"""While a worker reads its state: a rebalance, a broker that fails, and what is said of it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any
from urllib.request import urlopen

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.worker import changelog
from streams.worker.app import Worker
from supportpulse import processes
from tests.streams.worker.harness import PARTITIONS, PATIENCE_SECONDS, Surroundings, expected, some_events, until


async def test_a_rebalance_while_chunks_wait_for_their_state_loses_nobody(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, recover = asyncio.Event(), changelog.recover

    async def slow(*where: Any) -> Any:
        await gate.wait()
        return await recover(*where)

    monkeypatch.setattr(changelog, "recover", slow)
    around.publish(told := some_events(40))
    stops = [asyncio.Event(), asyncio.Event()]
    workers = [Worker(around.config(drain=False)) for _ in stops]
    running = [asyncio.ensure_future(workers[0].run(stops[0]))]
    await until(lambda: len(workers[0]._lanes._busy) == PARTITIONS)
    assert workers[0].health() == (False, f"reading the state of {PARTITIONS} partitions")
    running.append(asyncio.ensure_future(workers[1].run(stops[1])))
    await until(lambda: all(worker._has_assignment.is_set() for worker in workers))
    gate.set()

    def applied(number: int) -> int:
        return max(worker._interactions.applied(number) for worker in workers)

    await until(lambda: all(applied(number) >= end for number, end in around.ends.items()))
    assert all(worker.health() == (True, "working") for worker in workers)
    for stop, run in zip(stops, running, strict=True):
        stop.set()
        await asyncio.wait_for(run, PATIENCE_SECONDS)
    await around.drain()
    assert around.holding() == expected(told)


async def test_a_broker_that_fails_a_recovery_ends_the_worker_without_waiting_for_an_event(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_where: Any) -> Any:
        raise KafkaConnectionError("away")

    monkeypatch.setattr(changelog, "recover", fail)
    worker = Worker(around.config(drain=False))
    assert worker.health() == (False, "joining the group")
    with pytest.raises(KafkaConnectionError, match="away"):
        await asyncio.wait_for(worker.run(asyncio.Event()), PATIENCE_SECONDS)


async def test_fausts_own_pages_are_served_where_somebody_asks_for_them(around: Surroundings) -> None:
    port, stop = processes.free_port(), asyncio.Event()
    worker = Worker(dataclasses.replace(around.config(drain=False), web_port=port))
    running = asyncio.ensure_future(worker.run(stop))
    await until(lambda: worker.health()[0])
    with await asyncio.to_thread(urlopen, f"http://127.0.0.1:{port}/", timeout=5) as answer:
        assert answer.status == 200
    stop.set()
    await asyncio.wait_for(running, PATIENCE_SECONDS)
