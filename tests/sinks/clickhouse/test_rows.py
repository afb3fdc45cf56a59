"""Every record lands in a column of its own name and comes back unchanged."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidEvent
from schemas.records import DeadLetter, InteractionEvent, MetricFact, MetricWindow, SlaAlert
from schemas.times import MAX_MS, MIN_MS
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.restore import recent_facts, stored_conversations
from tests.sinks import samples
from tests.sinks.samples import T0

_ONE_DATABASE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table_columns(database: EmbeddedDatabase, table: str) -> set[str]:
    described = database.query(f"DESCRIBE TABLE {table}")
    kinds = zip(described.column("name"), described.column("default_type"), strict=True)
    return {name for name, kind in kinds if kind == ""}


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("interactions", rows.interaction_columns([samples.event()], [1])),
        ("metric_facts", rows.fact_columns([samples.fact()])),
        ("sla_alerts", rows.alert_columns([samples.alert()])),
        ("metric_windows", rows.window_columns([samples.window()], [1])),
    ],
)
def test_columns_are_the_tables_columns(database: EmbeddedDatabase, table: str, columns: dict[str, list[Any]]) -> None:
    assert set(columns) == table_columns(database, table)
    assert database.insert(table, columns) == 1


@pytest.mark.parametrize(
    ("table", "record"),
    [("metric_facts", MetricFact), ("sla_alerts", SlaAlert), ("metric_windows", MetricWindow)],
)
def test_columns_carry_the_records_field_names(
    database: EmbeddedDatabase, table: str, record: type[msgspec.Struct]
) -> None:
    assert table_columns(database, table) - {"log_position"} == set(record.__struct_fields__)


@_ONE_DATABASE
@given(events=st.lists(samples.events, min_size=1, max_size=8))
def test_events_come_back_as_they_went_in(database: EmbeddedDatabase, events: list[InteractionEvent]) -> None:
    database.execute("TRUNCATE TABLE interactions")
    distinct = {(e.tenant, e.conversation_id, e.source, e.event_id): e for e in events}
    stored = list(distinct.values())
    database.insert("interactions", rows.interaction_columns(stored, range(len(stored))))
    found = [event for conversation in stored_conversations(database) for event in conversation.events]
    assert sorted(found, key=repr) == sorted(stored, key=repr)


def test_facts_come_back_as_they_went_in(database: EmbeddedDatabase) -> None:
    facts = [
        samples.fact(score=4.5, score_min=1, score_max=5, business_ms=2**40, deadline=MAX_MS, policy="chat"),
        samples.fact("a/b/2/0/resolution", started_at=MIN_MS, team="τ", priority="high", value_ms=None, revision=9),
        samples.fact("c/1/1/sla_first_response", policy="chat", policy_version="2027-01-01T00:00:00.000Z#fa16b6e"),
    ]
    database.insert("metric_facts", rows.fact_columns(facts))
    assert [fact for page in recent_facts(database, T0) for fact in page] == facts


def test_windows_come_back_as_they_went_in(database: EmbeddedDatabase) -> None:
    empty = dict.fromkeys(("mean_ms", "min_ms", "max_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"))
    windows = [
        samples.window(dimension="agent", dimension_value="ana", met=3, breached=0, attainment=1.0),
        samples.window(count=0, **empty),
    ]
    database.insert("metric_windows", rows.window_columns(windows, [1, 2]))
    instants = ", ".join(f"toUnixTimestamp64Milli({name}) AS {name}" for name in ("window_start", "window_end"))
    found = database.query(
        f"SELECT * EXCEPT (log_position) REPLACE ({instants}) FROM metric_windows FINAL ORDER BY dimension"
    )
    assert [MetricWindow(**dict(zip(found.names, row, strict=True))) for row in found.rows] == windows


def test_a_dead_letters_bytes_survive(database: EmbeddedDatabase) -> None:
    original = bytes(range(256))
    letter = DeadLetter(
        reason="malformed", detail="cut short", origin="interactions/0/7", parked_at=T0, key=b"\xff", original=original
    )
    database.insert("dead_letters", rows.dead_letter_columns([letter], [1]))
    assert database.query("SELECT origin, key, original FROM dead_letters").rows == [
        ("interactions/0/7", b"\xff", original)
    ]


def test_inserting_leaves_the_columns_as_they_were(database: EmbeddedDatabase) -> None:
    columns = rows.fact_columns([samples.fact(value_ms=None)])
    before = {name: list(values) for name, values in columns.items()}
    database.insert("metric_facts", columns)
    assert columns == before


@pytest.mark.parametrize("at_ms", [MIN_MS - 1, MAX_MS + 1, 2**63 - 1])
def test_an_instant_no_column_can_hold_is_refused_by_name(at_ms: int) -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.deadline"):
        rows.checked_fact(samples.fact(deadline=at_ms))
    with pytest.raises(InvalidEvent, match=r"\$\.raised_at"):
        rows.checked_alert(samples.alert(raised_at=at_ms))
    with pytest.raises(InvalidEvent, match=r"\$\.window_end"):
        rows.checked_window(samples.window(window_end=at_ms))


def test_a_negative_revision_or_count_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.revision"):
        rows.checked_fact(samples.fact(revision=-1))
    with pytest.raises(InvalidEvent, match=r"\$\.count"):
        rows.checked_window(samples.window(count=-1))


def test_a_later_epoch_lies_behind_every_offset_of_an_earlier_one() -> None:
    assert rows.log_position(0, 2**48 - 1) < rows.log_position(1, 0)
    with pytest.raises(ValueError, match="epoch 65536"):
        rows.log_position(65_536, 0)
