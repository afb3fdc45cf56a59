"""The hot forms of `schemas.wire`: the same functions, the same answers and the same errors, several times as fast.

`tests/schemas/test_fast.py` holds them equal to the plain ones on anything, damaged bytes included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from schemas import wire
from schemas.checks import NEEDED, check_parts
from schemas.codegen import CHOSEN, Codegen, Conditions, Run, Shape
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey
from schemas.registry import latest

R = TypeVar("R", bound=msgspec.Struct)

#: Source and kind of event, and everything that most events leave out, come in few combinations.
_RUNS: tuple[Run, ...] = (("tenant", "type"), ("team", None))


def _sound(survey: Survey | None, call: Call | None) -> bool:
    try:
        check_parts(survey, call)
    except InvalidEvent:
        return False
    return True


#: What `check_event` would refuse, or has to look at.
_CONDITIONS = Conditions(
    filled=("event_id", "tenant", "source", "conversation_id"),
    needed=NEEDED,
    sound=_sound,
    sound_of=("survey", "call"),
)


class Codecs:
    """Every reader and writer, by one way of making them."""

    def __init__(self, codegen: Codegen) -> None:
        self._codegen = codegen
        self.decode_event: Callable[[bytes], InteractionEvent] = self.event_reader(InteractionEvent, wire.decode_event)
        self.decode_fact = self._reader("metric_fact", MetricFact, wire.decode_fact)
        self.decode_alert = self._reader("sla_alert", SlaAlert, wire.decode_alert)
        self.decode_window = self._reader("metric_window", MetricWindow, wire.decode_window)
        self.encode_event = codegen.compile_writer(
            latest("interaction_event"), _event_shape(InteractionEvent), wire.encode_event, ("tenant", "source")
        )
        self.encode_fact = self._writer("metric_fact", MetricFact, wire.encode_fact, ("tenant", "metric", "channel"))
        self.encode_alert = self._writer("sla_alert", SlaAlert, wire.encode_alert, ("tenant", "metric", "policy"))
        self.encode_window = self._writer(
            "metric_window", MetricWindow, wire.encode_window, ("tenant", "metric", "dimension_value")
        )

    def event_reader(
        self, kind: type[msgspec.Struct], plainly: Callable[[bytes], Any], beside: tuple[str, ...] = ()
    ) -> Callable[[bytes], Any]:
        """Bytes of an event → a `kind`, or a tuple of the fields `beside` and a `kind`.

        The answer is that of `plainly` for events that are unusual, and for all that `check_event` refuses.
        """
        shape = _event_shape(kind)
        return self._codegen.compile_reader(
            latest("interaction_event"), shape, plainly, _CONDITIONS, beside=beside, runs=_RUNS
        )

    def _reader(self, record: str, kind: type[R], plainly: Callable[[bytes], R]) -> Callable[[bytes], R]:
        return self._codegen.compile_reader(latest(record), Shape(kind), plainly)

    def _writer(
        self, record: str, kind: type[R], plainly: Callable[[R], bytes], repeated: tuple[str, ...]
    ) -> Callable[[R], bytes]:
        return self._codegen.compile_writer(latest(record), Shape(kind), plainly, repeated)


def _event_shape(kind: type[msgspec.Struct]) -> Shape:
    # The flat event has here what the schema nests.
    return Shape(kind, {"actor_kind": "actor.kind", "actor_id": "actor.id"}, {"Survey": Survey, "Call": Call})


_codecs = Codecs(CHOSEN)
event_reader = _codecs.event_reader
decode_event, encode_event = _codecs.decode_event, _codecs.encode_event
decode_fact, encode_fact = _codecs.decode_fact, _codecs.encode_fact
decode_alert, encode_alert = _codecs.decode_alert, _codecs.encode_alert
decode_window, encode_window = _codecs.decode_window, _codecs.encode_window
