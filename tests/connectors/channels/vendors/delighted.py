"""Delighted for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.delighted import Delighted
from connectors.channels.signatures import hex_hmac
from connectors.channels.surveys import SurveyOptions
from tests.connectors.channels.case import Sample, VendorCase

#: 2026-03-02T08:50:00Z.
ANSWERED_S = 1_772_441_400


def response(**changes: Any) -> dict[str, Any]:
    """A response as Delighted tells it first."""
    return {
        "id": "77001",
        "person": {"id": "3301", "email": "someone@example.org", "name": None, "created_at": ANSWERED_S - 900},
        "survey_type": "csat",
        "score": 4,
        "comment": None,
        "permalink": "https://example.org/r/x",
        "created_at": ANSWERED_S,
        "updated_at": None,
        "person_properties": {"ticket_id": "T-5", "plan": "large"},
        "notes": [],
        "tags": [],
        "additional_answers": [],
        **changes,
    }


def sample(name: str, event_type: str, data: object, *types: str, **more: Any) -> Sample:
    """A request of Delighted's."""
    body = {"event_type": event_type, "event_id": f"ev-{name}", "event_data": data}
    return Sample(name, json.dumps(body).encode(), tuple(types), **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as Delighted sends it."""
    headers = {
        "content-type": "application/json",
        "x-delighted-webhook-signature": "sha256=" + hex_hmac(secret, one.body),
    }
    return Delivery("POST", "https://hooks.example/v1/hooks/delighted/main", headers, one.body, one.received_ms)


CASE = VendorCase(
    connector=Delighted(),
    sign=sign,
    options=SurveyOptions(),
    samples=(
        sample("scored", "survey_response.created", response(), "survey_answered"),
        sample(
            "commented",
            "survey_response.updated",
            response(comment="Quick.", updated_at=ANSWERED_S + 60),
            "survey_answered",
        ),
        sample(
            "old-account",
            "survey_response.created",
            {"id": 9, "person": "3301", "score": "10", "created_at": str(ANSWERED_S)},
            "survey_answered",
        ),
        sample(
            "easy",
            "survey_response.created",
            response(id="77002", survey_type="ces", score=5),
            "survey_answered",
        ),
        sample("employees", "survey_response.created", response(survey_type="enps"), ignored=("other_survey",)),
        sample("no-score", "survey_response.created", response(score=None), ignored=("no_score",)),
        sample("left", "person.unsubscribed", {"id": "3301"}, ignored=("no_response",)),
        sample("unknown-scale", "survey_response.created", response(survey_type="telepathy"), parked=1),
        sample("off-the-scale", "survey_response.created", response(score=11), parked=1),
        sample("unknown-event", "survey_response.dreamt", response(), parked=1),
    ),
)
