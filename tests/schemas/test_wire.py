"""What is written is read back; what is damaged is refused with the right name and never crashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import fast, registry, times, wire
from schemas.errors import InvalidEvent, MalformedRecord, Refused, UnknownSchema
from schemas.records import Call, DeadLetter, InteractionEvent, MetricFact, Survey
from schemas.registry import HEADER_BYTES, MARKER, SchemaVersion
from tests.schemas import strategies
from tests.schemas.older import earlier, fields_of, written_with
from tests.schemas.strategies import some_event

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]

RECORDS: dict[str, tuple[Encode, Decode, st.SearchStrategy[Any]]] = {
    "interaction_event": (wire.encode_event, wire.decode_event, strategies.events),
    "metric_fact": (wire.encode_fact, wire.decode_fact, strategies.facts),
    "sla_alert": (wire.encode_alert, wire.decode_alert, strategies.alerts),
    "metric_window": (wire.encode_window, wire.decode_window, strategies.windows),
    "dead_letter": (wire.encode_dead_letter, wire.decode_dead_letter, strategies.dead_letters),
}
each_record = pytest.mark.parametrize("record", RECORDS)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_record_has_a_form_on_the_wire() -> None:
    assert set(RECORDS) == set(registry.RECORDS)


@each_record
@thorough
@given(data=st.data())
def test_what_is_written_is_read_back(record: str, data: st.DataObject) -> None:
    encode, decode, values = RECORDS[record]
    value = data.draw(values)
    assert decode(encode(value)) == value


@each_record
@thorough
@given(data=st.data())
def test_a_record_cut_short_is_malformed(record: str, data: st.DataObject) -> None:
    encode, decode, values = RECORDS[record]
    payload = encode(data.draw(values))
    with pytest.raises(MalformedRecord):
        decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


@each_record
@thorough
@given(data=st.data(), more=st.binary(min_size=1))
def test_bytes_behind_the_end_are_malformed(record: str, data: st.DataObject, more: bytes) -> None:
    encode, decode, values = RECORDS[record]
    with pytest.raises(MalformedRecord, match="behind its end"):
        decode(encode(data.draw(values)) + more)


@each_record
@thorough
@given(data=st.data())
def test_damage_anywhere_is_refused_or_still_a_record(record: str, data: st.DataObject) -> None:
    encode, decode, values = RECORDS[record]
    payload = bytearray(encode(data.draw(values)))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        value = decode(bytes(payload))
    except Refused:
        return
    assert decode(encode(value)) == value


@each_record
@thorough
@given(body=st.binary(max_size=200))
def test_garbage_under_a_right_header_is_refused_or_a_record(record: str, body: bytes) -> None:
    encode, decode, _ = RECORDS[record]
    try:
        value = decode(registry.latest(record).header + body)
    except Refused:
        return
    assert decode(encode(value)) == value


@each_record
@given(payload=st.binary(max_size=100).filter(lambda payload: payload[:2] != MARKER))
def test_what_does_not_begin_with_the_marker_is_malformed(record: str, payload: bytes) -> None:
    with pytest.raises(MalformedRecord, match="C3 01"):
        RECORDS[record][1](payload)


@pytest.mark.parametrize("version", earlier("metric_fact"), ids=lambda version: str(version.number))
@given(fact=strategies.facts)
def test_a_fact_of_an_earlier_release_is_read_without_what_it_did_not_say(
    version: SchemaVersion, fact: MetricFact
) -> None:
    unsaid = set(MetricFact.__struct_fields__) - set(fields_of(version))
    expected = msgspec.structs.replace(fact, **dict.fromkeys(unsaid))
    payload = written_with(version, fact)
    assert wire.decode_fact(payload) == fast.decode_fact(payload) == expected


@each_record
@given(stranger=st.binary(min_size=8, max_size=8), body=st.binary(max_size=50))
def test_a_version_from_the_future_is_unknown_not_broken(record: str, stranger: bytes, body: bytes) -> None:
    if stranger in registry.by_fingerprint(record):
        return
    with pytest.raises(UnknownSchema, match=stranger.hex()):
        RECORDS[record][1](MARKER + stranger + body)


def test_one_record_is_not_taken_for_another() -> None:
    with pytest.raises(UnknownSchema):
        wire.decode_fact(wire.encode_event(some_event()))


@each_record
def test_the_header_is_the_markers_two_bytes_and_the_fingerprint_little_endian(record: str) -> None:
    version = registry.latest(record)
    assert version.header[:2] == b"\xc3\x01"
    assert len(version.header) == HEADER_BYTES == 10
    assert version.header[2:] == crc64(to_parsing_canonical_form(version.document)).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("schema", "big_endian"),
    [
        ('"int"', "7275d51a3f395c8f"),
        ('"string"', "8f014872634503c7"),
        ('"null"', "63dd24e7cc258f8a"),
        ('"long"', "d054e14493f41db7"),
        ('"bytes"', "4fc016dac3201965"),
    ],
)
def test_the_fingerprint_is_the_specifications(schema: str, big_endian: str) -> None:
    assert f"{crc64(schema):016x}" == big_endian
    assert bytes.fromhex(fingerprint(schema, "CRC-64-AVRO"))[::-1].hex() == big_endian


def crc64(text: str) -> int:
    """CRC-64-AVRO, word for word from the specification."""
    empty = 0xC15D213AA4D7A795
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ (empty & -(value & 1))
        table.append(value)
    result = empty
    for byte in text.encode():
        result = (result >> 8) ^ table[(result ^ byte) & 0xFF]
    return result


INVALID: dict[str, InteractionEvent] = {
    "event_id": some_event(event_id=""),
    "tenant": some_event(tenant=""),
    "source": some_event(source="s" * 4097),
    "conversation_id": some_event(conversation_id=""),
    "occurred_at": some_event(occurred_at=times.MAX_MS + 1),
    "ingested_at": some_event(ingested_at=times.MIN_MS - 1),
    "status": some_event(type="status_changed"),
    "survey": some_event(type="survey_answered"),
    "call": some_event(type="call_ended"),
    "survey.score": some_event(type="survey_answered", survey=Survey("csat", float("nan"))),
    "survey.max": some_event(type="survey_answered", survey=Survey("csat", 1.0, 0.0, float("inf"))),
    "call.talk_seconds": some_event(type="call_ended", call=Call(talk_seconds=-1.0)),
    "call.wrap_seconds": some_event(type="call_ended", call=Call(wrap_seconds=float("nan"))),
}


@pytest.mark.parametrize("field", INVALID)
def test_an_event_the_fold_could_not_work_with_is_refused_by_field(field: str) -> None:
    with pytest.raises(InvalidEvent, match=field):
        wire.decode_event(wire.encode_event(INVALID[field]))


def test_a_refusal_does_not_repeat_what_somebody_wrote() -> None:
    secret = "my card number is 4111"
    payload = wire.encode_dead_letter(
        DeadLetter(reason="malformed", detail="", origin="here", parked_at=0, original=secret.encode())
    )
    with pytest.raises(MalformedRecord) as refused:
        wire.decode_dead_letter(payload[:-1])
    assert secret[:10] not in str(refused.value)
