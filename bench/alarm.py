"""A silent conversation's deadline → its breach in `sla-alerts`, with many other clocks open.

Contacts come at a steady pace, each of a new conversation, and nobody answers; the target is ten seconds, so ten times
as many of these clocks are open at any time as come in a second. `--open` puts further clocks beside them, whose
deadlines lie weeks away. What a tick costs is measured without a broker, with few and with many clocks open.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from bench import live, rates, runs
from bench.brokers import PARTITIONS, Broker, Loaded, broker, partition_of
from bench.contestants.meter import Job
from bench.report import Report, count
from connectors.producer import EventPublisher, PublisherSettings
from schemas import fast, times, wire
from schemas.records import Channel, InteractionEvent
from schemas.ticks import tick_key
from schemas.times import EpochMs
from schemas.topics import record_key
from streams.partition.chunk import process
from streams.partition.store import Store
from streams.sla import policy_file

TARGET_SECONDS = 10
POLICIES = f"""
policies:
  - {{name: soon, match: {{channel: [live_chat]}}, targets: {{first_response: {TARGET_SECONDS}s}}, warn_at: []}}
  - {{name: far, match: {{channel: [email]}}, targets: {{first_response: 30d, resolution: 60d}}}}
"""
_DAY_MS = 86_400_000
_PACE_SECONDS = 0.01
#: What is on its way when the last deadline has passed.
_AFTER_SECONDS = 5.0
_DUE_AT_ONCE = 100


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--rate", type=float, default=1_000.0, help="contacts a second [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long [default: %(default)s]")
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds not measured [default: %(default)s]")
    parser.add_argument("--open", type=int, default=0, help="clocks open beside them [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    if options.tiny:
        options.rate, options.seconds, options.warm_up, options.open = 50.0, 6.0, 1.0, 500
    policies: Path = options.scratch / "policies.yaml"
    policies.write_text(POLICIES, encoding="utf-8")
    with broker(options.broker, options.scratch / "broker") as there:
        there.make(live.TOPICS)
        if options.open:
            there.load(live.TOPICS.interactions, _far(options.open))
        with runs.running("worker", _job(there, options.scratch / "worker", policies)) as worker:
            found = _watch(there, options)
            worker.ask_to_end()
        versions = there.versions
    few_us, many_us = tick_us(1_000), tick_us(10_000 if options.tiny else 1_000_000)
    p50, p99, worst = rates.quantile(found, 0.5), rates.quantile(found, 0.99), max(found, default=None)
    figures = {
        "alert_p50_seconds": p50,
        "alert_p99_seconds": p99,
        "alert_max_seconds": worst,
        "alerts_measured": len(found),
        "open_clocks": int(options.rate * TARGET_SECONDS) + 2 * options.open,
        "events_per_second": options.rate,
        "events": int(options.rate * options.seconds) + options.open,
        "tick_few_open_us": round(few_us, 1),
        "tick_many_open_us": round(many_us, 1),
        "broker": options.broker,
    }
    rows = [
        ("deadline → alert in the topic, seconds: p50", count(p50, 3)),
        ("p99", count(p99, 3)),
        ("at most", count(worst, 3)),
        ("alerts", count(len(found))),
        ("clocks open", count(figures["open_clocks"])),
        (f"µs for a tick by which {_DUE_AT_ONCE} are due, few clocks open", count(few_us)),
        ("the same, many clocks open", count(many_us)),
    ]
    return Report("alarm", figures, ("", "figure"), rows, versions, tiny=options.tiny)


def tick_us(open_clocks: int, repeats: int = 5) -> float:
    """What it costs to process a tick by which some clocks are due, beside so many that are not; the least of some."""
    best = float("inf")
    for _ in range(repeats):
        store = Store(policy_file.parse(POLICIES))
        soon = [
            _Lying(n, 0, b"", wire.encode_event(_contact(f"soon-{n}", "live_chat", 0))) for n in range(_DUE_AT_ONCE)
        ]
        outcome = process(store, soon, "", 0)
        for entry in outcome.entries:
            store.put(entry)
        store.applied = outcome.through
        for n in range(open_clocks):
            store.due.push(_DAY_MS + n * 1_000, "far")
        tick = _Lying(_DUE_AT_ONCE, TARGET_SECONDS * 1_000 + 1, tick_key(), None)
        began = time.perf_counter()
        raised = process(store, [tick], "", 0).alerts
        best = min(best, time.perf_counter() - began)
        if len(raised) != _DUE_AT_ONCE:
            raise AssertionError(f"{len(raised)} alerts of {_DUE_AT_ONCE}")
    return best * 1e6


class _Lying:
    """A record of the log."""

    __slots__ = ("key", "offset", "timestamp", "value")

    def __init__(self, offset: int, timestamp: EpochMs, key: bytes, value: bytes | None) -> None:
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value


def _contact(name: str, channel: Channel, at_ms: EpochMs) -> InteractionEvent:
    return InteractionEvent(
        event_id=name,
        tenant="bench",
        source="bench",
        channel=channel,
        type="message",
        occurred_at=at_ms,
        ingested_at=at_ms,
        conversation_id=name,
        actor_kind="customer",
    )


def _far(conversations: int) -> Iterator[Loaded]:
    """Contacts of the last day, nobody has answered."""
    now_ms = times.now_ms()
    for number in range(conversations):
        name, at_ms = f"far-{number}", now_ms - _DAY_MS + number * _DAY_MS // conversations
        key = record_key("bench", name)
        yield Loaded(partition_of(key), key, wire.encode_event(_contact(name, "email", at_ms)), at_ms)


def _job(there: Broker, folder: Path, policies: Path) -> Job:
    topics = live.TOPICS
    report = str(folder / "report.jsonl")
    return Job(
        kafka=there.address,
        topic=topics.interactions,
        run=topics.prefix,
        policies=str(policies),
        data_dir=str(folder),
        report=report,
    )


def _watch(there: Broker, options: argparse.Namespace) -> list[float]:
    """Seconds from deadline to arrival, of every breach whose deadline lies behind the warm-up."""
    consumer = KafkaConsumer(bootstrap_servers=there.address, auto_offset_reset="earliest", fetch_max_wait_ms=10)
    consumer.assign([TopicPartition(live.TOPICS.alerts, number) for number in range(PARTITIONS)])
    found: list[float] = []
    done = threading.Event()

    def read(since_ms: EpochMs) -> None:
        while not done.is_set():
            polled = consumer.poll(20)
            now_ms = times.now_ms()
            for records in polled.values():
                for record in records:
                    alert = fast.decode_alert(record.value)
                    if alert.level == "breach" and alert.deadline >= since_ms:
                        found.append((now_ms - alert.deadline) / 1000)

    try:
        # Until the worker has caught up with what lay there: one that is silent from now on is raised when it has.
        with EventPublisher(PublisherSettings(there.address, live.TOPICS.interactions, idempotent=False)) as publisher:
            publisher.publish(_contact("first", "live_chat", times.now_ms()))
            publisher.flush()
            _until_one(consumer)
            reader = threading.Thread(target=read, args=(times.now_ms() + round(options.warm_up * 1000),), daemon=True)
            reader.start()
            _publish(publisher, options.rate, options.seconds)
        time.sleep(TARGET_SECONDS + _AFTER_SECONDS)
        done.set()
        reader.join()
    finally:
        done.set()
        consumer.close()
    return found


def _until_one(consumer: KafkaConsumer, timeout_seconds: float = 1_800.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not consumer.poll(200):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no alert within {timeout_seconds:g} s")


def _publish(publisher: EventPublisher, per_second: float, seconds: float) -> None:
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        for number in range(sent, int(passed * per_second)):
            publisher.publish(_contact(f"soon-{number}", "live_chat", times.now_ms()))
            sent = number + 1
        time.sleep(_PACE_SECONDS)
    publisher.flush()
