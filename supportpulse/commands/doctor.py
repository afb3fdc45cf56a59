"""`supportpulse doctor`: a deployment looked over, one line per check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

import speedups
from schemas import times
from schemas.topics import Topics
from sinks.service import SinkConfig
from streams.worker.config import GROUP
from supportpulse import topic_reading
from supportpulse.commands.importing import broker_of
from supportpulse.commands.sql import ask
from supportpulse.data_dir import DataDir
from supportpulse.doctor import agreement, broker, clickhouse, hot_path, records
from supportpulse.doctor.clickhouse import Ask
from supportpulse.doctor.findings import Finding, Findings, guarded, unknown
from supportpulse.settings import Settings

_MARKS = {"ok": "ok", "warning": "WARNING", "error": "ERROR", "unknown": "?"}


def run(settings: Settings, topics: Topics) -> list[Finding]:
    """Every check: this installation, then the pipeline in its order. Raises nothing: what cannot be looked at is a
    finding.
    """
    read = _Records()
    found: list[Finding] = [hot_path.examine(speedups.state())]
    if _asleep(settings):
        found.append(unknown("kafka", f"no `up` runs on {settings.data_dir}: only what it left there is looked at"))
    else:
        kafka = broker_of(settings)
        found += guarded("kafka", lambda: broker.examine(kafka, topics))
        if not any(each.level == "error" and each.check in ("kafka", "topics") for each in found):
            found += guarded("records", lambda: read.look(kafka, topics))
    question = _asking(settings)
    examined = list(guarded("clickhouse", lambda: clickhouse.examine(question, times.now_ms)))
    found += examined
    if read.samples is None:
        found.append(unknown("counts", "cannot be compared without Kafka's records"))
    elif any(each.level == "error" for each in examined):
        found.append(unknown("counts", "cannot be compared before ClickHouse is in order"))
    else:
        samples, committed = read.samples, read.committed
        found += guarded("counts", lambda: agreement.examine(samples, committed, question, topics))
    return found


def _asleep(settings: Settings) -> bool:
    """Whether all there is is the data directory of an `up` that has ended, and its broker with it."""
    data_dir = DataDir(settings.data_dir)
    return settings.embedded and settings.named_kafka is None and data_dir.exists and not data_dir.broker.exists()


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """For people: a line for each, what to do below it, and a sum."""
    width = max(len(each.check) for each in found)
    for each in found:
        yield f"{_MARKS[each.level]:<8} {each.check:<{width}}  {each.says}"
        if each.remedy:
            yield f"{'':<8} {'':<{width}}  → {each.remedy}"
    counts = Counter(each.level for each in found)
    yield (
        f"{counts['ok']} ok, {counts['warning']} warnings, {counts['error']} errors, "
        f"{counts['unknown']} cannot be asked"
    )


def as_json(found: Sequence[Finding]) -> bytes:
    """For programs."""
    return msgspec.json.encode([msgspec.to_builtins(each) for each in found])


def healthy(found: Sequence[Finding]) -> bool:
    """Whether there is no error among them."""
    return not any(each.level == "error" for each in found)


class _Records:
    """Reads the newest records once, for all who look at them."""

    def __init__(self) -> None:
        self.samples: dict[str, list[topic_reading.Lying]] | None = None
        self.committed: Mapping[tuple[str, int], int] = {}

    def look(self, kafka: str, topics: Topics) -> Findings:
        # Offsets first: what the sinks commit meanwhile is not held against them.
        groups = {
            "worker": topic_reading.committed(kafka, GROUP, [topics.interactions]),
            "sink": topic_reading.committed(kafka, SinkConfig().group, records.record_of(topics)),
        }
        self.samples, self.committed = records.sample(kafka, topics), groups["sink"][0]
        yield from records.examine(self.samples, groups, topics, times.now_ms())


def _asking(settings: Settings) -> Ask:
    def question(statement: str) -> list[dict[str, Any]]:
        rows = ask(settings, statement, "JSONEachRow")
        return [msgspec.json.decode(line) for line in rows.splitlines()]

    return question
