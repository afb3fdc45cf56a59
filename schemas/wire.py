"""Records ↔ bytes on Kafka: Avro single-object encoding, read with the writer's schema.

    payload = wire.encode_fact(fact)
    fact = wire.decode_fact(payload)

Every decoder raises `UnknownSchema` for a version this release does not have, and `MalformedRecord` for everything
else that is wrong with the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import msgspec
from fastavro import schemaless_reader, schemaless_writer

from schemas.checks import check_event
from schemas.errors import MalformedRecord, UnknownSchema
from schemas.records import (
    Call,
    DeadLetter,
    InteractionEvent,
    MetricFact,
    MetricWindow,
    SlaAlert,
    Survey,
)
from schemas.registry import HEADER_BYTES, MARKER, by_fingerprint, latest

R = TypeVar("R", bound=msgspec.Struct)


def encode_event(event: InteractionEvent) -> bytes:
    """An event as it lies in `interactions`."""
    document = msgspec.structs.asdict(event)
    document["actor"] = {"kind": document.pop("actor_kind"), "id": document.pop("actor_id")}
    if event.survey is not None:
        document["survey"] = msgspec.structs.asdict(event.survey)
    if event.call is not None:
        document["call"] = msgspec.structs.asdict(event.call)
    return _write("interaction_event", document)


def decode_event(payload: bytes) -> InteractionEvent:
    """The reverse of `encode_event`, for every released version. Raises `InvalidEvent` for what breaks the contract."""
    document = _read("interaction_event", payload)
    actor = document.pop("actor")
    survey, call = document["survey"], document["call"]
    document["survey"] = None if survey is None else Survey(**survey)
    document["call"] = None if call is None else Call(**call)
    event = InteractionEvent(actor_kind=actor["kind"], actor_id=actor["id"], **document)
    check_event(event)
    return event


def _encoder(record: str, kind: type[R]) -> Callable[[R], bytes]:
    def encode(value: R) -> bytes:
        return _write(record, msgspec.structs.asdict(value))

    encode.__doc__ = f"A {kind.__name__} as it lies in Kafka."
    return encode


def _decoder(record: str, kind: type[R]) -> Callable[[bytes], R]:
    def decode(payload: bytes) -> R:
        return kind(**_read(record, payload))

    decode.__doc__ = f"Bytes → {kind.__name__}, for every released version."
    return decode


encode_fact = _encoder("metric_fact", MetricFact)
decode_fact = _decoder("metric_fact", MetricFact)
encode_alert = _encoder("sla_alert", SlaAlert)
decode_alert = _decoder("sla_alert", SlaAlert)
encode_window = _encoder("metric_window", MetricWindow)
decode_window = _decoder("metric_window", MetricWindow)
encode_dead_letter = _encoder("dead_letter", DeadLetter)
decode_dead_letter = _decoder("dead_letter", DeadLetter)


def _write(record: str, document: dict[str, Any]) -> bytes:
    version = latest(record)
    out = BytesIO()
    out.write(version.header)
    schemaless_writer(out, version.parsed, document)
    return out.getvalue()


def _read(record: str, payload: bytes) -> dict[str, Any]:
    if payload[:2] != MARKER or len(payload) < HEADER_BYTES:
        raise MalformedRecord(f"not a {record}: Avro single-object encoding begins with C3 01 and a fingerprint")
    fingerprint = payload[2:HEADER_BYTES]
    writer = by_fingerprint(record).get(fingerprint)
    if writer is None:
        raise UnknownSchema(
            f"a {record} written with schema {fingerprint.hex()}, which this release does not have: "
            "upgrade it, then redrive"
        )
    body = BytesIO(payload)
    body.seek(HEADER_BYTES)
    reader = latest(record)
    try:
        document: Any = schemaless_reader(body, writer.parsed, None if writer is reader else reader.parsed)
    # fastavro has no error class of its own for broken bytes: it raises whatever the damage happens to hit.
    except Exception as exc:
        raise MalformedRecord(f"a {record} cut short or damaged ({type(exc).__name__})") from exc
    if body.tell() != len(payload):
        raise MalformedRecord(f"a {record} with {len(payload) - body.tell()} bytes behind its end")
    return document  # type: ignore[no-any-return]
