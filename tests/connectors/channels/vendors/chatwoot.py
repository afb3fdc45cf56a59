"""Chatwoot for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.chatwoot import Chatwoot, ChatwootOptions
from connectors.channels.signatures import hex_hmac
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

#: 2026-03-02T08:50:00Z, ten minutes before the deliveries arrive.
BEGAN_S = RECEIVED_MS // 1000 - 600


def iso(second: float) -> str:
    """`second` after the conversation began, as Chatwoot writes the time of a message."""
    whole, milliseconds = divmod(round((BEGAN_S + second) * 1000), 1000)
    minute, rest = divmod(whole - BEGAN_S, 60)
    return f"2026-03-02T08:{50 + minute:02}:{rest:02}.{milliseconds:03}Z"


def conversation(second: float = 0, **changed: Any) -> dict[str, Any]:
    """A conversation as it looks so many seconds after it began."""
    return {
        "id": 41,
        "inbox_id": 3,
        "channel": "Channel::WebWidget",
        "can_reply": True,
        "contact_inbox": {"id": 8, "contact_id": 77, "inbox_id": 3, "source_id": "b6c1f0de"},
        "messages": [],
        "labels": [],
        "meta": {"sender": {"id": 77, "type": "contact"}, "assignee": None, "team": None, "hmac_verified": False},
        "status": "open",
        "priority": None,
        "created_at": BEGAN_S,
        "timestamp": BEGAN_S,
        "updated_at": BEGAN_S + second,
        "account": {"id": 5, "name": "Shop"},
        **changed,
    }


def message(number: int, second: float, kind: str, sender: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    """A message_created of that conversation."""
    return {
        "event": "message_created",
        "id": number,
        "content": "A few words.",
        "content_type": "text",
        "content_attributes": {},
        "additional_attributes": {},
        "message_type": kind,
        "private": False,
        "source_id": None,
        "sender": sender,
        "inbox": {"id": 3, "name": "Site"},
        "account": {"id": 5, "name": "Shop"},
        "created_at": iso(second),
        "conversation": conversation(second),
        **changed,
    }


def changed(event: str, second: float, *changes: tuple[str, Any, Any], **now: Any) -> dict[str, Any]:
    """A conversation that changed, with what changed: attribute, before, after."""
    attributes = [{name: {"previous_value": before, "current_value": after}} for name, before, after in changes]
    return {**conversation(second, **now), "event": event, "changed_attributes": attributes}


CUSTOMER = {"id": 77, "name": "A visitor", "account": {"id": 5}}
AGENT = {"id": 2, "name": "An agent", "type": "user"}
BOT = {"id": 9, "name": "A bot", "type": "agent_bot"}
CSAT = {"submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "fine"}}}


def called(**data: Any) -> dict[str, Any]:
    """What a message about a call that is over has besides."""
    return {"content_type": "voice_call", "content_attributes": {"data": {"status": "completed", **data}}}


def sample(name: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    stamp = str(sample.received_ms // 1000)
    signature = hex_hmac(secret, stamp.encode() + b"." + sample.body)
    headers = {
        "content-type": "application/json",
        "x-chatwoot-timestamp": stamp,
        "x-chatwoot-signature": f"sha256={signature}",
        **sample.headers,
    }
    url = "https://gateway.example/v1/hooks/chatwoot/chatwoot-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


BY_RULE = {"id": 8, "content": "A few words.", "message_type": 1, "content_type": "text", "private": False,
           "created_at": BEGAN_S + 3, "sender_type": "User", "sender_id": 2}  # fmt: skip
CREATED = {**conversation(), "event": "conversation_created"}
PENDING = ("status", "pending", "open")
META = {"sender": {"id": 77}, "assignee": {"id": 2, "type": "user"}, "assignee_type": "User", "team": {"id": 6}}

CASE = VendorCase(
    connector=Chatwoot(),
    sign=sign,
    options=ChatwootOptions(),
    signs_time=True,
    samples=(
        sample("created", CREATED, ("conversation_started",)),
        sample("from a customer", message(1, 0.25, "incoming", CUSTOMER), ("message",)),
        sample("from a bot", message(2, 5, "outgoing", BOT), ("message",)),
        sample("from an agent", message(3, 90, "outgoing", AGENT), ("message",)),
        sample("note", message(4, 95, "outgoing", AGENT, private=True), ("note",)),
        sample("greeting", message(5, 1, "template", None), ("message",)),
        sample("edited", {**message(3, 90, "outgoing", AGENT), "event": "message_updated"}, ("message",)),
        sample("activity", message(6, 6, "activity", None), ignored=("activity",)),
        sample(
            "handed off", changed("conversation_status_changed", 60, PENDING), ("status_changed", "handoff_requested")
        ),
        sample("assigned", changed("conversation_updated", 70, ("assignee_id", None, 2), meta=META), ("assigned",)),
        sample("moved", changed("conversation_updated", 80, ("team_id", None, 6), meta=META), ("assigned",)),
        sample(
            "urgent", changed("conversation_updated", 81, ("priority", None, "urgent"), priority="urgent"), ("note",)
        ),
        sample(
            "labelled", changed("conversation_updated", 82, ("label_list", [], ["a"])), ignored=("other_attributes",)
        ),
        sample(
            "resolved",
            changed("conversation_status_changed", 120, ("status", "open", "resolved"), status="resolved"),
            ("status_changed",),
        ),
        sample("survey sent", message(7, 121, "template", None, content_type="input_csat"), ignored=("survey_sent",)),
        sample(
            "survey answered",
            {
                **message(7, 121, "template", None, content_type="input_csat", content_attributes=CSAT),
                "event": "message_updated",
                "conversation": conversation(200, status="resolved"),
            },
            ("survey_answered",),
        ),
        sample(
            "said, by a rule",
            {**conversation(3, messages=[BY_RULE]), "event": "automation_event.message_created", "id": 42},
            ("message",),
        ),
        sample(
            "call",
            message(9, 4, "outgoing", AGENT, conversation={"id": 43}, **called(duration_seconds=61)),
            ("call_ended",),
        ),
        sample(
            "call without its length",
            message(10, 4, "outgoing", AGENT, conversation={"id": 43}, **called()),
            ignored=("call_without_length",),
        ),
        sample("typing", {"event": "conversation_typing_on", "conversation": conversation()}, ignored=("typing",)),
        sample("not known", {"event": "conversation_teleported", "id": 41}, parked=1),
    ),
)
