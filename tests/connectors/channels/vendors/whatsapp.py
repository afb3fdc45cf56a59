"""WhatsApp, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.whatsapp import WhatsApp, WhatsAppOptions
from tests.connectors.channels.case import Sample, VendorCase
from tests.connectors.channels.signing import hub_signed

CUSTOMER, NUMBER = "971500000001", "15550001111"
#: 2026-03-02T08:00:00Z, in seconds as WhatsApp writes them.
BEGAN_S = 1_772_438_400


def change(value: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    """A change of a phone number."""
    metadata = {"display_phone_number": NUMBER, "phone_number_id": "5550001"}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def batch(*changes: dict[str, Any]) -> bytes:
    """A delivery."""
    entry = {"id": "88001", "time": BEGAN_S, "changes": list(changes)}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def message(number: int, after_s: int, kind: str = "text", **content: Any) -> dict[str, Any]:
    """A customer's message."""
    content = content or {"text": {"body": "Where is my parcel?"}}
    return {"from": CUSTOMER, "id": f"wamid.in{number}", "timestamp": str(BEGAN_S + after_s), "type": kind, **content}


def incoming(number: int, after_s: int, kind: str = "text", **content: Any) -> dict[str, Any]:
    """A change with a customer's message."""
    contacts = [{"profile": {"name": "P"}, "wa_id": CUSTOMER}]
    return change({"contacts": contacts, "messages": [message(number, after_s, kind, **content)]})


def status(number: int, after_s: int, name: str, **more: Any) -> dict[str, Any]:
    """A change with a status of a message of the business."""
    told = {"id": f"wamid.out{number}", "status": name, "timestamp": str(BEGAN_S + after_s), "recipient_id": CUSTOMER}
    return change({"statuses": [{**told, **more}]})


def echo(number: int, after_s: int, kind: str = "text", **content: Any) -> dict[str, Any]:
    """A change with what a person wrote on the phone."""
    content = content or {"text": {"body": "It is on its way."}}
    told = {"from": NUMBER, "to": CUSTOMER, "id": f"wamid.app{number}", "timestamp": str(BEGAN_S + after_s)}
    return change({"message_echoes": [{**told, "type": kind, **content}]}, "smb_message_echoes")


def call(event: str, after_s: int, direction: str | None = "USER_INITIATED", **more: Any) -> dict[str, Any]:
    """A change with what happens to a call."""
    ends = (CUSTOMER, NUMBER) if direction != "BUSINESS_INITIATED" else (NUMBER, CUSTOMER)
    told = {"id": "wacid.1", "from": ends[0], "to": ends[1], "event": event, "direction": direction}
    return change({"calls": [{**told, "timestamp": str(BEGAN_S + after_s), **more}]}, "calls")


def standby(**lists: list[dict[str, Any]]) -> dict[str, Any]:
    """A change that tells what happens while Meta's agent is in control."""
    return change({"contacts": [{"profile": {"name": "P"}, "wa_id": CUSTOMER}], "standby": lists}, "standby")


def handover(after_s: int, kind: str, **roles: str) -> dict[str, Any]:
    """A change of who is in control of a chat."""
    told = {
        "messaging_product": "whatsapp",
        "sender": {"phone_number": CUSTOMER},
        "recipient": {"display_phone_number": NUMBER, "phone_number_id": "5550001"},
        "type": kind,
        "timestamp": str(BEGAN_S + after_s),
        kind: roles,
    }
    return {"field": "messaging_handovers", "value": told}


def agent_echo(number: int, after_s: int, kind: str = "text") -> dict[str, Any]:
    """What Meta's agent wrote, as it was given to the API."""
    inside = {"to": CUSTOMER, "type": kind, "text": {"body": "One moment."}, "recipient_type": "individual"}
    mark = {"biz_opaque_callback_data": '{"originator":"bizai"}'}
    return {"id": f"wamid.ai{number}", "timestamp": str(BEGAN_S + after_s), "message": {**inside, **mark}}


PRICED = {"billable": True, "pricing_model": "PMP", "type": "regular"}
TAKEN: dict[str, Any] = {
    "status": "COMPLETED",
    "start_time": str(BEGAN_S + 610),
    "end_time": str(BEGAN_S + 700),
    "duration": 90,
}

#: A question, a bot's answer, a hand-over to a person by mark, a call.
STORY = (
    Sample("asked", batch(incoming(1, 0)), ("message",)),
    Sample("bot-answers", batch(status(1, 0, "sent", pricing={**PRICED, "category": "service"})), ("message",)),
    Sample("asked-again", batch(incoming(2, 60)), ("message",)),
    Sample("agent-answers", batch(status(2, 180, "sent", biz_opaque_callback_data="agent:amal")), ("message",)),
    Sample("campaign", batch(status(3, 240, "sent", pricing={**PRICED, "category": "marketing"})), ("message",)),
    Sample("calls", batch(call("connect", 600)), ("conversation_started",)),
    Sample("call-ends", batch(call("terminate", 700, **TAKEN)), ("call_answered", "call_ended")),
)

CASE = VendorCase(
    connector=WhatsApp(),
    options=WhatsAppOptions(verify_token="plum"),  # type: ignore[arg-type]  # pydantic reads it
    sign=hub_signed("whatsapp"),
    samples=(
        *STORY,
        Sample("batched", batch(incoming(5, 5), status(5, 9, "delivered")), ("message",), ("delivery_receipt",)),
        Sample("picture", batch(incoming(6, 6, "image", image={"id": "1", "caption": "Broken"})), ("message",)),
        Sample("button", batch(incoming(7, 7, "button", button={"text": "Yes", "payload": "y"})), ("message",)),
        Sample("unsupported", batch(incoming(8, 8, "unsupported", errors=[{"code": 131051}])), ("message",)),
        Sample("person-on-the-phone", batch(echo(1, 30)), ("message",)),
        Sample(
            "hidden-number",
            batch(
                change(
                    {
                        "contacts": [{"profile": {"username": "u"}, "user_id": "AE.77"}],
                        "messages": [{k: v for k, v in message(9, 9).items() if k != "from"}],
                    }
                )
            ),
            ("message",),
        ),
        Sample("in-a-group", batch(incoming(10, 10, "text", text={"body": "Hi"}, group_id="G1")), ("message",)),
        Sample(
            "past",
            batch(
                change(
                    {
                        "history": [
                            {
                                "metadata": {"phase": 0, "chunk_order": 1, "progress": 50},
                                "threads": [
                                    {
                                        "id": CUSTOMER,
                                        "messages": [
                                            message(20, -900),
                                            {**message(21, -800), "from": NUMBER, "history_context": {"from_me": True}},
                                        ],
                                    }
                                ],
                            }
                        ]
                    },
                    "history",
                )
            ),
            ("message", "message"),
            ("history_progress",),
        ),
        Sample("watched-asking", batch(standby(messages=[message(30, 30)])), ("message",)),
        Sample("watched-answering", batch(standby(message_echoes=[agent_echo(1, 33)])), ("message",)),
        Sample(
            "watched-receipt",
            batch(standby(statuses=[{"id": "wamid.ai1", "status": "delivered", "timestamp": str(BEGAN_S + 34)}])),
            ignored=("delivery_receipt",),
        ),
        Sample(
            "handed-over",
            batch(handover(40, "control_passed", previous_owner_role="ai_agent", new_owner_role="escalation")),
            ("handoff_requested",),
        ),
        Sample(
            "handed-to-the-agent",
            batch(handover(41, "control_passed", previous_owner_role="escalation", new_owner_role="ai_agent")),
            ignored=("control_changed",),
        ),
        Sample("watching-nothing", batch(standby()), parked=1),
        Sample("handed-nowhere", batch(handover(42, "control_shared", new_owner_role="escalation")), parked=1),
        Sample("reaction", batch(incoming(11, 11, "reaction", reaction={"emoji": "+"})), ignored=("reaction",)),
        Sample("revoked", batch(incoming(12, 12, "revoke", revoke={})), ignored=("message_deleted",)),
        Sample("edited", batch(incoming(13, 13, "edit", edit={})), ignored=("message_edited",)),
        Sample("new-number", batch(incoming(14, 14, "system", system={})), ignored=("customer_changed",)),
        Sample("read", batch(status(2, 200, "read")), ignored=("read_receipt",)),
        Sample("failed", batch(status(4, 200, "failed", errors=[{"code": 1}])), ignored=("delivery_failed",)),
        Sample("echo-edited", batch(echo(2, 40, "edit", edit={})), ignored=("message_edited",)),
        Sample("calling-out", batch(call("connect", 800, "BUSINESS_INITIATED")), ignored=("call_progress",)),
        Sample("nobody-took-it", batch(call("terminate", 900, status="FAILED")), ignored=("call_not_taken",)),
        Sample("template", batch(change({}, "message_template_status_update")), ignored=("template",)),
        Sample("errors", batch(change({"errors": [{"code": 130429}]})), ignored=("vendor_error",)),
        Sample("unknown-type", batch(incoming(15, 15, "hologram", hologram={})), parked=1),
        Sample("unknown-status", batch(status(5, 5, "teleported")), parked=1),
        Sample("unknown-field", batch(change({"weather": []}, "weather_update")), parked=1),
    ),
)
