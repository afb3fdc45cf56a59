"""Lanes: one job after the other, and no lane that ends without a word."""

from __future__ import annotations

import asyncio

import pytest

from streams.worker.lanes import Job, LaneCancelled, Lanes


class Watched:
    """Lanes, and what became of them."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.lanes = Lanes(self.failures.append)
        self.done: list[str] = []

    def job(self, name: str, *, after: asyncio.Future[None] | None = None) -> Job:
        async def work() -> None:
            if after is not None:
                await after
            self.done.append(name)

        return work


async def test_a_lane_does_one_thing_after_the_other_and_waits_for_no_other_lane() -> None:
    watched, gate = Watched(), asyncio.get_running_loop().create_future()
    await watched.lanes.put(0, watched.job("first", after=gate))
    await watched.lanes.put(0, watched.job("second"))
    await watched.lanes.put(1, watched.job("other"))
    await asyncio.sleep(0.01)
    assert watched.done == ["other"]
    gate.set_result(None)
    await asyncio.sleep(0.01)
    assert watched.done == ["other", "first", "second"]
    await watched.lanes.stop()
    assert watched.failures == []


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_nothing_is_started_behind_a_job_that_did_not_end_well(how: str) -> None:
    watched, gate = Watched(), asyncio.get_running_loop().create_future()
    await watched.lanes.put(0, watched.job("first", after=gate))
    await watched.lanes.put(0, watched.job("second"))
    await asyncio.sleep(0.01)
    if how == "fails":
        gate.set_exception(ValueError("what it was"))
    else:
        gate.cancel()
    await asyncio.sleep(0.01)
    assert [type(failure) for failure in watched.failures] == [ValueError if how == "fails" else LaneCancelled]
    assert watched.done == []
    await watched.lanes.stop()


async def test_who_stops_its_lanes_hears_of_no_failure() -> None:
    watched = Watched()
    await watched.lanes.put(0, watched.job("first", after=asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0.01)
    await watched.lanes.stop()
    assert watched.failures == []
    assert watched.done == []
