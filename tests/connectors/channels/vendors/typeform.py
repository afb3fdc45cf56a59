"""Typeform for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.signatures import base64_hmac
from connectors.channels.typeform import Typeform, TypeformOptions
from tests.connectors.channels.case import Sample, VendorCase


def scored(field_id: str, field_type: str, number: object, ref: str = "q") -> dict[str, Any]:
    """An answer on a scale."""
    return {"type": "number", "number": number, "field": {"id": field_id, "type": field_type, "ref": ref}}


def form(*answers: dict[str, Any], fields: tuple[dict[str, Any], ...] = (), **changes: Any) -> dict[str, Any]:
    """A response with these answers."""
    return {
        "form_id": "F1",
        "token": "tok1",
        "landed_at": "2026-03-02T08:40:00Z",
        "submitted_at": "2026-03-02T08:41:00Z",
        "definition": {"id": "F1", "title": "After the talk", "fields": list(fields)},
        "answers": list(answers),
        "hidden": {"ticket_id": "T-5", "customer_id": "c9"},
        **changes,
    }


def sample(name: str, response: dict[str, Any], *types: str, event_type: str = "form_response", **more: Any) -> Sample:
    """A request of Typeform's."""
    body = {"event_id": f"ev-{name}", "event_type": event_type, "form_response": response}
    return Sample(name, json.dumps(body).encode(), tuple(types), **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as Typeform sends it."""
    headers = {
        "content-type": "application/json",
        "typeform-signature": "sha256=" + base64_hmac(secret, one.body),
    }
    return Delivery("POST", "https://hooks.example/v1/hooks/typeform/main", headers, one.body, one.received_ms)


WORDS = {"type": "text", "text": "Nothing to add.", "field": {"id": "w", "type": "long_text", "ref": "words"}}

CASE = VendorCase(
    connector=Typeform(),
    sign=sign,
    options=TypeformOptions(questions={"effort-question": "ces"}),
    samples=(
        sample(
            "three-scales",
            form(
                scored("n", "nps", 9),
                WORDS,
                scored("r", "rating", 4),
                scored("e", "opinion_scale", 2, "effort-question"),
                fields=({"id": "e", "type": "opinion_scale", "properties": {"steps": 7, "start_at_one": True}},),
            ),
            "survey_answered",
            "survey_answered",
            "survey_answered",
        ),
        Sample("bare", json.dumps(form(scored("n", "nps", 3), token="tok2")).encode(), ("survey_answered",)),
        sample("only-words", form(WORDS), ignored=("no_score",)),
        sample("partial", form(scored("n", "nps", 9)), event_type="form_response_partial", ignored=("partial",)),
        sample("unknown", form(), event_type="form_dreamt", parked=1),
    ),
)
