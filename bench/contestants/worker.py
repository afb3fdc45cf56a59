"""Our worker, as it is: facts, windows, changelog, commits. Only its topics are the run's own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

from bench.contestants.meter import Job, Meter, job
from bench.topics import RunTopics
from schemas import times
from streams.sla import policy_file
from streams.worker.app import Worker
from streams.worker.config import WorkerConfig
from streams.worker.stats import SilentStats

_LOOK_SECONDS = 0.01


class Tally(SilentStats):
    """Counts what the worker says it has done."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._facts = 0

    def events(self, by_result: Mapping[str, int]) -> None:
        """A chunk is done; its facts are told next, and counted with the next chunk's mark."""
        self._meter.add(sum(by_result.values()), 0)

    def facts(self, by_metric: Mapping[str, int]) -> None:
        """Versions of facts."""
        self._meter.facts += sum(by_metric.values())


async def run(given: Job) -> None:
    """Work until every stage has been reached, its windows included."""
    config = WorkerConfig(
        kafka=given.kafka,
        policies=policy_file.load(Path(given.policies)),
        data_dir=Path(given.data_dir),
        topics=RunTopics(given.run, given.topic),
        group=f"{given.run}worker",
        session_timeout_seconds=6.0,
    )
    meter = Meter(every=1)
    clock = given.clock
    worker = Worker(
        config,
        Tally(meter),
        times.now_ms if clock is None else lambda: clock.now_ms(meter.events),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    running = asyncio.ensure_future(worker.run(stop))
    try:
        for stage in given.stages:
            while not running.done() and (meter.events < stage or worker.windows_are_behind):
                await asyncio.sleep(_LOOK_SECONDS)
            meter.mark()
            meter.tell(given)
        if given.stages:
            stop.set()
        await running
    finally:
        running.cancel()
    if not given.stages:
        meter.tell(given)


if __name__ == "__main__":
    asyncio.run(run(job()))
