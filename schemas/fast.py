"""The hot forms of `schemas.wire`: the same functions, the same answers and the same errors, several times as fast.

`tests/schemas/test_fast.py` holds them equal to the plain ones on anything, damaged bytes included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from schemas import wire
from schemas.codegen import compile_reader, compile_writer
from schemas.records import InteractionEvent, MetricFact, MetricWindow
from schemas.registry import latest

R = TypeVar("R")

#: Where the flat event has what the schema nests.
_EVENT_PATHS = {"actor_kind": "actor.kind", "actor_id": "actor.id"}


def event_reader(build: Callable[..., R], fields: tuple[str, ...]) -> Callable[[bytes], R | None]:
    """Bytes of an event → `build(values of fields)`, or None if it takes the plain decoder to tell.

    None also for events that `check_event` has to look at: those that need a field which is not there, or have a
    survey or a call.
    """
    version = latest("interaction_event")
    names = ("event_id", "tenant", "source", "conversation_id", "type", "status", *fields)

    def checked(*values: Any) -> R | None:
        event_id, tenant, source, conversation_id, kind, status = values[:6]
        if not (event_id and tenant and source and conversation_id):
            return None
        if kind in _CHECKED and not (kind == "status_changed" and status is not None):
            return None
        return build(*values[6:])

    return _guarded(compile_reader(version, [_EVENT_PATHS.get(name, name) for name in names], checked), version.header)


_CHECKED = frozenset(("status_changed", "survey_answered", "call_ended"))


def _guarded(read: Callable[[bytes], R | None], header: bytes) -> Callable[[bytes], R | None]:
    def guarded(payload: bytes) -> R | None:
        if not payload.startswith(header):
            return None
        try:
            return read(payload)
        except (IndexError, UnicodeDecodeError):
            return None

    return guarded


def _struct_reader(kind: type[R], record: str) -> Callable[[bytes], R | None]:
    # Positional creation of a keyword-only struct is not to be had; a dictionary of known keys is the next best.
    fields: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]
    namespace: dict[str, Any] = {"kind": kind}
    arguments = ", ".join(fields)
    assignments = ", ".join(f"{field}={field}" for field in fields)
    exec(f"def build({arguments}): return kind({assignments})", namespace)  # noqa: S102 - names of our own records
    version = latest(record)
    return _guarded(compile_reader(version, fields, namespace["build"]), version.header)


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
        except (AttributeError, KeyError, TypeError, ValueError):
            return plain(value)

    encode.__doc__ = plain.__doc__
    return encode


def _event(*values: Any) -> InteractionEvent:
    return InteractionEvent(**dict(zip(InteractionEvent.__struct_fields__, values, strict=True)))


decode_event = _decoder(event_reader(_event, InteractionEvent.__struct_fields__), wire.decode_event)
decode_fact = _decoder(_struct_reader(MetricFact, "metric_fact"), wire.decode_fact)
decode_window = _decoder(_struct_reader(MetricWindow, "metric_window"), wire.decode_window)
encode_event = _encoder(
    "interaction_event",
    wire.encode_event,
    ("tenant", "source"),
    {"actor.kind": "r.actor_kind", "actor.id": "r.actor_id"},
)
encode_fact = _encoder("metric_fact", wire.encode_fact, ("tenant", "metric", "channel"))
encode_window = _encoder("metric_window", wire.encode_window, ("tenant", "metric", "dimension_value"))
