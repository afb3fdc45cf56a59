"""What is said of records, of those who read them, and of the clocks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas import wire
from schemas.registry import MARKER, latest
from schemas.topics import Topics
from sinks.lanes import lanes
from supportpulse.doctor import clickhouse, records
from supportpulse.topic_reading import Lying
from tests.sinks.samples import T0, event

GOOD = wire.encode_event(event())
LATER = MARKER + bytes(8) + GOOD[10:]


def lying(value: bytes, timestamp_ms: int = T0) -> Lying:
    return Lying(0, 0, timestamp_ms, b"k", value, ())


@pytest.mark.parametrize(
    ("values", "level"), [([], "ok"), ([GOOD], "ok"), ([GOOD, LATER], "error"), ([GOOD, b"{}"], "warning")]
)
def test_schemas_this_release_knows(values: list[bytes], level: str) -> None:
    found = records.schema("interactions", "interaction_event", [lying(value) for value in values])
    assert found.level == level


@pytest.mark.parametrize(("ahead_ms", "level"), [(-60_000, "ok"), (1_000, "ok"), (5_000, "warning")])
def test_records_dated_ahead_of_us(ahead_ms: int, level: str) -> None:
    assert records.broker_clock({"interactions": [lying(GOOD, T0 + ahead_ms)]}, T0).level == level


def test_every_topic_that_lands_has_a_record_with_schemas() -> None:
    found = records.record_of(Topics(prefix="b."))
    assert found.keys() == lanes(Topics(prefix="b.")).keys()
    assert all(latest(record).number for record in found.values())
    assert (found["b.interactions"], found["b.interactions-dlq"]) == ("interaction_event", "dead_letter")


ENDS = {("interactions", 0): 1_000_000, ("interactions", 1): 10}


@pytest.mark.parametrize(
    ("committed", "level", "says"),
    [
        ({}, "warning", "never committed"),
        (ENDS, "ok", "0 records"),
        ({("interactions", 0): 1_000_000}, "ok", "10 records"),
        ({("interactions", 0): 10, ("interactions", 1): 10}, "warning", "999,990 records"),
    ],
)
def test_lag(committed: dict[tuple[str, int], int], level: str, says: str) -> None:
    found = records.lag("sink", committed, ENDS)
    assert found.level == level
    assert says in found.says


@pytest.mark.parametrize(
    ("theirs_ms", "level"), [(T0, "ok"), (T0 + 1_900, "ok"), (T0 - 9_000, "warning"), (T0 + 99_000, "error")]
)
def test_clickhouse_has_the_same_time(theirs_ms: int, level: str) -> None:
    clock: Iterator[int] = iter((T0 - 100, T0 + 100))
    assert clickhouse.clock(lambda _: [{"now": theirs_ms}], lambda: next(clock)).level == level


@pytest.mark.parametrize(
    ("said", "level"), [("26.9.2.1", "ok"), ("23.8.1", "ok"), ("23.7", "error"), ("18.16", "error")]
)
def test_clickhouse_is_new_enough(said: str, level: str) -> None:
    assert clickhouse.version(said).level == level
