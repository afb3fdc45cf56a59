"""Freshdesk for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.freshdesk import Freshdesk, FreshdeskOptions
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

BEGAN_MS = RECEIVED_MS - 600_000


def at(second: int) -> str:
    """So many seconds after 2026-03-02T08:50:00Z."""
    return datetime.fromtimestamp(BEGAN_MS // 1000 + second, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticket(second: int, **changed: Any) -> dict[str, Any]:
    """A ticket as it is then."""
    return {
        "id": 640,
        "subject": "A subject",
        "description": "<div>Some words.</div>",
        "description_text": "Some words.",
        "requester_id": 129,
        "responder_id": None,
        "group_id": 35,
        "status": 2,
        "priority": 1,
        "source": 1,
        "spam": False,
        "created_at": at(0),
        "updated_at": at(second),
        **changed,
    }


def happened(name: str, **data: Any) -> dict[str, Any]:
    """A product event."""
    whole = {"account_id": 13, "domain": "shop.freshdesk.example", "event": name, "region": "EUC"}
    return {**whole, "timestamp": 1_700_000_000_000, "data": data}


def updated(second: int, changes: dict[str, Any], actor: int | None = 501, **now: Any) -> dict[str, Any]:
    """An onTicketUpdate in the newer form, with the changes beside the ticket."""
    return happened(
        "onTicketUpdate", ticket=ticket(second, **now), changes={"model_changes": changes}, actor={"id": actor}
    )


def message(number: int, second: int, user: int | None, *, incoming: bool, **changed: Any) -> dict[str, Any]:
    """A conversation of Freshdesk."""
    return {
        "id": number,
        "ticket_id": 640,
        "user_id": user,
        "body": "<div>Some words.</div>",
        "body_text": "Some words.",
        "incoming": incoming,
        "private": False,
        "source": 0,
        "support_email": "help@shop.example",
        "created_at": at(second),
        "updated_at": at(second),
        **changed,
    }


def sample(name: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    headers = {"content-type": "application/json", "x-supportpulse-secret": secret.decode(), **sample.headers}
    url = "https://gateway.example/v1/hooks/freshdesk/freshdesk-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


ANSWER = message(12, 120, 501, incoming=False)
RATED = {"id": 77, "survey_id": 1, "user_id": 129, "agent_id": 501, "ticket_id": 640,
         "ratings": {"default_question": 103}, "created_at": at(400)}  # fmt: skip
BOTH = {"responder_id": [501, 502], "group_id": [35, 36]}

#: A ticket: written, taken, answered, passed on with its group, resolved, rated.
STORY = (
    sample("created", happened("onTicketCreate", ticket=ticket(0)), ("conversation_started",)),
    sample("taken", updated(60, {"responder_id": [None, 501]}, responder_id=501), ("assigned",)),
    sample(
        "noted",
        happened("onConversationCreate", conversation=message(11, 70, 501, incoming=False, private=True)),
        ("note",),
    ),
    sample("answered", happened("onConversationCreate", conversation=ANSWER), ("message",)),
    sample("passed on", updated(130, BOTH, responder_id=502, group_id=36), ("assigned",)),
    sample("resolved", updated(300, {"status": [2, 4]}, 502, status=4), ("status_changed",)),
    sample("rated", happened("onSatisfactionRatingCreate", satisfaction_rating=RATED), ("survey_answered",)),
)

CASE = VendorCase(
    connector=Freshdesk(),
    sign=sign,
    options=FreshdeskOptions(),
    signs_body=False,
    samples=(
        *STORY,
        sample("edited", happened("onConversationUpdate", conversation=ANSWER), ("message",)),
        sample(
            "forwarded",
            happened("onConversationCreate", conversation=message(13, 9, 501, incoming=False, source=8)),
            ("note",),
        ),
        sample(
            "written by us",
            happened("onTicketCreate", ticket=ticket(0, id=641, source=10, responder_id=501, status=5)),
            ("conversation_started", "message", "assigned", "status_changed"),
        ),
        sample("urgent", updated(5, {"priority": [1, 4]}, priority=4), ("note",)),
        sample("spam", updated(6, {"spam": [False, True]}, spam=True, id=643), ("status_changed",)),
        sample("deleted", happened("onTicketDelete", ticket={"id": 644}), ("deleted",)),
        sample("renamed", updated(7, {"subject": ["a", "b"]}), ignored=("other_fields",)),
        sample(
            "survey comment",
            happened("onConversationCreate", conversation=message(14, 9, 129, incoming=True, source=6)),
            ignored=("survey_comment",),
        ),
        sample("a contact", happened("onContactCreate", contact={"id": 2}), ignored=("contact",)),
        sample("from elsewhere", happened("onExternalEvent", payload="x"), ignored=("external_event",)),
        sample(
            "a rule: resolved",
            {"freshdesk_webhook": {"ticket_id": 640, "triggered_event": "{status:{from:2,to:4}}"}},
            ("status_changed",),
        ),
        sample(
            "a rule: created",
            {"ticket_id": "642", "triggered_event": "{ticket_action:created}", "ticket_priority": "High"},
            ("conversation_started",),
        ),
        sample(
            "a rule: urgent",
            {"freshdesk_webhook": {"ticket_id": 645, "triggered_event": "{priority:{from:1,to:4}}"}},
            ("note",),
        ),
        sample("a rule: not known", {"freshdesk_webhook": {"ticket_id": 640, "triggered_event": "{x:y}"}}, parked=1),
        sample("a status of the account's own", updated(8, {"status": [2, 12]}, status=12), parked=1),
        sample("not known", happened("onTeleport", thing={"id": 1}), parked=1),
    ),
)
