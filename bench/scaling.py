"""Two workers over one: the same topic, preloaded, in turns."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from bench import rates, runs, traffic
from bench.brokers import PARTITIONS, Broker, Load, broker
from bench.contestants.meter import Clock, Job
from bench.rates import Stretch
from bench.report import Report, count
from bench.runs import ContestantFailed
from bench.topics import RunTopics

_TOPIC = "interactions"
_LOOK_SECONDS = 0.5
#: As Kafka comes: both are there when partitions are given out. Else the first one gets all of them and begins.
_GATHER_MS = 3_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--events", type=int, default=800_000, help="events in the topic [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=5, help="turns; medians are reported [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    events, repeats = (30_000, 1) if options.tiny else (options.events, options.repeats)
    found: dict[int, list[Stretch]] = {1: [], 2: []}
    with broker(options.broker, options.scratch / "broker", _GATHER_MS) as there:
        there.make(RunTopics("load-", _TOPIC))
        load = there.load(_TOPIC, traffic.simulated(events))
        for turn in range(repeats):
            for workers, stretches in found.items():
                stretches.append(_turn(there, load, workers, turn, options.scratch))
    each = {workers: [stretch.rate for stretch in stretches] for workers, stretches in found.items()}
    one, two = rates.middle(each[1]), rates.middle(each[2])
    over = rates.compared(each[2], each[1])
    rows = [("1 worker", count(one), "1.00"), ("2 workers", count(two), count(over, 2))]
    figures = {
        "one_worker": one,
        "two_workers": two,
        "ratio": over,
        "events": events,
        "broker": options.broker,
        "detail": {str(workers): [round(rate, 1) for rate in found] for workers, found in each.items()},
    }
    headers = ("", "events/s", "× one")
    return Report("scaling", figures, headers, rows, there.versions, tiny=options.tiny)


def _turn(there: Broker, load: Load, workers: int, turn: int, scratch: Path) -> Stretch:
    prefix = f"scaling-{workers}-{turn}-"
    there.make(RunTopics(prefix, _TOPIC))
    jobs = [_job(there, load, prefix, workers, scratch / f"{prefix}{number}") for number in range(workers)]
    if workers == 1:
        with runs.running("worker", jobs[0]) as one:
            _wait(there, load, prefix)
            one.ask_to_end()
            return rates.stretch(one.told(1).marks)
    with runs.running("worker", jobs[0]) as first, runs.running("worker", jobs[1]) as second:
        _wait(there, load, prefix)
        first.ask_to_end()
        second.ask_to_end()
        return rates.together([first.told(1).marks, second.told(1).marks])


def _job(there: Broker, load: Load, prefix: str, workers: int, folder: Path) -> Job:
    return Job(
        kafka=there.address,
        topic=_TOPIC,
        run=prefix,
        # Each sees about its share of the events, and its clock has to come to the same end.
        clock=Clock(load.first_ms, load.last_ms, load.events // workers),
        policies=str(traffic.POLICIES),
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
    )


def _wait(there: Broker, load: Load, prefix: str, timeout_seconds: float = 600.0) -> None:
    """Until the group has committed every event. Looking disturbs nobody: it is one small request."""
    consumer = KafkaConsumer(bootstrap_servers=there.address, group_id=f"{prefix}worker", enable_auto_commit=False)
    partitions = [TopicPartition(_TOPIC, number) for number in range(PARTITIONS)]
    deadline = time.monotonic() + timeout_seconds
    try:
        while sum(consumer.committed(partition) or 0 for partition in partitions) < load.events:
            if time.monotonic() > deadline:
                raise ContestantFailed(f"{prefix}: not all events were committed within {timeout_seconds:g} s")
            time.sleep(_LOOK_SECONDS)
    finally:
        consumer.close()
