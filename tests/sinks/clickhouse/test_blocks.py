"""What is read and written at once is what is read and written one by one, about anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import Call, InteractionEvent, MetricFact, Survey
from schemas.times import MAX_MS, MIN_MS
from sinks.clickhouse import blocks, native, rows
from sinks.clickhouse.blocks import ReadBlock, TableBlock
from sinks.clickhouse.embedded import EmbeddedDatabase
from tests.schemas import strategies
from tests.schemas.older import earlier, written_with
from tests.sinks import samples
from tests.sinks.samples import T0

Plain = Callable[[Sequence[bytes], Sequence[int]], dict[str, list[Any]]]


def plain_events(payloads: Sequence[bytes], positions: Sequence[int]) -> dict[str, list[Any]]:
    return rows.interaction_columns([wire.decode_event(payload) for payload in payloads], positions)


def plain_facts(payloads: Sequence[bytes], _positions: Sequence[int]) -> dict[str, list[Any]]:
    return rows.fact_columns([rows.checked_fact(wire.decode_fact(payload)) for payload in payloads])


def same(read: ReadBlock, plain: Plain, payloads: Sequence[bytes]) -> TableBlock:
    """The plain columns of everything that is not odd."""
    positions = [7 * place for place in range(len(payloads))]
    block = read(payloads, positions)
    kept = sorted(set(range(len(payloads))) - set(block.odd))
    assert block.rows == len(kept)
    expected = plain([payloads[place] for place in kept], [positions[place] for place in kept]) if kept else {}
    assert {name: list(column) for name, column in block.columns.items()} == expected
    return block


def damaged(draw: st.DrawFn, payload: bytes) -> bytes:
    broken = bytearray(payload)
    for _ in range(draw(st.integers(0, 2))):
        broken[draw(st.integers(0, len(broken) - 1))] = draw(st.integers(0, 255))
    end = draw(st.none() | st.integers(0, len(broken)))
    return bytes(broken[:end]) + draw(st.just(b"") | st.binary(max_size=3))


@st.composite
def payloads_of(draw: st.DrawFn, records: st.SearchStrategy[Any], encode: Callable[[Any], bytes]) -> list[bytes]:
    whole = [encode(record) for record in draw(st.lists(records, min_size=1, max_size=6))]
    broken = [damaged(draw, payload) for payload in whole if draw(st.booleans())]
    return draw(st.permutations([*whole, *broken, *draw(st.lists(st.binary(max_size=12), max_size=2))]))


@settings(max_examples=300)
@given(payloads_of(strategies.events, wire.encode_event))
def test_events_read_at_once_are_the_plain_ones(payloads: list[bytes]) -> None:
    same(blocks.interaction_block, plain_events, payloads)


@settings(max_examples=300)
@given(payloads_of(strategies.facts, wire.encode_fact))
def test_facts_read_at_once_are_the_plain_ones(payloads: list[bytes]) -> None:
    same(blocks.fact_block, plain_facts, payloads)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 60), st.integers(0, 60))
def test_noise_inside_an_event_is_never_taken_for_another_one(noise: bytes, start: int, length: int) -> None:
    event = wire.encode_event(samples.event(attributes={"größe": "ü"}, team="тест"))
    broken = event[: 10 + start] + noise + event[10 + start + length :]
    same(blocks.interaction_block, plain_events, [event, broken, event])


USUAL_EVENTS = [
    samples.event(),
    samples.event(attributes={"text_length": "120", "größe": "ü"}, ingested_at=T0 + 5, customer_id="k1"),
    samples.event(attributes={f"key{i}": "v" * 200 for i in range(40)}),
    samples.event(type="status_changed", status="resolved", team="vip", sequence=-(2**40), priority="urgent"),
    samples.event(type="survey_answered", survey=Survey("csat", 4.0, None, 5.0, "q1")),
    samples.event(type="survey_answered", survey=Survey("nps", -1.5)),
    samples.event(type="call_ended", call=Call(60.0, 0.5, 12.0), actor_kind="human", actor_id="ana"),
    samples.event("x" * 64, source="s" * 127, tenant="t" * 128, conversation_id="ц" * 2000, occurred_at=MIN_MS),
    samples.event(assignee_id="", merged_into="c2", language="de", occurred_at=MAX_MS, automated=True, ack=True),
]
USUAL_FACTS = [
    samples.fact(),
    samples.fact(revision=2**32 - 1, retracted=True, team="", policy="chat", deadline=MAX_MS, business_ms=0),
    samples.fact(value_ms=-(2**50), score=4.5, score_min=1.0, score_max=5.0, started_at=None, ended_at=MIN_MS),
    samples.fact("c/300/1/resolution", outcome="answered", priority="high", agent_id="Ω" * 60, channel="x" * 40),
    samples.fact(policy="chat", policy_version="2027-01-01T00:00:00.000Z#fa16b6e"),
]


def test_the_usual_ones_are_not_odd() -> None:
    events = [wire.encode_event(event) for event in USUAL_EVENTS]
    facts = [wire.encode_fact(fact) for fact in USUAL_FACTS]
    for read, plain, payloads in (
        (blocks.interaction_block, plain_events, events),
        (blocks.fact_block, plain_facts, facts),
    ):
        assert same(read, plain, payloads * 3).odd == []


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "status_changed"},
        {"type": "call_ended"},
        {"type": "call_ended", "call": Call(-1.0)},
        {"type": "survey_answered", "survey": Survey("csat", float("nan"))},
        {"occurred_at": MAX_MS + 1},
        {"ingested_at": MIN_MS - 1},
        {"tenant": ""},
        {"customer_id": "k" * 4097},
        {"sequence": 2**60},
    ],
    ids=str,
)
def test_what_the_checks_may_refuse_is_odd(fields: dict[str, Any]) -> None:
    usual = wire.encode_event(samples.event())
    odd = wire.encode_event(msgspec.structs.replace(samples.event(), **fields))
    assert same(blocks.interaction_block, plain_events, [usual, odd, usual]).odd == [1]


@pytest.mark.parametrize("fields", [{"revision": -1}, {"deadline": MAX_MS + 1}, {"started_at": MIN_MS - 1}], ids=str)
def test_a_fact_no_column_can_hold_is_odd(fields: dict[str, Any]) -> None:
    usual = wire.encode_fact(samples.fact())
    odd = wire.encode_fact(samples.fact(**fields))
    assert same(blocks.fact_block, plain_facts, [odd, usual]).odd == [0]


def test_a_fact_of_an_earlier_release_is_odd_and_takes_no_other_with_it() -> None:
    (version,) = earlier("metric_fact")
    fact = USUAL_FACTS[-1]
    usual, older = wire.encode_fact(fact), written_with(version, fact)
    assert same(blocks.fact_block, plain_facts, [older, usual, usual, older]).odd == [0, 3]
    assert wire.decode_fact(older) == msgspec.structs.replace(fact, policy_version=None)


def test_of_a_key_that_is_there_twice_the_plain_reader_says_which_holds() -> None:
    event = wire.encode_event(samples.event(attributes={"aa": "1", "ab": "2"}))
    assert same(blocks.interaction_block, plain_events, [event, event.replace(b"ab", b"aa")]).odd == [1]


_ONE_DATABASE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stored(database: EmbeddedDatabase, table: str, columns: dict[str, Any]) -> list[tuple[Any, ...]]:
    database.execute(f"TRUNCATE TABLE {table}")
    database.insert(table, columns)
    return sorted(database.query(f"SELECT * FROM {table}").rows, key=repr)


@_ONE_DATABASE
@given(st.lists(strategies.events, min_size=1, max_size=8), st.lists(strategies.facts, min_size=1, max_size=8))
def test_they_land_as_the_plain_ones_do(
    database: EmbeddedDatabase, events: list[InteractionEvent], facts: list[MetricFact]
) -> None:
    for table, read, plain, payloads in (
        ("interactions", blocks.interaction_block, plain_events, [wire.encode_event(event) for event in events]),
        ("metric_facts", blocks.fact_block, plain_facts, [wire.encode_fact(fact) for fact in facts]),
    ):
        block = read(payloads, range(len(payloads)))
        kept = [place for place in range(len(payloads)) if place not in block.odd]
        if kept:
            expected = plain([payloads[place] for place in kept], kept)
            assert stored(database, table, block.columns) == stored(database, table, expected)


def test_they_are_the_bytes_of_the_plain_ones_where_there_is_no_dictionary() -> None:
    block = blocks.fact_block([wire.encode_fact(fact) for fact in USUAL_FACTS], range(len(USUAL_FACTS)))
    names = list(block.columns)
    kinds = [
        {"revision": "UInt32", "episode": "UInt32", "retracted": "Bool", "value_ms": "Nullable(Int64)"}.get(
            name, "Nullable(DateTime64(3, 'UTC'))" if name in strategies.INSTANT_FIELDS else "Nullable(String)"
        )
        for name in names
    ]
    kinds = [
        "Nullable(Float64)" if name.startswith("score") else "Nullable(Int64)" if name == "business_ms" else kind
        for name, kind in zip(names, kinds, strict=True)
    ]
    lists = [list(column) for column in block.columns.values()]
    assert native.encode(names, kinds, list(block.columns.values())) == native.encode(names, kinds, lists)
