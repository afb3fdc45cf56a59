"""The tables for a server of 2018, in the types that it has, and a way in that speaks them."""

from __future__ import annotations

from typing import Any

import msgspec

from sinks.clickhouse.database import Answer, Columns, Params
from sinks.clickhouse.server import ServerDatabase

_EVENTS = """
CREATE TABLE IF NOT EXISTS interactions
(
    tenant String, conversation_id String, source String, event_id String, channel String, type String,
    occurred_at Int64, ingested_at Nullable(Int64), customer_id Nullable(String), actor_kind String,
    actor_id Nullable(String), team Nullable(String), priority Nullable(String), language Nullable(String),
    sequence Nullable(Int64), automated UInt8, ack UInt8, historical UInt8, status Nullable(String),
    assignee_id Nullable(String), survey_kind Nullable(String), survey_score Nullable(Float64),
    survey_min Nullable(Float64), survey_max Nullable(Float64), survey_id Nullable(String),
    call_talk_seconds Nullable(Float64), call_hold_seconds Nullable(Float64), call_wrap_seconds Nullable(Float64),
    merged_into Nullable(String), attributes String, log_position UInt64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - log_position
)
ENGINE = ReplacingMergeTree(precedence) ORDER BY (tenant, conversation_id, source, event_id)
"""
FACTS = """
CREATE TABLE IF NOT EXISTS metric_facts
(
    tenant String, metric String, fact_id String, revision UInt32, retracted UInt8, conversation_id String,
    episode UInt32, value_ms Nullable(Int64), score Nullable(Float64), score_min Nullable(Float64),
    score_max Nullable(Float64), outcome Nullable(String), started_at Nullable(Int64), ended_at Nullable(Int64),
    channel String, team Nullable(String), priority Nullable(String), agent_id Nullable(String),
    business_ms Nullable(Int64), deadline Nullable(Int64), policy Nullable(String), policy_version Nullable(String)
)
ENGINE = ReplacingMergeTree(revision) ORDER BY (tenant, metric, fact_id)
"""
_WINDOWS = """
CREATE TABLE IF NOT EXISTS metric_windows
(
    tenant String, metric String, dimension String, dimension_value String, window_seconds UInt32, window_start Int64,
    window_end Int64, count UInt64, mean_ms Nullable(Float64), min_ms Nullable(Int64), max_ms Nullable(Int64),
    p50_ms Nullable(Float64), p90_ms Nullable(Float64), p95_ms Nullable(Float64), p99_ms Nullable(Float64),
    met Nullable(UInt64), breached Nullable(UInt64), attainment Nullable(Float64), log_position UInt64
)
ENGINE = ReplacingMergeTree(log_position)
ORDER BY (tenant, metric, dimension, dimension_value, window_seconds, window_end)
"""
_ALERTS = """
CREATE TABLE IF NOT EXISTS sla_alerts
(
    tenant String, fact_id String, level String, share Nullable(Float64), deadline Int64, raised_at Int64,
    metric String, conversation_id String, channel String, team Nullable(String), assignee_id Nullable(String),
    policy String, precedence UInt64 MATERIALIZED toUInt64(9223372036854775807 - raised_at)
)
ENGINE = ReplacingMergeTree(precedence) ORDER BY (tenant, fact_id, deadline, level, ifNull(share, 0))
"""
_DEAD_LETTERS = """
CREATE TABLE IF NOT EXISTS dead_letters
(
    origin String, reason String, detail String, parked_at Int64, key Nullable(String), original String,
    log_position UInt64
)
ENGINE = ReplacingMergeTree(log_position) ORDER BY (origin, sipHash64(original))
"""


class LegacyServer:
    """A `Database` over the server's native protocol, whose maps are text."""

    def __init__(self, url: str) -> None:
        self._server = ServerDatabase(url, create=True)
        for statement in (_EVENTS, FACTS, _WINDOWS, _ALERTS, _DEAD_LETTERS):
            self._server.execute(statement)

    def execute(self, sql: str, params: Params | None = None) -> None:
        self._server.execute(sql, params)

    def query(self, sql: str, params: Params | None = None) -> Answer:
        return self._server.query(sql, params)

    def insert(self, table: str, columns: Columns) -> int:
        return self._server.insert(table, {name: _text(name, values) for name, values in columns.items()})

    def close(self) -> None:
        self._server.close()


def _text(name: str, values: Any) -> Any:
    return [msgspec.json.encode(value).decode() for value in values] if name == "attributes" else values
