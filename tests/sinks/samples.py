"""Records for the sinks' tests: believable ones by hand, any others by hypothesis."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from schemas.records import (
    ActorKind,
    Call,
    Channel,
    EventType,
    InteractionEvent,
    MetricFact,
    MetricWindow,
    Priority,
    SlaAlert,
    Status,
    Survey,
    SurveyKind,
)
from schemas.times import MAX_MS, MIN_MS

T0 = 1_770_000_000_000  # 2026-02-02T02:40:00Z

_text = st.text(max_size=12)
_name = st.text(min_size=1, max_size=12)
_instant = st.integers(MIN_MS, MAX_MS)
_number = st.floats(allow_nan=False, allow_infinity=False, width=32)


def event(event_id: str = "e1", **fields: Any) -> InteractionEvent:
    """A customer's message, changed by `fields`."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "source": "desk",
        "channel": "email",
        "type": "message",
        "occurred_at": T0,
        "conversation_id": "c1",
        "actor_kind": "customer",
    }
    return InteractionEvent(event_id=event_id, **{**given, **fields})


def fact(fact_id: str = "c1/1/1/first_response", **fields: Any) -> MetricFact:
    """A first response after five minutes, changed by `fields`; conversation, episode and metric follow the id."""
    conversation_id, episode, _slot, metric = fact_id.rsplit("/", 3)
    given: dict[str, Any] = {
        "tenant": "acme",
        "metric": metric,
        "conversation_id": conversation_id,
        "episode": int(episode),
        "value_ms": 300_000,
        "started_at": T0,
        "ended_at": T0 + 300_000,
        "channel": "email",
        "agent_id": "ana",
    }
    return MetricFact(fact_id=fact_id, **{**given, **fields})


def alert(**fields: Any) -> SlaAlert:
    """A breach, changed by `fields`."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "fact_id": "c1/1/1/sla_first_response",
        "level": "breach",
        "deadline": T0,
        "raised_at": T0 + 500,
        "metric": "sla_first_response",
        "conversation_id": "c1",
        "channel": "email",
        "policy": "chat",
    }
    return SlaAlert(**{**given, **fields})


def window(**fields: Any) -> MetricWindow:
    """A window of everything over an hour, changed by `fields`."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "metric": "first_response",
        "dimension": "all",
        "window_seconds": 3600,
        "window_start": T0 - 3_600_000,
        "window_end": T0,
        "count": 2,
        "mean_ms": 1500.0,
        "min_ms": 1000,
        "max_ms": 2000,
        "p50_ms": 1500.0,
        "p90_ms": 1900.0,
        "p95_ms": 1950.0,
        "p99_ms": 1990.0,
    }
    return MetricWindow(**{**given, **fields})


surveys = st.builds(
    Survey,
    st.sampled_from(get_args(SurveyKind)),
    _number,
    st.none() | _number,
    st.none() | _number,
    st.none() | _text,
)
calls = st.builds(Call, *(st.floats(0, 1e6) for _field in Call.__struct_fields__))

events = st.builds(
    InteractionEvent,
    event_id=_name,
    tenant=_name,
    source=_name,
    channel=st.sampled_from(get_args(Channel)),
    type=st.sampled_from(get_args(EventType)),
    occurred_at=_instant,
    ingested_at=st.none() | _instant,
    conversation_id=_name,
    customer_id=st.none() | _text,
    actor_kind=st.sampled_from(get_args(ActorKind)),
    actor_id=st.none() | _text,
    team=st.none() | _text,
    priority=st.none() | st.sampled_from(get_args(Priority)),
    language=st.none() | _text,
    sequence=st.none() | st.integers(-(2**63), 2**63 - 1),
    automated=st.booleans(),
    ack=st.booleans(),
    historical=st.booleans(),
    status=st.none() | st.sampled_from(get_args(Status)),
    assignee_id=st.none() | _text,
    survey=st.none() | surveys,
    call=st.none() | calls,
    merged_into=st.none() | _text,
    attributes=st.dictionaries(_text, _text, max_size=3),
)
