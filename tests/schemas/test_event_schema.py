"""The event's JSON Schema and `parse_event` take the same: jsonschema judges both ends of what schemas can say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.documents import parse_event
from schemas.errors import Refused
from schemas.event_schema import event_schema

_EVENT, _PARTS = event_schema("#/$defs/")
SCHEMA = Draft202012Validator({**_EVENT, "$defs": _PARTS})
LARGEST = 1.7976931348623157e308


def event(**fields: Any) -> dict[str, Any]:
    plain = {
        "event_id": "e1",
        "tenant": "acme",
        "source": "shop",
        "channel": "in_app",
        "type": "message",
        "occurred_at": "2026-03-10T09:00:00Z",
        "conversation_id": "c1",
        "actor": {"kind": "customer"},
    }
    return plain | fields


def survey(**fields: Any) -> dict[str, Any]:
    return event(type="survey_answered", survey={"kind": "csat", "score": 5} | fields)


def call(**fields: Any) -> dict[str, Any]:
    return event(type="call_ended", call=fields)


def is_taken(document: dict[str, Any]) -> bool:
    try:
        parse_event(json.dumps(document).encode())
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "document",
    [
        event(sequence=-2507361663.0),
        event(sequence=1e15),
        event(sequence=-0.0),
        event(sequence=-(2.0**53)),
        event(sequence=-(2**63)),
        event(sequence=2**63 - 1),
        survey(score=10**308),
        survey(score=-LARGEST, min=-LARGEST, max=LARGEST),
        call(talk_seconds=-0.0, wrap_seconds=31557600),
        event(event_id="\U0001f600" * 4096),
        event(team="", attributes={"": "\0"}),
        event(automated=None, ack=None, historical=None, attributes=None, call=None, survey=None, status=None),
        call(talk_seconds=None, hold_seconds=None, wrap_seconds=None),
    ],
)
def test_both_take_it(document: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(document)
    assert is_taken(document)


@pytest.mark.parametrize(
    "document",
    [
        event(sequence=1.5),
        event(sequence=2.0**63),
        event(sequence=1e300),
        event(sequence=True),
        survey(score=10**309),
        survey(min=-(10**309)),
        call(talk_seconds=31557600.1),
        event(event_id="\U0001f600" * 4097),
        event(automated=1),
    ],
)
def test_neither_takes_it(document: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(document)
    assert not is_taken(document)


_EXACTLY_WRITTEN = 2**53
#: Beyond 2^53 the shortest text of a whole float is another number than the float.
numbers = (
    st.integers()
    | st.integers(-_EXACTLY_WRITTEN, _EXACTLY_WRITTEN).map(float)
    | st.floats(-_EXACTLY_WRITTEN, _EXACTLY_WRITTEN)
)


@settings(max_examples=300, deadline=None)
@given(number=numbers, field=st.sampled_from(["sequence", "score", "min", "talk_seconds", "automated", "team"]))
def test_they_agree_on_any_number(number: float, field: str) -> None:
    make = {"score": survey, "min": survey, "talk_seconds": call}.get(field, event)
    document = make(**{field: number})
    assert SCHEMA.is_valid(document) == is_taken(document)
