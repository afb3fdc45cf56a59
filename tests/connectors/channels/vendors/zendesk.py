"""Zendesk for the suites over all vendors: requests in its shapes, written for these tests."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery
from connectors.channels.signatures import base64_hmac
from connectors.channels.zendesk import Zendesk
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

REQUESTER, AGENT, OTHER_AGENT, GROUP = "7001", "8001", "8002", "9001"


def at(second: float) -> str:
    """So many seconds after 08:50:00, with the nine decimals that Zendesk writes."""
    instant = datetime.fromtimestamp(RECEIVED_MS / 1000 - 600 + second, tz=timezone.utc)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def detail(**changed: Any) -> dict[str, Any]:
    """The ticket as it is after the event."""
    return {
        "actor_id": REQUESTER,
        "assignee_id": None,
        "brand_id": "1",
        "created_at": at(0),
        "description": "Some words.",
        "group_id": GROUP,
        "id": "1205",
        "is_public": True,
        "priority": "NORMAL",
        "requester_id": REQUESTER,
        "status": "NEW",
        "subject": "A subject",
        "submitter_id": REQUESTER,
        "tags": [],
        "type": None,
        "updated_at": at(0),
        "via": {"channel": "email"},
        **changed,
    }


def event(name: str, second: float, said: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """An event of the ticket."""
    meta = {"sequence": {"id": "01J000", "position": 1, "total": 1}}
    return {
        "account_id": 22,
        "detail": detail(**changed),
        "event": {"meta": meta, **said},
        "id": f"evt-{name}-{second}",
        "subject": "zen:ticket:1205",
        "time": at(second),
        "type": f"zen:event-type:ticket.{name}",
        "zendesk_event_version": "2022-11-06",
    }


def comment(number: int, second: float, author: str, *, staff: bool | None, public: bool = True) -> dict[str, Any]:
    """A comment_added."""
    by = {"id": author, "name": "A name", "is_staff": staff}
    said = {"comment": {"id": str(number), "body": "Some words.", "is_public": public, "author": by}}
    return event("comment_added", second, said, actor_id=author)


def message(number: int, second: float, kind: str, who: str) -> dict[str, Any]:
    """A message of a messaging ticket, which has no more detail than its id."""
    said = {
        "actor": {"id": who, "name": "A name", "type": kind},
        "conversation_id": "c-1",
        "message": {"id": f"m-{number}", "body": "Hello."},
    }
    whole = event("message_added", second, said)
    return {**whole, "detail": {"id": "1206"}, "type": "zen:event-type:messaging_ticket.message_added"}


def sample(name: str, body: dict[str, Any], types: tuple[str, ...] = (), **more: Any) -> Sample:
    return Sample(name, json.dumps(body).encode(), types, **more)


def sign(sample: Sample, secret: bytes) -> Delivery:
    stamp = datetime.fromtimestamp(sample.received_ms // 1000, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-zendesk-webhook-signature-timestamp": stamp,
        "x-zendesk-webhook-signature": base64_hmac(secret, stamp.encode() + sample.body),
        **sample.headers,
    }
    url = "https://gateway.example/v1/hooks/zendesk/zendesk-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


SOLVED = {"current": "SOLVED", "previous": "OPEN"}
TAKEN = {"current": AGENT, "previous": None}
PASSED_ON = {"current": OTHER_AGENT, "previous": AGENT}
MOVED = {"current": "9002", "previous": GROUP}

#: A ticket: written, taken, answered, passed on with its group, solved and rated.
STORY = (
    sample("created", event("created", 0, {}), ("conversation_started",)),
    sample("first comment", comment(1, 0.1, REQUESTER, staff=False), ("message",)),
    sample("taken", event("agent_assignment_changed", 60, TAKEN, actor_id=AGENT, assignee_id=AGENT), ("assigned",)),
    sample("private", comment(2, 70, AGENT, staff=True, public=False), ("note",)),
    sample("answered", comment(3, 120, AGENT, staff=True), ("message",)),
    sample(
        "passed on",
        event("agent_assignment_changed", 130, PASSED_ON, actor_id=AGENT, assignee_id=OTHER_AGENT, group_id="9002"),
        ("assigned",),
    ),
    sample(
        "moved",
        event("group_assignment_changed", 130, MOVED, actor_id=AGENT, assignee_id=OTHER_AGENT, group_id="9002"),
        ("assigned",),
    ),
    sample("solved", event("status_changed", 300, SOLVED, actor_id=OTHER_AGENT, status="SOLVED"), ("status_changed",)),
    sample("rated", event("csat_received", 400, {"survey_id": "s-1", "score": "GOOD"}), ("survey_answered",)),
)

CASE = VendorCase(
    connector=Zendesk(),
    sign=sign,
    options=AccountOptions(),
    signs_time=True,
    samples=(
        *STORY,
        sample("urgent", event("priority_changed", 5, {"current": "URGENT"}, priority="URGENT"), ("note",)),
        sample("on hold", event("status_changed", 9, {"current": "HOLD", "previous": "OPEN"}), ("status_changed",)),
        sample("merged", event("merged", 9, {"target_ticket_id": "1300"}, actor_id=AGENT, id="1209"), ("merged",)),
        sample("spam", event("marked_as_spam", 9, {}, id="1207"), ("status_changed",)),
        sample("deleted", event("soft_deleted", 9, {}, status="DELETED", id="1208"), ("deleted",)),
        sample("chat of a customer", message(1, 1, "end_user", "7002"), ("message",)),
        sample("chat of a bot", message(2, 2, "system", "zd:answerBot"), ("message",)),
        sample(
            "opened and solved",
            event("created", 7, {}, actor_id=AGENT, submitter_id=AGENT, status="SOLVED", id="1210"),
            ("conversation_started", "status_changed"),
        ),
        sample(
            "closed by a merge",
            event("status_changed", 9, {"current": "CLOSED"}, tags=["closed_by_merge"], id="1209"),
            ("merged",),
        ),
        sample("tagged", event("tags_changed", 3, {"added": ["a"], "removed": []}), ignored=("tags",)),
        sample(
            "a user",
            {
                **event("x", 4, {"current": False}),
                "type": "zen:event-type:user.active_changed",
                "subject": "zen:user:1",
            },
            ignored=("user",),
        ),
        sample("not known", event("teleported", 4, {}), parked=1),
    ),
)
