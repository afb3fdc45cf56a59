"""Any record the contract allows, made from the records' own types, so that a new field is covered at once."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas import times
from schemas.checks import MAX_CALL_SECONDS, NEEDED
from schemas.records import Call, DeadLetter, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey

INSTANT_FIELDS = {
    *("occurred_at", "ingested_at", "started_at", "ended_at", "deadline", "raised_at", "parked_at"),
    *("window_start", "window_end"),
}
NAME_FIELDS = {"event_id", "tenant", "source", "conversation_id"}
INT_FIELDS = {"revision", "episode", "window_seconds"}

instants = st.integers(times.MIN_MS, times.MAX_MS)
finite = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(0, MAX_CALL_SECONDS)


def of(kind: Any, field: str) -> st.SearchStrategy[Any]:
    """Values for a field of this name and type."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if origin in (typing.Union, types.UnionType):
        return st.one_of([st.none() if arm is type(None) else of(arm, field) for arm in typing.get_args(kind)])
    if origin is dict:
        return st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3)
    if kind is int:
        return instants if field in INSTANT_FIELDS else _integers(field)
    if kind is str:
        return st.text(min_size=1 if field in NAME_FIELDS else 0, max_size=30)
    if kind in (Survey, Call):
        return surveys if kind is Survey else calls
    return {bool: st.booleans(), float: finite, bytes: st.binary(max_size=50)}[kind]


def _integers(field: str) -> st.SearchStrategy[int]:
    bits = 31 if field in INT_FIELDS else 63
    return st.integers(-(2**bits), 2**bits - 1)


def _records(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.fixed_dictionaries({name: of(hint, name) for name, hint in hints.items()}).map(lambda f: kind(**f))


surveys: st.SearchStrategy[Survey] = _records(Survey)
calls: st.SearchStrategy[Call] = st.builds(Call, talk_seconds=seconds, hold_seconds=seconds, wrap_seconds=seconds)


def _complete(event: InteractionEvent) -> bool:
    needed = NEEDED.get(event.type)
    return needed is None or getattr(event, needed) is not None


events: st.SearchStrategy[InteractionEvent] = _records(InteractionEvent).filter(_complete)
facts: st.SearchStrategy[MetricFact] = _records(MetricFact)
alerts: st.SearchStrategy[SlaAlert] = _records(SlaAlert)
windows: st.SearchStrategy[MetricWindow] = _records(MetricWindow)
dead_letters: st.SearchStrategy[DeadLetter] = _records(DeadLetter)


def some_event(**fields: Any) -> InteractionEvent:
    """A plain event, with these fields instead."""
    plain = InteractionEvent(
        event_id="e1",
        tenant="acme",
        source="chat",
        channel="live_chat",
        type="message",
        occurred_at=1_773_133_200_000,
        conversation_id="c1",
        actor_kind="customer",
    )
    return msgspec.structs.replace(plain, **fields)
