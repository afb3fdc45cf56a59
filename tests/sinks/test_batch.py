"""A batch has the same rows and letters whether its records are read one by one or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas import wire
from schemas.registry import MARKER
from schemas.ticks import tick_key
from schemas.topics import Topics
from sinks.batch import Batch, Refusal
from sinks.clickhouse.rows import fact_columns, interaction_columns, log_position
from sinks.lanes import lanes
from sinks.source import SourceRecord
from tests.schemas.older import earlier, written_with
from tests.sinks import samples
from tests.sinks.samples import T0

TOPICS = Topics()
NOW = T0 + 9_000
MANY = 5_000


def source(offset: int, value: bytes | None) -> SourceRecord:
    return SourceRecord(offset, T0 + offset, b"key", value)


def facts(first: int, count: int) -> list[SourceRecord]:
    made = (samples.fact(f"c{i}/1/1/first_response", value_ms=i) for i in range(first, first + count))
    return [source(offset, wire.encode_fact(fact)) for offset, fact in enumerate(made, first)]


def batch_of(pieces: Sequence[tuple[str, int, Sequence[SourceRecord]]], epoch: int = 0) -> Batch:
    batch = Batch(lanes(TOPICS), TOPICS, epoch)
    for topic, partition, records in pieces:
        batch.add(topic, partition, records, NOW)
    batch.close(NOW)
    return batch


def rows(batch: Batch) -> dict[str, list[tuple[Any, ...]]]:
    """Table → its rows, in a fixed order."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for load in batch.loads():
        columns = load.columns()
        made = list(zip(*(list(columns[name]) for name in sorted(columns)), strict=True))
        assert len(made) == load.rows
        found.setdefault(load.lane.table, []).extend(made)
    return {table: sorted(made, key=repr) for table, made in found.items()}


def in_order(columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    return sorted(zip(*(list(columns[name]) for name in sorted(columns)), strict=True), key=repr)


@pytest.mark.parametrize("piece", [1, 100, 2_000, MANY])
def test_the_rows_do_not_depend_on_the_pieces_they_came_in(piece: int) -> None:
    records = facts(0, MANY)
    batch = batch_of([(TOPICS.facts, 0, records[start : start + piece]) for start in range(0, MANY, piece)])
    assert rows(batch)["metric_facts"] == in_order(fact_columns([wire.decode_fact(r.value or b"") for r in records]))


def test_facts_of_an_earlier_release_land_among_those_of_today() -> None:
    """Workers are upgraded one after the other, and what lies in the topic stays as it was written."""
    (version,) = earlier("metric_fact")
    made = [
        samples.fact(f"c{i}/1/1/sla_first_response", policy="chat", policy_version="initial#fa16b6e")
        for i in range(1_000)
    ]
    payloads = [written_with(version, fact) if i % 3 else wire.encode_fact(fact) for i, fact in enumerate(made)]
    records = [source(offset, payload) for offset, payload in enumerate(payloads)]
    batch = batch_of([(TOPICS.facts, 0, records)])
    assert rows(batch)["metric_facts"] == in_order(fact_columns([wire.decode_fact(payload) for payload in payloads]))
    assert len(rows(batch)["metric_facts"]) == 1_000


def test_positions_are_those_of_the_log_and_its_epoch() -> None:
    events = [wire.encode_event(samples.event(f"e{i}")) for i in range(200)]
    records = [source(1_000 + 2 * place, payload) for place, payload in enumerate(events)]
    # One that the fast reader leaves to the plain one.
    records[50] = source(1_100, wire.encode_event(samples.event("e50", sequence=2**60)))
    records.insert(60, SourceRecord(1_119, T0, tick_key(), None))
    batch = batch_of([(TOPICS.interactions, 3, records)], epoch=2)
    expected = interaction_columns(
        [wire.decode_event(r.value) for r in records if r.value],
        [log_position(2, r.offset) for r in records if r.value],
    )
    assert rows(batch)["interactions"] == in_order(expected)
    assert batch.rows == 201
    assert not batch.letters
    assert not batch.refusals


def test_what_cannot_be_read_among_many_is_parked_with_where_it_lay() -> None:
    first, second = facts(0, 300), facts(300, 300)
    future = MARKER + bytes(8) + b"later"
    first[7] = source(7, b"garbage")
    second[11] = source(311, future)
    second[299] = source(599, None)
    batch = batch_of([(TOPICS.facts, 0, first), (TOPICS.facts, 1, second)])
    assert batch.rows == 600
    assert batch.offsets == {(TOPICS.facts, 0): 300, (TOPICS.facts, 1): 600}
    assert batch.timestamps_ms[TOPICS.facts] == list(range(T0, T0 + 600))
    assert [(letter.origin, letter.reason, letter.original, letter.parked_at) for letter in batch.letters] == [
        (f"{TOPICS.facts}/0/7", "malformed", b"garbage", NOW),
        (f"{TOPICS.facts}/1/311", "unknown_schema", future, NOW),
        (f"{TOPICS.facts}/1/599", "malformed", b"", NOW),
    ]
    assert batch.refusals[0] == Refusal(TOPICS.facts, "malformed")
    assert len(rows(batch)["metric_facts"]) == 597
