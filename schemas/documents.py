"""Records ↔ JSON, the form of `.jsonl` files and of `POST /v1/events`.

event = parse_event(b'{"event_id": "1", ...}')      # raises Refused, naming the field
line = render_fact(fact)
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec

from schemas import refusals, times
from schemas.checks import check_event
from schemas.errors import InvalidEvent, MalformedRecord
from schemas.records import (
    ActorKind,
    Call,
    Channel,
    EventType,
    InteractionEvent,
    MetricFact,
    Priority,
    SlaAlert,
    Status,
    Survey,
    SurveyKind,
)

#: An event without its attributes is about 400 bytes; what is larger than this is no event.
MAX_EVENT_BYTES = 1 << 20

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
#: As many as 64 bits have; the exact range is the decoder's to check.
_MAX_DIGITS = 19
_Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Actor(_Strict):
    kind: ActorKind
    id: str | None = None


class _Survey(_Strict):
    kind: SurveyKind
    score: float
    min: float | None = None
    max: float | None = None
    survey_id: str | None = None


class _Call(_Strict):
    talk_seconds: float | None = 0.0
    hold_seconds: float | None = 0.0
    wrap_seconds: float | None = 0.0


class _Event(_Strict):
    event_id: str
    tenant: str
    source: str
    channel: Channel
    type: EventType
    occurred_at: _Moment
    conversation_id: str
    actor: _Actor
    ingested_at: _Moment | None = None
    customer_id: str | None = None
    team: str | None = None
    priority: Priority | None = None
    language: str | None = None
    sequence: _Long | None = None
    # What is absent may be null as well, also where the record knows no null.
    automated: bool | None = False
    ack: bool | None = False
    historical: bool | None = False
    status: Status | None = None
    assignee_id: str | None = None
    survey: _Survey | None = None
    call: _Call | None = None
    merged_into: str | None = None
    attributes: dict[str, str] | None = {}


#: What may stand in a field that has only so many values.
_ENUMS = {
    "channel": Channel,
    "type": EventType,
    "actor.kind": ActorKind,
    "priority": Priority,
    "status": Status,
    "survey.kind": SurveyKind,
}

_decoder = msgspec.json.Decoder(_Event)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse_event(line: bytes) -> InteractionEvent:
    """One JSON object → event. Raises `MalformedRecord` or `InvalidEvent`, saying which field and why."""
    if len(line) > MAX_EVENT_BYTES:
        raise MalformedRecord(f"{len(line):,} bytes are no event: at most {MAX_EVENT_BYTES:,} are read")
    try:
        try:
            document = _decoder.decode(line)
        except msgspec.ValidationError as exc:
            document = _decode_again(line, exc)
    except msgspec.ValidationError as exc:
        raise InvalidEvent(refusals.told(exc, _ENUMS)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRecord(f"not JSON in UTF-8: {_reason(exc)}") from exc
    event = _from_document(document)
    check_event(event)
    return event


def _decode_again(line: bytes, refusal: msgspec.ValidationError) -> _Event:
    """JSON Schema calls 1.0 and 1e3 integers, the decoder does not: here it reads them as 1 and 1000.

    Raises what the decoder raises: without such a number, `refusal`.
    """
    fields = _fields.decode(line)
    whole = _whole_number(bytes(fields.get("sequence", b"")))
    if whole is None:
        raise refusal
    return _decoder.decode(msgspec.json.encode({**fields, "sequence": whole}))


def _whole_number(written: bytes) -> msgspec.Raw | None:
    """A whole number that is written with a fraction or an exponent, without them; None for everything else."""
    if not set(written) & set(b".eE"):
        return None
    try:
        number = Decimal(written.decode())
    except InvalidOperation:
        return None
    if number == 0:
        return msgspec.Raw(b"0")
    # What has more digits than any field takes is not written out: a short exponent could fill the memory.
    if number.adjusted() >= _MAX_DIGITS or number != number.to_integral_value():
        return None
    return msgspec.Raw(str(int(number)).encode())


def document_schemas(ref_template: str) -> tuple[str, dict[str, Any]]:
    """JSON Schemas of what `parse_event` decodes: the event's name, and by name all that it is made of.

    What `check_event` asks for besides is not in them: see `schemas.event_schema`.
    """
    _, components = msgspec.json.schema_components([_Event], ref_template=ref_template)
    return _Event.__name__, components


def _reason(exc: Exception) -> str:
    # UnicodeDecodeError prints the bytes it met, which may be somebody's words.
    if isinstance(exc, UnicodeDecodeError):
        return f"{exc.reason} at byte {exc.start}"
    return str(exc)


def _from_document(document: _Event) -> InteractionEvent:
    survey, call = document.survey, document.call
    return InteractionEvent(
        event_id=document.event_id,
        tenant=document.tenant,
        source=document.source,
        channel=document.channel,
        type=document.type,
        occurred_at=times.to_ms(document.occurred_at),
        ingested_at=None if document.ingested_at is None else times.to_ms(document.ingested_at),
        conversation_id=document.conversation_id,
        customer_id=document.customer_id,
        actor_kind=document.actor.kind,
        actor_id=document.actor.id,
        team=document.team,
        priority=document.priority,
        language=document.language,
        sequence=document.sequence,
        automated=document.automated or False,
        ack=document.ack or False,
        historical=document.historical or False,
        status=document.status,
        assignee_id=document.assignee_id,
        survey=None if survey is None else Survey(survey.kind, survey.score, survey.min, survey.max, survey.survey_id),
        call=None if call is None else _call(call),
        merged_into=document.merged_into,
        attributes={} if document.attributes is None else document.attributes,
    )


def _call(call: _Call) -> Call:
    return Call(call.talk_seconds or 0.0, call.hold_seconds or 0.0, call.wrap_seconds or 0.0)


def event_document(event: InteractionEvent) -> dict[str, Any]:
    """The event as a JSON object: what is absent is left out."""
    document = msgspec.structs.asdict(event)
    document["actor"] = {"kind": document.pop("actor_kind"), "id": document.pop("actor_id")}
    for field in ("occurred_at", "ingested_at"):
        if document[field] is not None:
            document[field] = times.render(document[field])
    for field in ("survey", "call"):
        if document[field] is not None:
            document[field] = msgspec.structs.asdict(document[field])
    return {key: value for key, value in document.items() if value is not None and value is not False and value != {}}


def render_event(event: InteractionEvent) -> bytes:
    """The event as one line of JSON, without the line's end."""
    return msgspec.json.encode(event_document(event))


def alert_document(alert: SlaAlert) -> dict[str, Any]:
    """The alert as a JSON object: instants as text, absent things as null."""
    document = msgspec.structs.asdict(alert)
    for field in ("deadline", "raised_at"):
        document[field] = times.render(document[field])
    return document


def render_alert(alert: SlaAlert, **more: str) -> bytes:
    """The alert as one line of JSON with further fields, without the line's end."""
    return msgspec.json.encode({**alert_document(alert), **more})


def fact_document(fact: MetricFact) -> dict[str, Any]:
    """The fact as a JSON object: instants as text, absent things as null."""
    document = msgspec.structs.asdict(fact)
    for field in ("started_at", "ended_at", "deadline"):
        if document[field] is not None:
            document[field] = times.render(document[field])
    return document


def render_fact(fact: MetricFact) -> bytes:
    """The fact as one line of JSON, without the line's end."""
    return msgspec.json.encode(fact_document(fact))
