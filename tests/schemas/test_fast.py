"""The quick readers and writers say what the plain ones say, about anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import fast, wire
from schemas.codegen import GENERATED, NATIVE, Codegen, long_bytes
from schemas.errors import Refused
from schemas.records import Call, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey
from schemas.registry import HEADER_BYTES, latest
from tests.schemas import strategies

PLAIN_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "interaction_event": wire.decode_event,
    "metric_fact": wire.decode_fact,
    "sla_alert": wire.decode_alert,
    "metric_window": wire.decode_window,
}


@pytest.fixture(scope="module", params=["generated", "native"])
def codecs(request: pytest.FixtureRequest) -> fast.Codecs:
    """Both ways of making them."""
    found: Codegen | None = GENERATED if request.param == "generated" else NATIVE
    if found is None:
        assert os.environ.get("SUPPORTPULSE_REQUIRE_COMPILED") != "1", "the native readers and writers were not built"
        pytest.skip("needs the native readers and writers: they were not built")
    return fast.Codecs(found)


def answer(decode: Callable[[bytes], Any], payload: bytes) -> object:
    """The record, or the kind of refusal and its words."""
    try:
        return decode(payload)
    except Refused as refused:
        return type(refused), refused.detail


def same(codecs: fast.Codecs, record: str, payload: bytes) -> None:
    plain = PLAIN_DECODERS[record]
    ours = getattr(codecs, plain_name(record))
    assert answer(ours, payload) == answer(plain, payload)


def plain_name(record: str) -> str:
    return f"decode_{record.rpartition('_')[2]}"


@given(strategies.events)
def test_events_are_the_same_bytes_and_the_same_events(codecs: fast.Codecs, event: InteractionEvent) -> None:
    payload = wire.encode_event(event)
    assert codecs.encode_event(event) == payload
    assert codecs.decode_event(payload) == event


@given(strategies.facts)
def test_facts_are_the_same_bytes_and_the_same_facts(codecs: fast.Codecs, fact: MetricFact) -> None:
    payload = wire.encode_fact(fact)
    assert codecs.encode_fact(fact) == payload
    assert codecs.decode_fact(payload) == fact


@given(strategies.alerts)
def test_alerts_are_the_same_bytes_and_the_same_alerts(codecs: fast.Codecs, alert: SlaAlert) -> None:
    payload = wire.encode_alert(alert)
    assert codecs.encode_alert(alert) == payload
    assert codecs.decode_alert(payload) == alert


@given(strategies.windows)
def test_windows_are_the_same_bytes_and_the_same_windows(codecs: fast.Codecs, window: MetricWindow) -> None:
    payload = wire.encode_window(window)
    assert codecs.encode_window(window) == payload
    assert codecs.decode_window(payload) == window


@given(strategies.events, st.data())
def test_a_damaged_event_is_refused_in_the_same_words(
    codecs: fast.Codecs, event: InteractionEvent, data: st.DataObject
) -> None:
    payload = bytearray(wire.encode_event(event))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    same(codecs, "interaction_event", bytes(payload))
    same(codecs, "interaction_event", bytes(payload[: data.draw(st.integers(0, len(payload)))]))
    same(codecs, "interaction_event", bytes(payload) + data.draw(st.binary(max_size=3)))


@given(strategies.facts, st.data())
def test_a_damaged_fact_is_refused_in_the_same_words(
    codecs: fast.Codecs, fact: MetricFact, data: st.DataObject
) -> None:
    payload = bytearray(wire.encode_fact(fact))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    same(codecs, "metric_fact", bytes(payload))
    same(codecs, "metric_fact", bytes(payload[: data.draw(st.integers(0, len(payload)))]))


@pytest.mark.parametrize("record", PLAIN_DECODERS)
@given(body=st.binary(max_size=200))
@example(body=b"")
@example(body=b"\x80" * 60)
def test_noise_is_refused_in_the_same_words(codecs: fast.Codecs, record: str, body: bytes) -> None:
    same(codecs, record, latest(record).header + body)
    same(codecs, record, body)


@given(strategies.events, st.sampled_from(("event_id", "tenant", "actor_id", "team")), st.integers(4090, 9000))
def test_names_end_where_the_checks_say(codecs: fast.Codecs, event: InteractionEvent, field: str, length: int) -> None:
    long = msgspec.structs.replace(event, **{field: "ü" * length})
    same(codecs, "interaction_event", wire.encode_event(long))


@given(st.integers(-(2**63), 2**63 - 1))
@example(0x1FFF)
@example(0x2000)
@example(0x7FFFFFF)
@example(0x8000000)
@example(0x1FFFFFFFFFF)
@example(0x20000000000)
@example(-1)
def test_numbers_are_avros_varints(number: int) -> None:
    expected = number << 1 ^ number >> 63
    found, shift = 0, 0
    for byte in long_bytes(number):
        found |= (byte & 0x7F) << shift
        shift += 7
    assert found == expected & (2**64 - 1)
    assert long_bytes(number)[-1] < 0x80


PLAIN = InteractionEvent(
    event_id="e",
    tenant="t",
    source="s",
    channel="email",
    type="message",
    occurred_at=1_780_000_000_000,
    conversation_id="c",
    actor_kind="customer",
)


def cannot_tell(payload: bytes) -> None:
    """In the place of the plain decoder."""


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"attributes": {"text_length": "120", "größe": "ü"}},
        {"type": "status_changed", "status": "resolved", "team": "vip", "sequence": 2**40},
        {"type": "survey_answered", "survey": Survey("csat", 4.0, 1.0, 5.0, "q1")},
        {"type": "call_ended", "call": Call(60.0, 0.5, 12.0)},
    ],
    ids=lambda said: "-".join(said) or "nothing",
)
def test_the_usual_events_take_the_short_way(codecs: fast.Codecs, said: dict[str, Any]) -> None:
    event = msgspec.structs.replace(PLAIN, **said)
    assert codecs.event_reader(InteractionEvent, cannot_tell)(wire.encode_event(event)) == event
    assert HEADER_BYTES == 10


@pytest.mark.parametrize(
    "said",
    [
        {"type": "status_changed"},
        {"type": "call_ended"},
        {"type": "survey_answered", "survey": Survey("csat", float("nan"))},
        {"type": "call_ended", "call": Call(-1.0)},
    ],
    ids=str,
)
def test_what_the_checks_refuse_takes_the_long_way(codecs: fast.Codecs, said: dict[str, Any]) -> None:
    payload = wire.encode_event(msgspec.structs.replace(PLAIN, **said))
    assert codecs.event_reader(InteractionEvent, cannot_tell)(payload) is None
    same(codecs, "interaction_event", payload)


def test_events_that_say_the_same_do_not_share_what_can_be_changed(codecs: fast.Codecs) -> None:
    payload = wire.encode_event(msgspec.structs.replace(PLAIN, attributes={"a": "1"}))
    first = codecs.decode_event(payload)
    first.attributes["a"] = "2"
    assert codecs.decode_event(payload).attributes == {"a": "1"}
