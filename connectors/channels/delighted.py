"""Delighted ("Webhooks", "Survey responses").

A response is told when the score is given and again when a comment follows or the score is changed: all of it is one
answer, whose latest version holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.payloads import (
    from_epoch_s,
    json_object,
    number_of,
    object_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.signatures import hex_hmac, require_match, require_shared_secret
from connectors.channels.surveys import SurveyOptions, answer
from schemas.errors import InvalidEvent
from schemas.records import Survey, SurveyKind

_SIGNATURE = "x-delighted-webhook-signature"


class _Scale(NamedTuple):
    kind: SurveyKind
    least: float
    most: float


#: `survey_type` → what it measures, from the low end of its scale to the high one.
SCALES: Mapping[str, _Scale] = {
    "nps": _Scale("nps", 0, 10),
    "csat": _Scale("csat", 1, 5),
    "five_star": _Scale("csat", 1, 5),
    "smileys": _Scale("csat", 1, 5),
    "thumbs": _Scale("csat", 0, 1),
    "ces": _Scale("ces", 1, 5),
}
#: Surveys of employees, and of how a product fits: nobody's support.
OTHER_SURVEYS = frozenset({"enps", "pmf"})
RESPONSES = frozenset({"survey_response.created", "survey_response.updated"})
OTHER_EVENTS = frozenset(
    {"person.unsubscribed", "person.bounced", "unsubscribe", "unsubscribe.created", "bounce", "bounce.created", "test"}
)


class Delighted(ChannelConnector[SurveyOptions]):
    """Delighted's webhooks."""

    vendor = "delighted"
    Options = SurveyOptions

    def verify(self, delivery: Delivery, source: Source[SurveyOptions]) -> None:
        """The HMAC of the raw body in hexadecimal where Delighted signs; else a secret of ours in a header."""
        given = delivery.headers.get(_SIGNATURE)
        if given is None:
            require_shared_secret(delivery, source)
            return
        given = given.removeprefix("sha256=")
        require_match(given, (hex_hmac(secret, delivery.body) for secret in source.secrets), "the signature")

    def parse(self, delivery: Delivery, source: Source[SurveyOptions]) -> Parsed:
        """One delivery is one response."""
        payload = json_object(delivery.body)
        kind = text_of(payload.get("event_type"))
        response = object_at(payload, "event_data")
        parsed = Parsed()
        if kind is None:
            raise InvalidEvent("event_type is missing: this is no event of Delighted's")
        if kind in RESPONSES:
            _response(response, delivery, source, parsed)
        elif kind in OTHER_EVENTS:
            parsed.ignore("no_response")
        else:
            parsed.park("an event_type of Delighted's that is not known", payload)
        return parsed


def _response(response: Mapping[str, Any], delivery: Delivery, source: Source[SurveyOptions], parsed: Parsed) -> None:
    # Accounts from before there were other types say none.
    survey_type = text_of(response.get("survey_type")) or "nps"
    scale, score = SCALES.get(survey_type), number_of(response.get("score"))
    if survey_type in OTHER_SURVEYS:
        parsed.ignore("other_survey")
    elif scale is None:
        parsed.park("a survey_type of Delighted's that is not known", response)
    elif response.get("score") is None:
        parsed.ignore("no_score")
    elif score is None or not scale.least <= score <= scale.most:
        parsed.park(f"a score that is not on the scale of {survey_type}", response)
    else:
        response_id = required(response.get("id"), "event_data.id")
        changed_at = response.get("updated_at") or response.get("created_at")
        at_ms = from_epoch_s(changed_at, "event_data.updated_at")
        person = response.get("person")
        parsed.events.append(
            answer(
                source,
                delivery,
                event_id=f"{response_id}/{at_ms}",
                survey=Survey(scale.kind, score, *_ends(scale), response_id),
                occurred_at=at_ms,
                properties=object_at(response, "person_properties"),
                # Some versions carry the person, others only the id.
                customer_id=text_of(person.get("id")) if isinstance(person, dict) else text_of(person),
                attributes={"survey_type": survey_type, **text_length(response.get("comment"))},
            )
        )


def _ends(scale: _Scale) -> tuple[float, float]:
    """The ends as an event says them. Effort is asked as ease here, so the low end of effort is the high one."""
    return (scale.most, scale.least) if scale.kind == "ces" else (scale.least, scale.most)
