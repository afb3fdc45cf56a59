"""What lies in the topics: can this release read it, is it dated sanely, and how far behind are its readers?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.registry import HEADER_BYTES, MARKER, by_fingerprint, latest
from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.lanes import lanes
from supportpulse import topic_reading
from supportpulse.doctor.findings import Finding, Findings, error, ok, warning
from supportpulse.topic_reading import Lying

#: Records of every partition that are looked at.
SAMPLE = 1_000
#: More records than this behind is more than a moment's work.
_BEHIND = 100_000
#: The gateway's own tolerance is five minutes; clocks that are kept by NTP are within milliseconds.
_SKEW_MS = 2_000


def record_of(topics: Topics) -> dict[str, str]:
    """Topic → the record that it carries, of those that land."""
    return {topic: lane.record for topic, lane in lanes(topics).items()}


def schema(topic: str, record: str, sample: Sequence[Lying]) -> Finding:
    """Whether this release has the schemas that the newest records were written with."""
    check = f"schema of {topic}"
    if not sample:
        return ok(check, "nothing there yet")
    known = by_fingerprint(record)
    marked = [each.value for each in sample if each.value[:2] == MARKER and len(each.value) >= HEADER_BYTES]
    strange = {value[2:HEADER_BYTES].hex() for value in marked} - {name.hex() for name in known}
    if strange:
        return error(
            check,
            f"the newest {len(sample):,} records have schemas that this release does not know: {', '.join(strange)}",
            "run the release that wrote them everywhere, then `supportpulse dlq redrive --reason unknown_schema`",
        )
    plain = len(sample) - len(marked)
    if plain:
        return warning(
            check,
            f"{plain:,} of the newest {len(sample):,} records are no Avro at all",
            "find out who publishes there; `supportpulse dlq list` shows them",
        )
    versions = sorted({known[value[2:HEADER_BYTES]].number for value in marked})
    return ok(check, f"version {', '.join(map(str, versions))}; {latest(record).number} is written by this release")


def broker_clock(samples: Mapping[str, Sequence[Lying]], now_ms: EpochMs) -> Finding:
    """Whether records are dated ahead of us: Kafka itself cannot be asked for the time."""
    check = "clocks: records"
    ahead_ms = max((each.timestamp_ms - now_ms for sample in samples.values() for each in sample), default=None)
    if ahead_ms is None:
        return ok(check, "no records to go by")
    if ahead_ms > _SKEW_MS:
        return warning(
            check,
            f"the newest record is dated {ahead_ms / 1000:.1f} s ahead of this host",
            "let every host keep its clock by NTP",
        )
    return ok(check, "no record is dated ahead of this host")


def lag(who: str, committed: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> Finding:
    """How far a group is behind the ends of its partitions."""
    check = f"lag of the {who}"
    total = sum(ends.values())
    if not committed:
        if not total:
            return ok(check, "nothing to do yet")
        return warning(check, f"it has never committed, and {total:,} records lie there", f"start `supportpulse {who}`")
    behind = sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())
    if behind > _BEHIND:
        return warning(
            check,
            f"{behind:,} records",
            f"see that it runs and gets on: its /metrics, its log; a further `supportpulse {who}` shares the work",
        )
    return ok(check, f"{behind:,} records")


def examine(
    samples: Mapping[str, Sequence[Lying]],
    groups: Mapping[str, tuple[Mapping[tuple[str, int], int], Mapping[tuple[str, int], int]]],
    topics: Topics,
    now_ms: EpochMs,
) -> Findings:
    """All of it. `groups`: `worker` or `sink` → committed offsets and ends by (topic, partition)."""
    for topic, record in record_of(topics).items():
        if topic in samples:
            yield schema(topic, record, samples[topic])
    yield broker_clock(samples, now_ms)
    for who, (committed, ends) in groups.items():
        yield lag(who, committed, ends)


def sample(kafka: str, topics: Topics) -> dict[str, list[Lying]]:
    """The newest records of every topic that carries records of ours."""
    return {topic: topic_reading.newest(kafka, topic, SAMPLE) for topic in record_of(topics)}
