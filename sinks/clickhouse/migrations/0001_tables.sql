-- What the pipeline stores. Columns carry the records' field names; see docs/clickhouse.md.
--
-- Every table is a ReplacingMergeTree whose key is the record's identity and whose version does not depend on when or
-- in which company a row was inserted, so that any replay, with any batch boundaries, ends in the same rows. Nothing is
-- partitioned: rows replace each other only within a partition, and a revision may move any instant of a fact.

-- Among events with the same key the first in the log wins: the later position has the lower precedence.
CREATE TABLE IF NOT EXISTS interactions
(
    tenant LowCardinality(String),
    conversation_id String,
    source LowCardinality(String),
    event_id String,
    channel LowCardinality(String),
    type LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    ingested_at Nullable(DateTime64(3, 'UTC')),
    customer_id Nullable(String),
    actor_kind LowCardinality(String),
    actor_id Nullable(String),
    team LowCardinality(Nullable(String)),
    priority LowCardinality(Nullable(String)),
    language LowCardinality(Nullable(String)),
    sequence Nullable(Int64),
    automated Bool,
    ack Bool,
    historical Bool,
    status LowCardinality(Nullable(String)),
    assignee_id Nullable(String),
    survey_kind LowCardinality(Nullable(String)),
    survey_score Nullable(Float64),
    survey_min Nullable(Float64),
    survey_max Nullable(Float64),
    survey_id Nullable(String),
    call_talk_seconds Nullable(Float64),
    call_hold_seconds Nullable(Float64),
    call_wrap_seconds Nullable(Float64),
    merged_into Nullable(String),
    attributes Map(String, String),
    log_position UInt64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - log_position
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (tenant, conversation_id, source, event_id);

-- A fact_id ends in its metric, so the metric in front of it changes no identity; it is what most questions ask for.
CREATE TABLE IF NOT EXISTS metric_facts
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    fact_id String,
    revision UInt32,
    retracted Bool,
    conversation_id String,
    episode UInt32,
    value_ms Nullable(Int64),
    score Nullable(Float64),
    score_min Nullable(Float64),
    score_max Nullable(Float64),
    outcome LowCardinality(Nullable(String)),
    started_at Nullable(DateTime64(3, 'UTC')),
    ended_at Nullable(DateTime64(3, 'UTC')),
    channel LowCardinality(String),
    team LowCardinality(Nullable(String)),
    priority LowCardinality(Nullable(String)),
    agent_id Nullable(String),
    business_ms Nullable(Int64),
    deadline Nullable(DateTime64(3, 'UTC')),
    policy LowCardinality(Nullable(String))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, metric, fact_id);

-- One alert per clock, level and deadline: of two the one that was raised first.
CREATE TABLE IF NOT EXISTS sla_alerts
(
    tenant LowCardinality(String),
    fact_id String,
    level LowCardinality(String),
    share Nullable(Float64),
    deadline DateTime64(3, 'UTC'),
    raised_at DateTime64(3, 'UTC'),
    metric LowCardinality(String),
    conversation_id String,
    channel LowCardinality(String),
    team LowCardinality(Nullable(String)),
    assignee_id Nullable(String),
    policy LowCardinality(String),
    precedence UInt64 MATERIALIZED toUInt64(9223372036854775807 - toUnixTimestamp64Milli(raised_at))
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (tenant, fact_id, deadline, level, ifNull(share, 0));

-- A window that was refreshed twice for the same end: the later record in the log holds.
CREATE TABLE IF NOT EXISTS metric_windows
(
    tenant LowCardinality(String),
    metric LowCardinality(String),
    dimension LowCardinality(String),
    dimension_value String,
    window_seconds UInt32,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    count UInt64,
    mean_ms Nullable(Float64),
    min_ms Nullable(Int64),
    max_ms Nullable(Int64),
    p50_ms Nullable(Float64),
    p90_ms Nullable(Float64),
    p95_ms Nullable(Float64),
    p99_ms Nullable(Float64),
    met Nullable(UInt64),
    breached Nullable(UInt64),
    attainment Nullable(Float64),
    log_position UInt64
)
ENGINE = ReplacingMergeTree(log_position)
ORDER BY (tenant, metric, dimension, dimension_value, window_seconds, window_end);

-- Keyed by where a record came from. A broker that forgets gives the same offsets again, and a file can change under its
-- name: the log's epoch and the bytes keep those apart.
CREATE TABLE IF NOT EXISTS dead_letters
(
    origin String,
    reason LowCardinality(String),
    detail String,
    parked_at DateTime64(3, 'UTC'),
    key Nullable(String),
    original String,
    log_position UInt64,
    precedence UInt64 MATERIALIZED 18446744073709551615 - log_position
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (origin, bitShiftRight(log_position, 48), sipHash64(original));
