"""What the types alone do not say about an event. JSON and Avro both pass here, so neither can break the fold."""

from __future__ import annotations

from math import isfinite

from schemas import times
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent, Survey

MAX_NAME_CHARACTERS = 4096
MAX_CALL_SECONDS = 31_557_600.0

#: What a type cannot do without, beyond the fields every event has.
NEEDED = {"status_changed": "status", "survey_answered": "survey", "call_ended": "call"}


def check_event(event: InteractionEvent) -> None:
    """Raises `InvalidEvent`, naming the field, for an event that the pipeline could not work with."""
    for field, name in (
        ("event_id", event.event_id),
        ("tenant", event.tenant),
        ("source", event.source),
        ("conversation_id", event.conversation_id),
    ):
        if not 0 < len(name) <= MAX_NAME_CHARACTERS:
            raise InvalidEvent(f"Expected 1 to {MAX_NAME_CHARACTERS} characters, got {len(name)} - at `$.{field}`")
    _check_lengths(event)
    _check_instant("occurred_at", event.occurred_at)
    if event.ingested_at is not None:
        _check_instant("ingested_at", event.ingested_at)
    needed = NEEDED.get(event.type)
    if needed is not None and getattr(event, needed) is None:
        raise InvalidEvent(f"Object missing required field `{needed}`, which {event.type} needs")
    if event.survey is not None or event.call is not None:
        check_parts(event.survey, event.call)


def check_parts(survey: Survey | None, call: Call | None) -> None:
    """Raises `InvalidEvent` for a survey or a call that an event could not have."""
    if survey is not None:
        _check_survey(survey)
    if call is not None:
        _check_call(call)


def _check_lengths(event: InteractionEvent) -> None:
    # A conversation's state is one Kafka record: what it remembers of an event has to have an end.
    survey_id = None if event.survey is None else event.survey.survey_id
    names = (
        ("customer_id", event.customer_id),
        ("actor.id", event.actor_id),
        ("team", event.team),
        ("language", event.language),
        ("assignee_id", event.assignee_id),
        ("merged_into", event.merged_into),
        ("survey.survey_id", survey_id),
    )
    for field, name in names:
        if name is not None and len(name) > MAX_NAME_CHARACTERS:
            raise InvalidEvent(f"Expected at most {MAX_NAME_CHARACTERS} characters, got {len(name)} - at `$.{field}`")


def _check_instant(field: str, at_ms: times.EpochMs) -> None:
    if not times.MIN_MS <= at_ms <= times.MAX_MS:
        raise InvalidEvent(f"{at_ms} ms is outside of 1900 to 2299 - at `$.{field}`")


def _check_survey(survey: Survey) -> None:
    for field, number in (("score", survey.score), ("min", survey.min), ("max", survey.max)):
        if number is not None and not isfinite(number):
            raise InvalidEvent(f"Expected a finite number, got {number} - at `$.survey.{field}`")


def _check_call(call: Call) -> None:
    parts = (
        ("talk_seconds", call.talk_seconds),
        ("hold_seconds", call.hold_seconds),
        ("wrap_seconds", call.wrap_seconds),
    )
    for field, seconds in parts:
        # A comparison with NaN is false, so this refuses it too.
        if not 0 <= seconds <= MAX_CALL_SECONDS:
            raise InvalidEvent(f"Expected 0 to {MAX_CALL_SECONDS:.0f} seconds, got {seconds} - at `$.call.{field}`")
