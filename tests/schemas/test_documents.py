"""Events as JSON: what the contract allows goes through unchanged, everything else is refused by field."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import documents, times
from schemas.documents import MAX_EVENT_BYTES, parse_event, render_event, render_fact
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import InteractionEvent, MetricFact
from tests.schemas import strategies

PLAIN: dict[str, Any] = {
    "event_id": "e1",
    "tenant": "acme",
    "source": "chat",
    "channel": "live_chat",
    "type": "message",
    "occurred_at": "2026-03-10T09:00:00.000Z",
    "conversation_id": "c1",
    "actor": {"kind": "customer", "id": "c-1"},
}


def line(**fields: Any) -> bytes:
    return json.dumps(PLAIN | fields).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in PLAIN.items() if name != field}).encode()


@settings(max_examples=200, deadline=None)
@given(event=strategies.events)
def test_an_event_survives_its_json(event: InteractionEvent) -> None:
    assert parse_event(render_event(event)) == event


def test_json_and_records_have_the_same_fields() -> None:
    flat = set(InteractionEvent.__struct_fields__) - {"actor_kind", "actor_id"} | {"actor"}
    assert {field.name for field in msgspec.structs.fields(documents._Event)} == flat


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        pytest.param(line(sentiment="good"), "sentiment", id="unknown field"),
        pytest.param(line(actor={"kind": "bot", "mood": "good"}), "mood", id="unknown field inside"),
        pytest.param(line(channel="fax"), "channel", id="unknown channel"),
        pytest.param(line(type="shout"), "type", id="unknown type"),
        pytest.param(line(actor={"kind": "robot"}), r"actor\.kind", id="unknown actor"),
        pytest.param(line(priority="asap"), "priority", id="unknown priority"),
        pytest.param(line(type="status_changed", status="done"), "status", id="unknown status"),
        pytest.param(line(survey={"kind": "stars", "score": 1}), r"survey\.kind", id="unknown survey"),
        pytest.param(line(event_id=7), "event_id", id="number for text"),
        pytest.param(line(automated="yes"), "automated", id="text for bool"),
        pytest.param(line(sequence="1"), "sequence", id="text for number"),
        pytest.param(line(sequence=2**63), "sequence", id="number too large"),
        *(
            pytest.param(line(sequence="NUMBER").replace(b'"NUMBER"', written), "sequence", id=f"sequence {written!r}")
            for written in (
                b"1.5 1e-1 -0.1e0 1e-400 9007199254740993.5 9223372036854775808.0 -9223372036854775808.1 1e19 1e20 "
                b'1e400 1e999999999 1e99999999999999999999 "1.0" "1e3" true [1.0]'
            ).split()
        ),
        pytest.param(line(sequence=1.0, channel="fax"), "channel", id="unknown channel beside a whole number"),
        pytest.param(line(type="survey_answered", survey={"kind": "nps", "score": 10**400}), "score", id="no float"),
        pytest.param(line(attributes={"a": 1}), "attributes", id="number in attributes"),
        pytest.param(line(attributes=json.loads("[" * 400 + "]" * 400)), "attributes", id="nested"),
        pytest.param(line(survey={"kind": "csat"}), "score", id="missing inside"),
        pytest.param(line(actor=None), "actor", id="null"),
        pytest.param(line(event_id=""), "event_id", id="empty"),
        pytest.param(line(tenant="t" * 5000), "tenant", id="too long"),
        pytest.param(line(occurred_at="yesterday"), "occurred_at", id="no time"),
        pytest.param(line(occurred_at="2026-03-10T09:00:00"), "occurred_at", id="no offset"),
        pytest.param(line(occurred_at="2026-02-30T09:00:00Z"), "occurred_at", id="no such day"),
        pytest.param(line(occurred_at="1899-12-31T23:59:59Z"), "occurred_at", id="too early"),
        pytest.param(line(occurred_at="0001-01-01T00:00:00+14:00"), "occurred_at", id="before the calendar"),
        pytest.param(line(ingested_at="2300-01-01T00:00:00Z"), "ingested_at", id="too late"),
        pytest.param(line(occurred_at=1773133200), "occurred_at", id="epoch seconds"),
        pytest.param(line(type="status_changed"), "status", id="status without one"),
        pytest.param(line(type="survey_answered"), "survey", id="survey without one"),
        pytest.param(line(type="call_ended"), "call", id="call without one"),
        pytest.param(line(call={"talk_seconds": -1}), r"call\.talk_seconds", id="negative call"),
        *(pytest.param(without(field), field, id=f"no {field}") for field in PLAIN),
    ],
)
def test_what_breaks_the_contract_is_refused_by_field(raw: bytes, named: str) -> None:
    with pytest.raises(InvalidEvent, match=named):
        parse_event(raw)


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("channel", line(channel="se'cret - at `$.type`")),
        ("type", line(type="secret")),
        ("actor.kind", line(actor={"kind": "secret"})),
        ("priority", line(priority="secret")),
        ("status", line(status="secret")),
        ("survey.kind", line(survey={"kind": "secret", "score": 1})),
    ],
)
def test_a_refusal_names_what_is_allowed_and_not_what_was_there(field: str, raw: bytes) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_event(raw)
    assert refused.value.detail.startswith("Expected one of ")
    assert refused.value.detail.endswith(f" - at `$.{field}`")
    assert "cret" not in refused.value.detail


def test_what_is_absent_may_be_null() -> None:
    fields = [each.name for each in msgspec.structs.fields(documents._Event) if each.name not in PLAIN]
    assert parse_event(line(**dict.fromkeys(fields))) == parse_event(line())
    quiet = line(type="call_ended", call=dict.fromkeys(("talk_seconds", "hold_seconds", "wrap_seconds")))
    assert parse_event(quiet) == parse_event(line(type="call_ended", call={}))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut short"),
        pytest.param(line() + b"}", id="more behind"),
        pytest.param(b'{"event_id": NaN}', id="not a number"),
        pytest.param(line(sequence=float("nan")), id="not a number for a whole one"),
        pytest.param(line(sequence=1.0)[:-1], id="cut short behind a whole number"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(line().replace(b"acme", b"ac\xffme"), id="no UTF-8 inside"),
        pytest.param(line(tenant="\ud800"), id="half a surrogate pair"),
        pytest.param(line(tenant="\udc00\ud800"), id="surrogates the wrong way round"),
        pytest.param(b"\xef\xbb\xbf" + line(), id="byte order mark"),
        pytest.param(b" " * (10 << 20), id="10 MB"),
        pytest.param(line(attributes={"text": "x" * MAX_EVENT_BYTES}), id="just too large"),
    ],
)
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_event(raw)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"1.0", 1),
        (b"-2507361663.0", -2507361663),
        (b"1e3", 1000),
        (b"1E+3", 1000),
        (b"1.25e2", 125),
        (b"12300e-2", 123),
        (b"-0.0", 0),
        (b"0e99", 0),
        (b"0e999999999", 0),
        (b"9007199254740993.0", 2**53 + 1),
        (b"9223372036854775807.000", 2**63 - 1),
        (b"-9.223372036854775808e18", -(2**63)),
        pytest.param(b"1." + b"0" * 100_000, 1, id="many zeros"),
    ],
)
def test_a_whole_number_may_be_written_with_a_fraction_or_an_exponent(written: bytes, meant: int) -> None:
    raw = line(sequence="NUMBER", attributes={"of": "1.5e3"}).replace(b'"NUMBER"', written)
    assert parse_event(raw) == parse_event(line(sequence=meant, attributes={"of": "1.5e3"}))


@pytest.mark.parametrize("raw", [b"null", b"1", b"[]", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b"{}"])
def test_what_is_json_but_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        parse_event(raw)


@settings(max_examples=300)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        parse_event(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(sorted(documents._Event.__struct_fields__)), value=json_values)
def test_any_value_in_any_field_is_an_event_or_refused(field: str, value: Any) -> None:
    try:
        event = parse_event(line(**{field: value}))
    except Refused:
        return
    assert parse_event(render_event(event)) == event


def test_a_refusal_does_not_repeat_undecodable_bytes() -> None:
    with pytest.raises(MalformedRecord) as refused:
        parse_event(line().replace(b"acme", b"secret\xffword"))
    assert "secret" not in str(refused.value)


def test_offsets_are_taken_into_account() -> None:
    event = parse_event(line(occurred_at="2026-03-10T12:30:00.250+03:30"))
    assert times.render(event.occurred_at) == "2026-03-10T09:00:00.250Z"


def test_what_is_absent_is_left_out_of_an_event() -> None:
    assert set(json.loads(render_event(parse_event(line())))) == set(PLAIN)


@settings(max_examples=100, deadline=None)
@given(fact=strategies.facts)
def test_a_facts_json_has_every_field_and_instants_as_text(fact: MetricFact) -> None:
    document = json.loads(render_fact(fact))
    assert set(document) == set(MetricFact.__struct_fields__)
    for field in ("started_at", "ended_at", "deadline"):
        instant = getattr(fact, field)
        assert document[field] == (None if instant is None else times.render(instant))
