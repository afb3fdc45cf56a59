"""Intercom for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery
from connectors.channels.intercom import Intercom
from connectors.channels.signatures import hex_hmac
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

#: 2026-03-02T08:50:00Z.
BEGAN_S = RECEIVED_MS // 1000 - 600
CUSTOMER = {"type": "user", "id": "65f0c", "name": "A customer", "email": "customer@example.com"}
AGENT = {"type": "admin", "id": "501", "name": "An agent", "email": "agent@example.com"}
FIN = {"type": "bot", "id": "900", "name": "Fin", "email": "operator+abc@intercom.io"}


def part(number: int, second: int, kind: str, author: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A part of the conversation."""
    return {
        "type": "conversation_part",
        "id": str(number),
        "part_type": kind,
        "body": None,
        "created_at": BEGAN_S + second,
        "updated_at": BEGAN_S + second,
        "assigned_to": None,
        "author": author,
        "attachments": [],
        "redacted": False,
        **changed,
    }


def conversation(*parts: dict[str, Any], second: int = 0, **changed: Any) -> dict[str, Any]:
    """The item of a notification."""
    source = {"type": "conversation", "id": "311", "delivered_as": "customer_initiated", "subject": "",
              "body": "<p>Some words.</p>", "author": CUSTOMER, "attachments": []}  # fmt: skip
    return {
        "type": "conversation",
        "id": "2101",
        "created_at": BEGAN_S,
        "updated_at": BEGAN_S + second,
        "source": source,
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "65f0c"}]},
        "admin_assignee_id": 0,
        "team_assignee_id": None,
        "open": True,
        "state": "open",
        "priority": "not_priority",
        "conversation_rating": None,
        "ai_agent_participated": True,
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": list(parts)},
        **changed,
    }


def notification(topic: str, item: dict[str, Any], second: int = 0) -> dict[str, Any]:
    """The envelope."""
    return {
        "type": "notification_event",
        "app_id": "app1",
        "data": {"type": "notification_event_data", "item": item},
        "id": f"notif_{topic}_{second}",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "created_at": BEGAN_S + second,
    }


def sample(name: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    headers = {
        "content-type": "application/json",
        "x-hub-signature": "sha1=" + hex_hmac(secret, sample.body, "sha1"),
        **sample.headers,
    }
    url = "https://gateway.example/v1/hooks/intercom/intercom-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


def about(name: str, topic: str, *parts: dict[str, Any], types: tuple[str, ...], **changed: Any) -> Sample:
    """A notification with parts."""
    return sample(name, notification(topic, conversation(*parts, **changed)), types)


TO_TEAM = {"type": "team", "id": "77"}
TO_AGENT = {"type": "admin", "id": "501"}
SAYS = {"body": "<p>Some words.</p>"}
RATING = {"rating": 5, "remark": None, "created_at": BEGAN_S + 190, "updated_at": BEGAN_S + 250,
          "contact": {"type": "contact", "id": "65f0c"}, "teammate": {"type": "admin", "id": 501}}  # fmt: skip
CALL = {"type": "call", "id": "88", "conversation_id": "2102", "admin_id": "501", "contact_id": "65f0c",
        "direction": "inbound", "initiated_at": BEGAN_S, "answered_at": BEGAN_S + 20,
        "ended_at": BEGAN_S + 140}  # fmt: skip

#: Asked, answered by Fin, handed to a team, taken, answered, closed, rated.
STORY = (
    about("asked", "conversation.user.created", types=("conversation_started", "message")),
    about(
        "answered by Fin",
        "conversation.operator.replied",
        part(10, 5, "comment", FIN, **SAYS),
        types=("message",),
    ),
    about(
        "handed over",
        "conversation.admin.assigned",
        part(11, 60, "assignment", FIN, assigned_to=TO_TEAM),
        types=("handoff_requested", "assigned"),
        team_assignee_id=77,
    ),
    about(
        "taken",
        "conversation.admin.assigned",
        part(12, 70, "assignment", AGENT, assigned_to=TO_AGENT),
        types=("assigned",),
        team_assignee_id=77,
        admin_assignee_id=501,
    ),
    about("noted", "conversation.admin.noted", part(13, 75, "note", AGENT, **SAYS), types=("note",)),
    about("answered", "conversation.admin.replied", part(14, 90, "comment", AGENT, **SAYS), types=("message",)),
    about(
        "closed with a word",
        "conversation.admin.closed",
        part(15, 180, "close", AGENT, **SAYS),
        types=("message", "status_changed"),
        state="closed",
    ),
    about("rated", "conversation.rating.added", types=("survey_answered",), conversation_rating=RATING),
)

CASE = VendorCase(
    connector=Intercom(),
    sign=sign,
    options=AccountOptions(),
    samples=(
        *STORY,
        about(
            "asked again",
            "conversation.user.replied",
            part(16, 300, "open", CUSTOMER, **SAYS),
            types=("message", "status_changed"),
        ),
        about("snoozed", "conversation.admin.snoozed", part(17, 310, "snoozed", AGENT), types=("status_changed",)),
        about("closed without parts", "conversation.admin.closed", types=("status_changed",), state="closed"),
        about("urgent", "conversation.priority.updated", types=("note",), priority="priority"),
        sample("deleted", notification("conversation.deleted", {"type": "conversation", "id": "9"}), ("deleted",)),
        sample("call", notification("call.ended", CALL), ("message", "call_answered", "call_ended")),
        sample(
            "call missed",
            notification("call.ended", {**CALL, "id": "89", "conversation_id": "2103", "answered_at": None}),
            ("message",),
            ignored=("call_missed",),
        ),
        sample(
            "ticket waits",
            notification(
                "ticket.state.updated",
                {"type": "ticket", "id": "33", "ticket_state": "waiting_on_customer", "updated_at": BEGAN_S + 4},
            ),
            ("status_changed",),
        ),
        sample(
            "whole",
            conversation(part(14, 90, "comment", AGENT, **SAYS), state="closed", second=95),
            ("conversation_started", "message", "message", "status_changed"),
        ),
        sample("ping", notification("ping", {"type": "ping", "message": "hello"}), ignored=("ping",)),
        sample("a contact", notification("contact.created", {"type": "contact", "id": "1"}), ignored=("contact",)),
        sample(
            "described",
            notification(
                "conversation.admin.replied", conversation(part(18, 1, "conversation_attribute_updated_by_admin", FIN))
            ),
            ignored=("description",),
        ),
        sample("not known", notification("conversation.teleported", conversation()), parked=1),
        sample(
            "part not known",
            notification("conversation.admin.replied", conversation(part(19, 1, "teleported", AGENT))),
            parked=1,
        ),
    ),
)
