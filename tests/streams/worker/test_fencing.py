"""Whoever lost a partition between two steps of a chunk stops there, and what it wrote already does no harm."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterable

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP
from structlog.testing import capture_logs

from schemas import wire
from schemas.records import InteractionEvent
from schemas.topics import record_key
from streams.partition.store import Store
from streams.worker.app import FaustCrashed, Worker
from streams.worker.changelog import recover
from streams.worker.chunks import Chunk
from streams.worker.interactions import InteractionsStage
from streams.worker.outbox import Outbox
from streams.worker.ownership import Ownership
from streams.worker.stats import SilentStats
from streams.worker.unbroken import Unbroken
from tests.streams.strategies import BOOK
from tests.streams.worker.harness import PATIENCE_SECONDS, SESSION_SECONDS, TOLD, Surroundings, until


class Losing(Ownership):
    """Holds the partition so many times that it is asked, and then no more."""

    def __init__(self, times: int) -> None:
        self._left = times

    @property
    def generation(self) -> int:
        return 1

    def holds(self, tp: TP, generation: int) -> bool:
        self._left -= 1
        return self._left >= 0


@pytest.fixture
async def outbox(around: Surroundings) -> AsyncIterator[Outbox]:
    opened = Outbox(around.broker.address)
    await opened.start()
    yield opened
    await opened.stop()


def fetched(topic: str, events: Iterable[InteractionEvent]) -> list[ConsumerRecord]:
    return [
        ConsumerRecord(
            topic=topic,
            partition=0,
            offset=offset,
            timestamp=event.occurred_at,
            timestamp_type=0,
            key=record_key(event.tenant, event.conversation_id),
            value=wire.encode_event(event),
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            headers=(),
        )
        for offset, event in enumerate(events)
    ]


def a_stage(around: Surroundings, outbox: Outbox, losing: Losing) -> InteractionsStage:
    """One that has no Faust, so it cannot send a partition back."""
    unbroken = Unbroken(None, losing)
    return InteractionsStage(
        around.config(), outbox, losing, unbroken, SilentStats(), lambda: 0, lambda tp, offset, at_ms: None
    )


@pytest.mark.parametrize(
    ("times", "sent", "written"),
    [(0, False, False), (1, True, False), (2, True, True)],
    ids=["before anything", "before the changelog", "before it counts"],
)
async def test_a_partition_that_is_lost_in_between_ends_the_chunk_there(
    around: Surroundings, outbox: Outbox, times: int, sent: bool, written: bool
) -> None:
    stage, tp = a_stage(around, outbox, Losing(times)), TP(around.topics.interactions, 0)
    stage.take_over({0}, generation=1)
    await stage.recovered()
    chunk = Chunk(0, len(TOLD), fetched(tp.topic, TOLD))
    assert not await stage.handle(tp, chunk, generation=1), "nothing of it may be committed"
    assert stage.applied(0) == -1
    assert bool(around.versions()) is sent
    store = Store(BOOK)
    await recover(around.broker.address, around.topics.conversation_state, 0, store)
    assert (store.applied == len(TOLD) - 1) is written


async def test_what_was_fetched_for_an_earlier_assignment_sends_no_partition_back(
    around: Surroundings, outbox: Outbox
) -> None:
    stage, tp = a_stage(around, outbox, Losing(0)), TP(around.topics.interactions, 0)
    stage.take_over({0}, generation=1)
    await stage.recovered()
    assert not await stage.handle(tp, Chunk(7, 7 + len(TOLD), fetched(tp.topic, TOLD)), generation=0)


async def test_a_faust_that_crashed_ends_the_worker(around: Surroundings) -> None:
    worker = Worker(around.config(drain=False))
    running = asyncio.ensure_future(worker.run(asyncio.Event()))
    await asyncio.wait_for(worker._has_assignment.wait(), PATIENCE_SECONDS)
    # What Faust does with an error in one of its services: it notes it, and stays.
    await worker._app.crash(RuntimeError("a service of Faust's"))
    with pytest.raises(FaustCrashed, match="a service of Faust's"):
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_a_worker_that_stood_still_sends_no_windows_of_partitions_that_others_may_have(
    around: Surroundings,
) -> None:
    stop = asyncio.Event()
    worker = Worker(dataclasses.replace(around.config(drain=False), refresh_seconds=1.0))
    refresh = worker._windows.refresh
    with capture_logs() as logs:

        async def noted(now_ms: int) -> None:
            logs.append({"event": "refreshed"})
            await refresh(now_ms)

        def told() -> list[str]:
            return [line["event"] for line in logs if "refreshed" in line["event"]]

        worker._windows.refresh = noted  # type: ignore[method-assign]
        running = asyncio.ensure_future(worker.run(stop))
        await until(lambda: bool(told()))
        logs.clear()
        # The loop stands still, as in a process that was frozen, until the refresh is overdue.
        time.sleep(1.0 + SESSION_SECONDS)
        await until(lambda: bool(told()))
        assert told()[0] == "windows not refreshed: this worker stood still", "first it has to know what it owns"
    stop.set()
    await asyncio.wait_for(running, PATIENCE_SECONDS)
