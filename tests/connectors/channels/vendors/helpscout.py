"""Help Scout for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery
from connectors.channels.helpscout import HelpScout
from connectors.channels.signatures import base64_hmac
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

BEGAN_MS = RECEIVED_MS - 600_000


def at(second: int) -> str:
    """So many seconds after 2026-03-02T08:50:00Z."""
    return datetime.fromtimestamp(BEGAN_MS // 1000 + second, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def thread(number: int, second: int, kind: str, by: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    """A thread."""
    return {
        "id": number,
        "type": kind,
        "status": "nochange",
        "state": "published",
        "action": {"type": "default", "associatedEntities": {}},
        "body": "<p>Some words.</p>",
        "source": {"type": "email", "via": "customer"},
        "createdBy": by,
        "createdAt": at(second),
        **changed,
    }


def conversation(second: int, *threads: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A conversation as it is then, the newest thread first."""
    return {
        "id": 880,
        "number": 12,
        "threads": len(threads),
        "type": "email",
        "folderId": 4,
        "status": "active",
        "state": "published",
        "subject": "A subject",
        "mailboxId": 85,
        "createdBy": CUSTOMER,
        "createdAt": at(0),
        "userUpdatedAt": at(second),
        "closedAt": None,
        "source": {"type": "email", "via": "customer"},
        "primaryCustomer": {"id": 3001},
        "_embedded": {"threads": list(reversed(threads))},
        **changed,
    }


CUSTOMER = {"id": 3001, "type": "customer", "email": "customer@example.com"}
AGENT = {"id": 256, "type": "user", "email": "agent@example.com"}
ASKED = thread(1, 0, "customer", CUSTOMER)
NOTED = thread(2, 60, "note", AGENT)
ANSWERED = thread(3, 120, "message", AGENT, status="pending")
ASKED_AGAIN = thread(4, 200, "customer", CUSTOMER, status="active")
CLOSING = thread(5, 300, "message", AGENT, status="closed")
MERGED = thread(
    6, 310, "lineitem", AGENT, action={"type": "merged", "associatedEntities": {"originalConversation": 881}}
)


def sample(name: str, event: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, headers={"x-helpscout-event": event}, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    headers = {
        "content-type": "application/json",
        "x-helpscout-signature": base64_hmac(secret, sample.body, "sha1"),
        **sample.headers,
    }
    url = "https://gateway.example/v1/hooks/helpscout/helpscout-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


RATING = {"id": 5434, "customer": {"id": 3001}, "ticketId": 880, "threadId": 5, "mailbox": {"id": 85},
          "rating": "Great", "comments": "", "createdAt": at(400), "modifiedAt": at(401)}  # fmt: skip
CHAT = {"id": "c-77", "customer": {"id": 3001}, "createdAt": at(0),
        "events": [{"id": "e1", "type": "message-added", "author": {"id": 3001, "type": "customer"},
                    "body": "Hello", "createdAt": at(1)}]}  # fmt: skip
SAID = {"id": "e2", "type": "message-added", "author": {"id": 256, "type": "user"}, "body": "Hi", "createdAt": at(21)}

#: Asked, assigned, noted, answered and left pending, asked again, answered and closed, rated.
STORY = (
    sample("asked", "convo.created", conversation(0, ASKED), ("conversation_started", "message")),
    sample("assigned", "convo.assigned", conversation(30, ASKED, assignee={"id": 256, "type": "user"}), ("assigned",)),
    sample("noted", "convo.note.created", conversation(60, NOTED), ("note",)),
    sample(
        "answered",
        "convo.agent.reply.created",
        conversation(120, ASKED, NOTED, ANSWERED, status="pending"),
        ("message", "status_changed", "note", "message"),
    ),
    sample("waits", "convo.status", conversation(120, ASKED, ANSWERED, status="pending"), ("status_changed",)),
    sample("asked again", "convo.customer.reply.created", conversation(200, ASKED_AGAIN), ("message",)),
    sample(
        "answered and closed",
        "convo.agent.reply.created",
        conversation(300, CLOSING, status="closed", closedAt=at(299)),
        ("message", "status_changed"),
    ),
    sample(
        "closed",
        "convo.status",
        conversation(300, CLOSING, status="closed", closedAt=at(299), closedBy=256),
        ("status_changed",),
    ),
    sample("rated", "satisfaction.ratings", RATING, ("survey_answered",)),
)

CASE = VendorCase(
    connector=HelpScout(),
    sign=sign,
    options=AccountOptions(),
    samples=(
        *STORY,
        sample("moved", "convo.moved", conversation(310, mailboxId=86, assignee={"id": 256}), ("assigned",)),
        sample("merged", "convo.merged", conversation(310, MERGED), ("merged",)),
        sample(
            "opened by its customer",
            "convo.status",
            conversation(
                320, id=885, customerWaitingSince={"time": at(330), "latestReplyFrom": "customer"}, userUpdatedAt=at(9)
            ),
            ("status_changed",),
        ),
        sample("spam", "convo.status", conversation(320, id=882, status="spam"), ("status_changed",)),
        sample("deleted", "convo.deleted", {"id": 883}, ("deleted",)),
        sample("chat", "beacon.chat.created", CHAT, ("conversation_started", "message")),
        sample("chat answered", "beacon.chat.agent.replied", {**CHAT, "events": [SAID]}, ("message",)),
        sample("chat ended", "beacon.chat.ended", {"id": "c-77", "endedAt": at(90)}, ("status_changed",)),
        sample(
            "old form",
            "convo.customer.reply.created",
            {
                "id": 884,
                "mailbox": {"id": 85},
                "customer": {"id": 3001},
                "status": "active",
                "threads": [
                    {
                        "id": 9,
                        "type": "customer",
                        "state": "published",
                        "createdAt": at(3),
                        "body": "Words",
                        "createdBy": CUSTOMER,
                    }
                ],
            },
            ("message",),
        ),
        sample("line", "convo.note.created", conversation(1, thread(7, 1, "lineitem", AGENT)), ignored=("line_item",)),
        sample("tagged", "convo.tags", conversation(2), ignored=("tags",)),
        sample("a customer", "customer.created", {"id": 1}, ignored=("contact",)),
        sample("not known", "convo.teleported", conversation(2), parked=1),
        sample("something else", "teleport", {"id": 1}, parked=1),
    ),
)
