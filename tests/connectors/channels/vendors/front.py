"""Front for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery
from connectors.channels.front import Front
from connectors.channels.signatures import base64_hmac
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

#: 2026-03-02T08:50:00Z.
BEGAN_S = RECEIVED_MS // 1000 - 600
AGENT = {"id": "tea_1", "type": "user", "username": "an-agent"}
OTHER_AGENT = {"id": "tea_2", "type": "user", "username": "another"}
RULE = {"id": "tea_9", "type": "rule", "username": "a-rule"}
AI = {"id": "tea_8", "type": "ai", "username": "an-ai"}
LINK = "https://shop.api.frontapp.example/contacts/crd_7"


def source(kind: str, data: Any) -> dict[str, Any]:
    return {"_meta": {"type": kind}, "data": data}


BY_AGENT = source("teammate", AGENT)
BY_RULE = source("rule", {"id": "rul_1", "name": "A rule"})
INBOXES = source("inboxes", [{"id": "inb_1", "name": "Help"}])


def event(
    kind: str,
    second: float,
    by: dict[str, Any] | None = None,
    target: dict[str, Any] | None = None,
    **conversation: Any,
) -> dict[str, Any]:
    """An event as the API writes it."""
    recipient = {"_links": {"related": {"contact": LINK}}, "handle": "someone@example.com", "role": "from"}
    whole = {"id": "cnv_1", "type": "conversation", "status": "unassigned", "assignee": None, "recipient": recipient}
    return {
        "_links": {"self": f"https://shop.api.frontapp.example/events/evt_{kind}{second}"},
        "id": f"evt_{kind}{second}",
        "type": kind,
        "emitted_at": BEGAN_S + second,
        "source": by,
        "target": target,
        "conversation": {**whole, **conversation},
    }


def message(name: str, second: float, author: dict[str, Any] | None, *, inbound: bool) -> dict[str, Any]:
    """The target of an event about a message."""
    data = {
        "id": name,
        "type": "email",
        "is_inbound": inbound,
        "created_at": BEGAN_S + second,
        "author": author,
        "body": "<p>Some words.</p>",
        "text": "Some words.",
        "recipients": [],
    }
    return {"_meta": {"type": "message"}, "data": data}


def wrapped(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The envelope of an application."""
    return {"type": kind, "authorization": {"id": "cmp_1"}, "payload": payload}


def sample(name: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    stamp = str(sample.received_ms)
    headers = {
        "content-type": "application/json",
        "x-front-request-timestamp": stamp,
        "x-front-signature": base64_hmac(secret, stamp.encode() + b":" + sample.body),
        **sample.headers,
    }
    url = "https://gateway.example/v1/hooks/front/front-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


ASKED = event("inbound", 0.5, INBOXES, message("msg_1", 0.25, None, inbound=True))
ANSWERED = event("out_reply", 120.5, INBOXES, message("msg_3", 120.25, AGENT, inbound=False), assignee=AGENT)
TO_AGENT, TO_OTHER = source("teammate", AGENT), source("teammate", OTHER_AGENT)

#: Asked, acknowledged by a rule, taken, answered, passed on, archived.
STORY = (
    sample("asked", wrapped("inbound_received", ASKED), ("message",)),
    sample(
        "acknowledged",
        wrapped("outbound_sent", event("out_reply", 1, INBOXES, message("msg_2", 1, RULE, inbound=False))),
        ("message",),
    ),
    sample(
        "taken", wrapped("assignee_changed", event("assign", 60, BY_AGENT, TO_AGENT, assignee=AGENT)), ("assigned",)
    ),
    sample(
        "discussed",
        wrapped("new_comment_added", event("comment", 70, BY_AGENT, source("comment", {"id": "com_1", "body": "Hm."}))),
        ("note",),
    ),
    sample("answered", wrapped("outbound_sent", ANSWERED), ("message",)),
    sample("passed on", event("assign", 130, BY_AGENT, TO_OTHER, assignee=OTHER_AGENT), ("assigned",)),
    sample("archived", wrapped("conversation_archived", event("archive", 300, TO_OTHER)), ("status_changed",)),
)

CASE = VendorCase(
    connector=Front(),
    sign=sign,
    options=AccountOptions(),
    signs_time=True,
    samples=(
        *STORY,
        sample("asked, by a rule", ASKED, ("message",)),
        sample("reopened", event("reopen", 310, BY_RULE), ("status_changed",)),
        sample("snoozed", wrapped("conversation_snoozed", event("snooze", 311, BY_AGENT)), ("status_changed",)),
        sample("woken", event("reminder", 312), ("status_changed",)),
        sample("waiting", event("ticket_status_update", 313, BY_AGENT, status_category="waiting"), ("status_changed",)),
        sample("left", event("unassign", 314, BY_AGENT), ("assigned",)),
        sample(
            "moved", event("move", 315, BY_AGENT, source("inboxes", [{"id": "inb_2"}]), assignee=AGENT), ("assigned",)
        ),
        sample(
            "merged",
            event("conversations_merged", 316, BY_AGENT, source("deleted_conversation_ids", ["cnv_2", "cnv_3"])),
            ("merged", "merged"),
        ),
        sample("trashed", event("trash", 317, BY_AGENT, id="cnv_4"), ("deleted",)),
        sample("rings", event("call_started", 318, source("recipient", {})), ("message",)),
        sample("picked up", event("call_connected", 319, BY_AGENT), ("call_answered",)),
        sample(
            "hung up",
            event(
                "call_hangup",
                320,
                BY_AGENT,
                source("message", {"id": "msg_9", "type": "call", "duration": 61}),
                assignee=AGENT,
            ),
            ("call_ended",),
        ),
        sample("call passed on", event("call_transferred", 321, BY_AGENT, TO_OTHER), ("assigned",)),
        sample(
            "call passed on to an inbox",
            event("call_transferred", 321, BY_AGENT, source("inbox", {"id": "inb_2"}), id="cnv_5"),
            ("assigned",),
        ),
        sample("missed", event("call_missed", 322), ignored=("call_missed",)),
        sample(
            "tagged",
            wrapped("tag_added", event("tag", 323, BY_AGENT, source("tag", {"id": "tag_1"}))),
            ignored=("tags",),
        ),
        sample("not known", event("teleport", 324, BY_AGENT), parked=1),
    ),
)
