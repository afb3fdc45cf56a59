"""Event published → its fact readable in ClickHouse, and → the window that counts it in /metrics.

An event happens at the moment at which it is published, so the end of the fact it causes is when it was published.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from bench import live, rates, runs
from bench.brokers import Broker, broker
from bench.report import Report, count
from schemas import times
from schemas.times import EpochMs
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.prometheus import catalogue
from sinks.prometheus.pipeline import SinkMetrics
from sinks.prometheus.server import MetricsServer
from sinks.prometheus.windows import WindowGauges
from sinks.service import SinkConfig, SinkService

#: Never revised where nothing arrives late, so that counts only grow.
_METRICS = ("first_response", "next_response", "first_response_any")
_LOOK_SECONDS = {"facts": 0.05, "windows": 0.25}
_LOOK_BACK_MS = 30_000
#: What is on its way when the publisher ends.
_AFTER_SECONDS = 12.0
_SAMPLE = re.compile(rf"^{catalogue.WINDOW_FACTS.name}{{(.*)}} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Series = tuple[str, str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long [default: %(default)s]")
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds not measured [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    if options.tiny:
        options.rate, options.seconds, options.warm_up = 200.0, 6.0, 2.0
    with broker(options.broker, options.scratch / "broker") as there:
        there.make(live.TOPICS)
        with runs.running("worker", live.job(there, options.scratch / "worker")) as worker:
            facts, windows = asyncio.run(_watch(there, options))
            worker.ask_to_end()
        version = there.versions
    figures: dict[str, Any] = {}
    rows = []
    for name, label, found in (
        ("fact", "event published → fact readable in ClickHouse", facts),
        ("window", "event published → window refreshed in /metrics", windows),
    ):
        p50, p99 = rates.quantile(found, 0.5), rates.quantile(found, 0.99)
        figures |= {f"{name}_p50_seconds": p50, f"{name}_p99_seconds": p99, f"{name}s_measured": len(found)}
        rows.append((label, count(p50, 2), count(p99, 2), count(max(found, default=None), 2), count(len(found))))
    figures |= {
        "events_per_second": options.rate,
        "events": int(options.rate * options.seconds),
        "broker": options.broker,
    }
    headers = ("seconds", "p50", "p99", "max", "facts")
    notes = ("Looked for every 50 ms (facts) and 250 ms (windows), which is in the figures.",)
    return Report("latency", figures, headers, rows, version, notes, options.tiny)


async def _watch(there: Broker, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    path: Path = options.scratch / "clickhouse"
    database, reader = EmbeddedDatabase(path), EmbeddedDatabase(path)
    migrate(database, now_ms=0)
    registry = CollectorRegistry()
    stats = SinkMetrics(registry, WindowGauges(registry))
    config = SinkConfig(there.address, "live-sink", live.TOPICS, session_timeout_ms=6_000)
    sink = SinkService(config, database, clock=times.now_ms, stats=stats)
    metrics = MetricsServer(registry)
    metrics.start()
    await sink.start()
    facts, polls = FactWatch(), []
    # Both have joined their groups by the time the publisher has its events ready; the warm-up covers the rest.
    with live.publishing(there, options.scratch / "publisher", options.rate, options.seconds) as publisher:
        stop = asyncio.Event()
        watching = [
            asyncio.create_task(_repeat(stop, _LOOK_SECONDS["facts"], lambda: facts.look(reader))),
            asyncio.create_task(
                _repeat(stop, _LOOK_SECONDS["windows"], lambda: polls.append(_look_at_windows(metrics.port)))
            ),
        ]
        published = await asyncio.to_thread(publisher.told, 1, options.seconds + 120)
        await asyncio.sleep(_AFTER_SECONDS)
        stop.set()
        await asyncio.gather(*watching)
    began_ms = times.now_ms() - (time.monotonic_ns() - published.marks[0].at_ns) // 1_000_000
    since_ms = began_ms + int(options.warm_up * 1000)
    ended = _ended(reader)
    await sink.stop()
    metrics.stop()
    for each in (reader, database):
        each.close()
    return facts.latencies(since_ms), window_latencies(polls, ended, since_ms)


async def _repeat(stop: asyncio.Event, seconds: float, look: Callable[[], object]) -> None:
    while not stop.is_set():
        await asyncio.to_thread(look)
        await asyncio.sleep(seconds)


class FactWatch:
    """Looks which facts have become readable since it last looked."""

    def __init__(self) -> None:
        self._seen: Counter[EpochMs] = Counter()
        self._found: list[tuple[EpochMs, EpochMs, int]] = []

    def look(self, reader: EmbeddedDatabase) -> None:
        """Ask ClickHouse; what is new was not there when it was asked before."""
        since_ms = times.now_ms() - _LOOK_BACK_MS
        answer = reader.query(
            "SELECT toUnixTimestamp64Milli(ended_at) AS ended_ms, count() FROM metric_facts "
            "WHERE metric IN ('first_response', 'next_response', 'first_response_any') "
            # Later versions are no news: a conversation that turns out to be spam takes back what was read long ago.
            "AND revision = 1 AND ended_at > fromUnixTimestamp64Milli({since_ms:Int64}) GROUP BY ended_ms",
            {"since_ms": since_ms},
        )
        now_ms = times.now_ms()
        for ended_ms, facts in answer.rows:
            more = facts - self._seen[ended_ms]
            if more > 0:
                self._seen[ended_ms] = facts
                self._found.append((ended_ms, now_ms, more))

    def latencies(self, since_ms: EpochMs) -> list[float]:
        """Seconds, one per fact whose event was published since then."""
        return [
            (at_ms - ended_ms) / 1000
            for ended_ms, at_ms, facts in self._found
            if ended_ms >= since_ms
            for _ in range(facts)
        ]


def window_latencies(
    polls: Iterable[tuple[EpochMs, Mapping[Series, int]]],
    ended: Mapping[Series, Sequence[EpochMs]],
    since_ms: EpochMs,
) -> list[float]:
    """Seconds from the end of a fact to the first poll whose window counts it; facts in the order of their ends.

    `polls`: when, and how many facts the window of 24 hours held. Facts that ended before `since_ms` are left out.
    """
    counted: dict[Series, int] = defaultdict(int)
    found = []
    for at_ms, windows in polls:
        for series, facts in windows.items():
            new = ended.get(series, ())[counted[series] : facts]
            found += [(at_ms - ended_ms) / 1000 for ended_ms in new if ended_ms >= since_ms]
            counted[series] = max(counted[series], facts)
    return found


def _look_at_windows(port: int) -> tuple[EpochMs, dict[Series, int]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return times.now_ms(), windows_of(text)


def windows_of(text: str) -> dict[Series, int]:
    """How many facts the windows of 24 hours over everything hold, from the text of /metrics."""
    found = {}
    for labels, facts in _SAMPLE.findall(text):
        said = dict(_LABEL.findall(labels))
        if said["dimension"] == "all" and said["window"] == "24h" and said["metric"] in _METRICS:
            found[said["tenant"], said["metric"]] = int(float(facts))
    return found


def _ended(reader: EmbeddedDatabase) -> dict[Series, list[EpochMs]]:
    answer = reader.query(
        "SELECT tenant, metric, toUnixTimestamp64Milli(ended_at) AS ended_ms FROM metric_facts FINAL "
        "WHERE value_ms IS NOT NULL AND NOT retracted ORDER BY ended_ms"
    )
    found: dict[Series, list[EpochMs]] = defaultdict(list)
    for tenant, metric, ended_ms in answer.rows:
        found[tenant, metric].append(ended_ms)
    return found
