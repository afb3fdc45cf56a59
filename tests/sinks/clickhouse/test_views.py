"""The first views say what the specification says, also about revisions, retractions and open episodes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.documents import parse_event
from schemas.records import InteractionEvent, MetricFact
from schemas.times import to_ms
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from streams.fold.conversation import fold
from streams.fold.events import LogEvent, remember
from streams.fold.state import FoldState
from streams.fold.steps import is_paused
from streams.sla.policies import PolicyBook
from tests.sinks import samples
from tests.sinks.samples import T0

_HOUR_MS = 3_600_000
_WANDER = Path(__file__).parents[4] / "shared" / "conformance" / "wander.events.jsonl"


def store(database: EmbeddedDatabase, facts: Iterable[MetricFact]) -> None:
    database.insert("metric_facts", rows.fact_columns(list(facts)))


def responses(*values_ms: int, **fields: Any) -> list[MetricFact]:
    return [
        samples.fact(f"c{i}/1/1/first_response", value_ms=value, ended_at=T0 + i, **fields)
        for i, value in enumerate(values_ms)
    ]


def test_hourly_figures_are_exact(database: EmbeddedDatabase) -> None:
    store(database, responses(*range(1000, 12_000, 1000), business_ms=500))
    store(database, [samples.fact("late/1/1/first_response", ended_at=T0 + _HOUR_MS, channel="sms")])
    store(database, [samples.fact("gone/1/1/first_response", retracted=True, revision=2)])
    store(database, [samples.fact("open/1/0/sla_resolution", value_ms=None, ended_at=None, outcome="breached")])
    sql = """SELECT channel, count, mean_ms, p50_ms, p90_ms, p95_ms, p99_ms, business_mean_ms
        FROM kpi_hourly WHERE tenant = 'acme' AND metric = 'first_response' ORDER BY hour"""
    assert database.query(sql).rows == [
        ("email", 11, 6000.0, 6000.0, 10_000.0, 10_500.0, 10_900.0, 500.0),
        ("sms", 1, *[300_000.0] * 5, None),
    ]


@pytest.mark.parametrize("ended_at", [-1_000_000_000_000, T0, 8_000_000_000_000])
def test_hours_and_days_hold_in_every_century(database: EmbeddedDatabase, ended_at: int) -> None:
    store(database, [samples.fact(ended_at=ended_at)])
    hour = database.query("SELECT hour FROM kpi_hourly").columns[0][0]
    assert to_ms(hour) == ended_at // _HOUR_MS * _HOUR_MS
    day = database.query("SELECT day FROM agent_scorecard").columns[0][0]
    assert (day - date(1970, 1, 1)).days == ended_at // (24 * _HOUR_MS)


def test_attainment_leaves_out_what_was_cancelled(database: EmbeddedDatabase) -> None:
    outcomes = ["met", "met", "met", "breached", "cancelled"]
    store(
        database,
        [
            samples.fact(f"c{i}/1/0/sla_resolution", outcome=outcome, policy="chat", deadline=T0, agent_id=None)
            for i, outcome in enumerate(outcomes)
        ],
    )
    store(database, [samples.fact("d/1/0/sla_resolution", outcome="cancelled", policy="mail", agent_id=None)])
    sql = "SELECT policy, met, breached, cancelled, attainment FROM sla_attainment ORDER BY policy"
    assert database.query(sql).rows == [("chat", 3, 1, 1, 0.75), ("mail", 0, 0, 1, None)]


def test_an_open_breach_counts_on_the_day_of_its_deadline(database: EmbeddedDatabase) -> None:
    breach = {"outcome": "breached", "policy": "chat", "deadline": T0 - 24 * _HOUR_MS, "agent_id": None}
    store(database, [samples.fact("c/1/0/sla_resolution", ended_at=None, value_ms=None, **breach)])
    assert database.query("SELECT day, breached FROM sla_attainment").rows == [(date(2026, 2, 1), 1)]
    store(database, [samples.fact("c/1/0/sla_resolution", revision=2, **breach)])
    assert database.query("SELECT day, breached FROM sla_attainment").rows == [(date(2026, 2, 2), 1)]


def test_a_scorecard_is_one_agents_day(database: EmbeddedDatabase) -> None:
    store(database, responses(1000, 2000, 3000))
    store(
        database,
        [
            samples.fact("c0/1/2/next_response", value_ms=500),
            samples.fact("c0/1/0/resolution", value_ms=9000),
            samples.fact("c0/1/ana/handle_time", value_ms=700, outcome="assigned_open"),
            samples.fact("c0/0/call1/handle_time", value_ms=300, outcome="voice"),
            samples.fact("c0/1/1/transfer", value_ms=None, outcome="agent"),
            samples.fact("c0/1/s1/csat", value_ms=None, score=4.0),
            samples.fact("c0/1/s2/csat", value_ms=None, score=10.0, score_min=0.0, score_max=10.0),
            samples.fact("c0/1/0/full_resolution", value_ms=9000),
            samples.fact("c9/1/1/first_response", agent_id="bob", value_ms=60_000),
        ],
    )
    sql = """SELECT first_responses, first_response_p50_ms, next_responses, next_response_p50_ms, resolutions,
        handle_ms, transfers_received, csat_count, csat_mean FROM agent_scorecard WHERE agent = 'ana'"""
    assert database.query(sql).rows == [(3, 2000.0, 1, 500.0, 1, 1000, 1, 2, 4.5)]


# open_conversations is held equal to the fold itself.

_Open = tuple[str, str, str | None, str | None, str | None, str | None, int, int | None, int | None]


def expected_open(events: Iterable[InteractionEvent]) -> dict[tuple[str, str], _Open]:
    logs: dict[tuple[str, str], list[LogEvent]] = {}
    for event in events:
        logs.setdefault((event.tenant, event.conversation_id), []).append(remember(event))
    found = {}
    for key, log in logs.items():
        state, _facts = fold(*key, log, PolicyBook(()), None)
        if state.episode is not None:
            found[key] = _row(state)
    return found


def _row(state: FoldState) -> _Open:
    episode = state.episode
    assert episode is not None
    turn = episode.turn
    return (
        episode.channel,
        episode.pauses[-1].status if is_paused(episode) else "open",
        episode.owner,
        state.assignee,
        state.team,
        state.priority,
        episode.started,
        None if turn is None else turn.started,
        None if turn is None else turn.clock,
    )


def found_open(database: EmbeddedDatabase) -> dict[tuple[str, str], _Open]:
    sql = """SELECT tenant, conversation_id, channel, status, owner, assignee_id, team, priority,
        toUnixTimestamp64Milli(opened_at), toUnixTimestamp64Milli(waiting_since),
        toUnixTimestamp64Milli(human_clock_since) FROM open_conversations"""
    return {(row[0], row[1]): row[2:] for row in database.query(sql).rows}


def store_events(database: EmbeddedDatabase, events: list[InteractionEvent]) -> None:
    database.execute("TRUNCATE TABLE interactions")
    database.insert("interactions", rows.interaction_columns(events, range(len(events))))


@st.composite
def conversations(draw: st.DrawFn) -> list[InteractionEvent]:
    """Conversations of many kinds of events, close together in time so that ties are common."""
    events = []
    for number in range(draw(st.integers(1, 30))):
        kind = draw(
            st.sampled_from(
                ["message"] * 6
                + ["status_changed"] * 3
                + ["assigned", "handoff_requested", "conversation_started", "call_answered", "note"]
            )
        )
        status = draw(st.sampled_from(["open", "pending", "on_hold", "resolved", "closed"]))
        events.append(
            samples.event(
                draw(st.sampled_from(["a", "é", "Z", "0"])) + str(number),
                conversation_id=draw(st.sampled_from(["c1", "c2", "c3", "c4", "c5"])),
                type=kind,
                occurred_at=T0 + draw(st.integers(0, 12)),
                sequence=draw(st.none() | st.integers(-1, 1)),
                channel=draw(st.sampled_from(["email", "live_chat"])),
                actor_kind=draw(st.sampled_from(["customer", "human", "bot", "system"])),
                automated=draw(st.integers(0, 5)) == 0,
                ack=draw(st.integers(0, 5)) == 0,
                status=status if kind == "status_changed" else None,
                assignee_id=draw(st.none() | st.sampled_from(["ana", "bob"])) if kind == "assigned" else None,
                team=draw(st.none() | st.sampled_from(["vip", "all"])),
                priority=draw(st.none() | st.sampled_from(["low", "urgent"])),
            )
        )
    ending = draw(st.sampled_from([None] * 6 + ["merged", "deleted", "spam"]))
    if ending is not None:
        fields = {"type": "status_changed", "status": "spam"} if ending == "spam" else {"type": ending}
        events.append(samples.event("end", occurred_at=T0 + draw(st.integers(0, 12)), actor_kind="system", **fields))
    return events


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=conversations())
def test_open_conversations_are_those_the_fold_leaves_open(
    database: EmbeddedDatabase, events: list[InteractionEvent]
) -> None:
    store_events(database, events)
    assert found_open(database) == expected_open(events)


@pytest.mark.skipif(not _WANDER.exists(), reason="the conformance suite is not beside this repository")
def test_open_conversations_of_the_wander_suite(database: EmbeddedDatabase) -> None:
    events = [parse_event(line) for line in _WANDER.read_bytes().splitlines() if line.strip()]
    store_events(database, events)
    distinct = {(e.tenant, e.conversation_id, e.source, e.event_id): e for e in reversed(events)}
    expected = expected_open(distinct.values())
    assert len(expected) > 10
    assert found_open(database) == expected


def test_an_open_conversation_tells_what_it_has_breached_and_when_it_was_heard(database: EmbeddedDatabase) -> None:
    store_events(
        database,
        [
            samples.event("e1", customer_id="zoe"),
            samples.event("e2", occurred_at=T0 + 5000),
            samples.event("e3", occurred_at=T0 + 9000, type="note", actor_kind="human"),
        ],
    )
    breach = {"outcome": "breached", "ended_at": None, "value_ms": None, "agent_id": None}
    store(database, [samples.fact("c1/1/1/sla_first_response", **breach)])
    store(database, [samples.fact("c1/1/0/sla_resolution", retracted=True, revision=2, **breach)])
    sql = """SELECT customer_id, arrayStringConcat(breached, ','), toUnixTimestamp64Milli(last_contact_at),
        toUnixTimestamp64Milli(last_event_at) FROM open_conversations"""
    assert database.query(sql).rows == [("zoe", "sla_first_response", T0 + 5000, T0 + 9000)]
