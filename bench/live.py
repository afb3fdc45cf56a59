"""Steady live traffic through a broker: what `latency` and `rebalance` have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import runs, traffic
from bench.brokers import Broker
from bench.contestants.meter import Job
from bench.runs import Run
from bench.topics import RunTopics

TOPICS = RunTopics("live-", "live-interactions")


def job(there: Broker, folder: Path) -> Job:
    """A worker that works until it is told to end."""
    return Job(
        kafka=there.address,
        topic=TOPICS.interactions,
        run=TOPICS.prefix,
        policies=str(traffic.POLICIES),
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
    )


@contextmanager
def publishing(there: Broker, folder: Path, per_second: float, seconds: float) -> Iterator[Run]:
    """Traffic, for so long."""
    given = Job(
        kafka=there.address,
        topic=TOPICS.interactions,
        run=TOPICS.prefix,
        policies=str(traffic.POLICIES),
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
        per_second=per_second,
        seconds=seconds,
    )
    with runs.running("publisher", given) as run:
        yield run
