"""Our worker in stages: a topic is filled, the worker works through it and reports, the next stage is put behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import runs, traffic
from bench.brokers import Broker
from bench.contestants.meter import Clock, Job
from bench.runs import Run
from bench.topics import RunTopics


def job(there: Broker, prefix: str, stages: Sequence[int], scratch: Path, clock: Clock | None = None) -> Job:
    """A worker's job on topics of its own, which are made."""
    topics = RunTopics(prefix, f"{prefix}interactions")
    there.make(topics)
    folder = scratch / f"{prefix}{len(list(scratch.glob(f'{prefix}*')))}"
    return Job(
        kafka=there.address,
        topic=topics.interactions,
        run=prefix,
        stages=tuple(stages),
        clock=clock,
        policies=str(traffic.POLICIES),
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
    )


@contextmanager
def worker(given: Job) -> Iterator[Run]:
    """The worker, at work."""
    with runs.running("worker", given) as run:
        yield run
