"""How long processing stops when a second worker joins, leaves or dies, under steady traffic.

Seen from outside: the longest silence of any partition of `metric-facts`, whose records lie in the partition of the
events that caused them.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from kafka import KafkaConsumer

from bench import live, runs
from bench.brokers import PARTITIONS, broker
from bench.report import Report, count

#: A worker's session timeout here; after a crash the group waits for it.
SESSION_SECONDS = 6.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second [default: %(default)s]")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds watched after each [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    settle = 3.0 if options.tiny else options.settle
    rate = 300.0 if options.tiny else options.rate
    happened: dict[str, tuple[float, float]] = {}
    with broker(options.broker, options.scratch / "broker") as there:
        there.make(live.TOPICS)
        folder = options.scratch
        # Ended when all is seen.
        seconds = 12 * settle
        with (
            runs.running("worker", live.job(there, folder / "first")) as first,
            live.publishing(there, folder / "publisher", rate, seconds) as publisher,
            _Watch(there.address) as watch,
        ):
            watch.until_all(timeout_seconds=60)
            happened["steady"] = _watched(settle)
            with runs.running("worker", live.job(there, folder / "second")) as second:
                happened["joins"] = _watched(settle)
                second.ask_to_end()
                happened["leaves"] = _watched(settle)
            with runs.running("worker", live.job(there, folder / "third")) as third:
                _watched(settle)
                third.process.kill()
                happened["dies"] = _watched(settle)
            arrivals = watch.arrivals
            publisher.process.kill()
            first.ask_to_end()
        versions = there.versions
    silences = {name: longest_silence(arrivals, *between) for name, between in happened.items()}
    figures = {
        **{f"{name}_seconds": round(value, 3) for name, value in silences.items()},
        "events_per_second": rate,
        "events": sum(map(len, arrivals.values())),
        "session_timeout_seconds": SESSION_SECONDS,
        "broker": options.broker,
    }
    labels = {
        "steady": "nothing happens",
        "joins": "a second worker joins",
        "leaves": "it leaves (SIGTERM)",
        "dies": f"one dies (kill -9; session timeout {SESSION_SECONDS:g} s)",
    }
    rows = [(labels[name], count(value, 2)) for name, value in silences.items()]
    headers = ("", "longest silence of a partition, seconds")
    return Report("rebalance", figures, headers, rows, versions, tiny=options.tiny)


def longest_silence(arrivals: Mapping[int, Sequence[float]], begin: float, end: float) -> float:
    """The longest stretch within [begin, end] in which some partition brought nothing, in seconds."""
    longest = 0.0
    for number in range(PARTITIONS):
        inside = [at for at in arrivals.get(number, ()) if begin <= at <= end]
        edges = [begin, *inside, end]
        longest = max(longest, *(later - earlier for earlier, later in pairwise(edges)))
    return longest


def _watched(seconds: float) -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


class _Watch:
    """Reads `metric-facts` in a thread and remembers when a partition brought something."""

    def __init__(self, address: str) -> None:
        self.arrivals: dict[int, list[float]] = defaultdict(list)
        self._consumer = KafkaConsumer(
            live.TOPICS.facts, bootstrap_servers=address, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="watch")

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def until_all(self, timeout_seconds: float) -> None:
        """Until every partition has brought something."""
        deadline = time.monotonic() + timeout_seconds
        while len(self.arrivals) < PARTITIONS:
            if time.monotonic() > deadline:
                raise runs.ContestantFailed(f"facts came in {len(self.arrivals)} of {PARTITIONS} partitions only")
            time.sleep(0.1)

    def _read(self) -> None:
        while not self._stop.is_set():
            for partition in self._consumer.poll(timeout_ms=100):
                self.arrivals[partition.partition].append(time.monotonic())
