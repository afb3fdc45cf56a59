"""The hot forms of `schemas.wire`: the same functions, the same answers and the same errors, several times as fast.

`tests/schemas/test_fast.py` holds them equal to the plain ones on anything, damaged bytes included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from schemas import wire
from schemas.checks import NEEDED, check_parts
from schemas.codegen import UNREADABLE, Run, compile_reader, compile_writer
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey
from schemas.registry import latest

R = TypeVar("R", bound=msgspec.Struct)

#: Where the flat event has what the schema nests.
_EVENT_LOCALS = {"actor_kind": "_actor_kind", "actor_id": "_actor_id"}
#: What `check_event` would refuse, or has to look at.
_UNLESS = (
    "not (_event_id and _tenant and _source and _conversation_id)",
    *(f"_type == {kind!r} and _{field} is None" for kind, field in NEEDED.items()),
    "(_survey is not None or _call is not None) and not sound(_survey, _call)",
)
#: Source and kind of event, and everything that most events leave out, come in few combinations.
_RUNS: tuple[Run, ...] = (("tenant", "type"), ("team", None))


def event_reader(result: str, names: Mapping[str, Any]) -> Callable[[bytes], Any | None]:
    """Bytes of an event → the value of `result`, or None if it takes the plain decoder to tell.

    `result` is as `compile_reader` wants it. None also for events that `check_event` refuses.
    """
    version = latest("interaction_event")
    known = {**names, "Survey": Survey, "Call": Call, "sound": _sound}
    return _guarded(compile_reader(version, result, known, _UNLESS, _RUNS), version.header)


def arguments(kind: type[msgspec.Struct], *, by_name: bool) -> str:
    """The fields of a record as arguments for making it, in the names that generated readers give them."""
    fields = kind.__struct_fields__
    locals_ = [_EVENT_LOCALS.get(field, f"_{field}") for field in fields]
    return ", ".join(f"{field}={local}" if by_name else local for field, local in zip(fields, locals_, strict=True))


def _sound(survey: Survey | None, call: Call | None) -> bool:
    try:
        check_parts(survey, call)
    except InvalidEvent:
        return False
    return True


def _guarded(read: Callable[[bytes], R | None], header: bytes) -> Callable[[bytes], R | None]:
    def guarded(payload: bytes) -> R | None:
        if not payload.startswith(header):
            return None
        try:
            return read(payload)
        except UNREADABLE:
            return None

    return guarded


def _struct_reader(kind: type[R], record: str) -> Callable[[bytes], R | None]:
    version = latest(record)
    return _guarded(compile_reader(version, f"kind({arguments(kind, by_name=True)})", {"kind": kind}), version.header)


def _decoder(read: Callable[[bytes], R | None], plain: Callable[[bytes], R]) -> Callable[[bytes], R]:
    def decode(payload: bytes) -> R:
        found = read(payload)
        return plain(payload) if found is None else found

    decode.__doc__ = plain.__doc__
    return decode


def _encoder(
    record: str,
    plain: Callable[[Any], bytes],
    repeated: tuple[str, ...],
    paths: dict[str, str] | None = None,
) -> Callable[[Any], bytes]:
    write = compile_writer(latest(record), paths, repeated)

    def encode(value: Any) -> bytes:
        try:
            return write(value)
        # Whatever does not fit the schema is for the plain encoder to refuse in its own words.
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return plain(value)

    encode.__doc__ = plain.__doc__
    return encode


decode_event = _decoder(
    event_reader(
        # What a run means is shared by all events that have it, and this is all of it that can be changed.
        f"event({arguments(InteractionEvent, by_name=True)})".replace("=_attributes", "=_attributes.copy()"),
        {"event": InteractionEvent},
    ),
    wire.decode_event,
)
decode_fact = _decoder(_struct_reader(MetricFact, "metric_fact"), wire.decode_fact)
decode_window = _decoder(_struct_reader(MetricWindow, "metric_window"), wire.decode_window)
encode_event = _encoder(
    "interaction_event",
    wire.encode_event,
    ("tenant", "source"),
    {"actor.kind": "r.actor_kind", "actor.id": "r.actor_id"},
)
decode_alert = _decoder(_struct_reader(SlaAlert, "sla_alert"), wire.decode_alert)
encode_alert = _encoder("sla_alert", wire.encode_alert, ("tenant", "metric", "policy"))
encode_fact = _encoder("metric_fact", wire.encode_fact, ("tenant", "metric", "channel"))
encode_window = _encoder("metric_window", wire.encode_window, ("tenant", "metric", "dimension_value"))
