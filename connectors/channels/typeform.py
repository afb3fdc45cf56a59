"""Typeform ("Webhooks: example payload", "Secure your webhooks").

A response is a list of answers; those on a scale are answers to us. What a scale measures is said by the question's
type, by a word in its `ref`, or by the source's options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.payloads import (
    from_iso,
    json_object,
    number_of,
    object_at,
    objects_at,
    required,
    text_of,
)
from connectors.channels.signatures import base64_hmac, header, require_match
from connectors.channels.surveys import SurveyOptions, answer
from schemas.errors import InvalidEvent
from schemas.records import Survey, SurveyKind

#: A question's type → what it measures, unless its `ref` or the options say otherwise.
KINDS: Mapping[str, SurveyKind] = {"nps": "nps", "rating": "csat", "opinion_scale": "csat"}
#: A question's type → the ends of its scale where the form does not say them.
DEFAULT_STEPS: Mapping[str, int] = {"nps": 11, "rating": 5, "opinion_scale": 11}
#: Types that count from 0 unless told otherwise.
_FROM_ZERO = frozenset({"nps", "opinion_scale"})
_NAMED: Mapping[str, SurveyKind] = {"nps": "nps", "csat": "csat", "ces": "ces"}


class TypeformOptions(SurveyOptions):
    """`questions`: a question's `ref` or id → what it measures."""

    questions: Mapping[str, SurveyKind] = {}


class Typeform(ChannelConnector[TypeformOptions]):
    """Typeform's webhooks."""

    vendor = "typeform"
    Options = TypeformOptions

    def verify(self, delivery: Delivery, source: Source[TypeformOptions]) -> None:
        """`Typeform-Signature: sha256=` and the HMAC of the raw body in base64."""
        given = header(delivery, "typeform-signature")
        expected = ("sha256=" + base64_hmac(secret, delivery.body) for secret in source.secrets)
        require_match(given, expected, "the signature")

    def parse(self, delivery: Delivery, source: Source[TypeformOptions]) -> Parsed:
        """An event for every answer on a scale."""
        payload = json_object(delivery.body)
        kind = payload.get("event_type")
        # Integrations in between pass on the response without what is around it.
        bare = "form_response" not in payload and "answers" in payload and "token" in payload
        parsed = Parsed()
        if bare or kind == "form_response":
            _response(payload if bare else object_at(payload, "form_response"), delivery, source, parsed)
        elif kind == "form_response_partial":
            # Everything in it comes again when the form is sent, or was never meant to be.
            parsed.ignore("partial")
        elif kind is None:
            raise InvalidEvent("event_type is missing: this is no event of Typeform's")
        else:
            parsed.park("an event_type of Typeform's that is not known", payload)
        return parsed


def _response(response: Mapping[str, Any], delivery: Delivery, source: Source[TypeformOptions], parsed: Parsed) -> None:
    token = required(response.get("token"), "form_response.token")
    at_ms = from_iso(response.get("submitted_at"), "form_response.submitted_at")
    fields = {text_of(each.get("id")): each for each in objects_at(response, "definition", "fields")}
    for each in objects_at(response, "answers"):
        asked = object_at(each, "field")
        field_id, field_type = text_of(asked.get("id")), text_of(asked.get("type"))
        score = number_of(each.get("number"))
        if field_id is None or field_type is None or field_type not in KINDS or score is None:
            continue
        field = {**fields.get(field_id, {}), **asked}
        survey_id = f"{token}/{field_id}"
        parsed.events.append(
            answer(
                source,
                delivery,
                event_id=survey_id,
                survey=Survey(_kind(field, source.options), score, *_ends(field, field_type, score), survey_id),
                occurred_at=at_ms,
                properties=object_at(response, "hidden"),
                customer_id=None,
                attributes={"form_id": text_of(response.get("form_id")) or ""},
            )
        )
    if not parsed.events:
        parsed.ignore("no_score")


def _kind(field: Mapping[str, Any], options: TypeformOptions) -> SurveyKind:
    ref, field_id = text_of(field.get("ref")) or "", text_of(field.get("id")) or ""
    for name in (ref, field_id):
        if name in options.questions:
            return options.questions[name]
    for word in re.split(r"[^a-z]+", ref.lower()):
        if word in _NAMED:
            return _NAMED[word]
    return KINDS[str(field["type"])]


def _ends(field: Mapping[str, Any], field_type: str, score: float) -> tuple[float | None, float | None]:
    """The ends of the scale; unknown where neither the form says them nor its default has room for the score."""
    properties = object_at(field, "properties")
    steps = number_of(properties.get("steps"))
    from_zero = field_type in _FROM_ZERO and properties.get("start_at_one") is not True
    least = 0.0 if from_zero else 1.0
    if steps is None and field_type == "opinion_scale":
        # Anything from 5 to 11 steps, and many payloads leave the properties empty.
        return None, None
    most = least + (steps or DEFAULT_STEPS[field_type]) - 1
    return (least, most) if least <= score <= most else (None, None)
