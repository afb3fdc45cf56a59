"""Freshdesk's automation rules: what their webhooks say, as JSON or as a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.channels.base import Delivery, Parsed, Source
from connectors.channels.freshdesk_codes import CHANNELS, priority_of, status_of
from connectors.channels.payloads import fingerprint, from_iso, required, text_of
from connectors.channels.telling import LAST, Telling
from schemas.records import EventType
from schemas.times import EpochMs

#: Rules send forms as well as JSON.
FORM = "application/x-www-form-urlencoded"
#: What else a rule may have been triggered by, of which no number changes.
IGNORED_TRIGGERS = frozenset(
    {"ticket_type", "type", "tag", "tags", "source", "product_id", "subject", "time_sheet_action", "due_by"}
)
_TRIGGERS = re.compile(r"(\w+)\s*:\s*(?:\{\s*from\s*:([^,}]*),\s*to\s*:([^}]*)\}|([^,{}]*))")


class Rule:
    """What a rule sends of one ticket: its placeholders, and what triggered the rule."""

    def __init__(self, delivery: Delivery, source: Source[Any], found: dict[str, Any], parsed: Parsed) -> None:
        self._source = source
        self._received_at = delivery.received_at
        self._found = found
        self._parsed = parsed
        self._id = required(found.get("ticket_id"), "ticket_id")
        self._requester = text_of(found.get("requester_id"))
        how = (text_of(found.get("ticket_source")) or "").lower()
        self._telling = Telling(delivery, source, parsed, self._id, CHANNELS.get(how, "other"), self._requester)

    def tell(self) -> None:
        """What happened, which the rule tells as text.

        `{ticket_action:created}`, `{status:{from:2,to:4}}`, `{reply_sent:sent}`, `{note_type:private}` …
        """
        happened = _triggers(text_of(self._found.get("triggered_event")) or "")
        at_ms, tag = self._time(), fingerprint(self._found)
        status = status_of(happened.get("status"), self._source)
        if happened.get("ticket_action") == "created":
            said = {"priority": priority_of(self._found.get("ticket_priority"))}
            name = f"ticket:{self._id}:created"
            self._telling.tell(name, "conversation_started", at_ms, "customer", self._requester, **said)
        if "reply_sent" in happened:
            agent = text_of(self._found.get("ticket_agent_id"))
            self._telling.tell(f"rule:{tag}:reply", "message", at_ms, "human", agent)
        if "note_type" in happened:
            # The customer reads a public note like a reply.
            kind: EventType = "message" if happened["note_type"] == "public" else "note"
            self._telling.tell(f"rule:{tag}:note", kind, at_ms, "human", text_of(self._found.get("ticket_agent_id")))
        if "responder_id" in happened or "group_id" in happened:
            agent = text_of(happened.get("responder_id") or self._found.get("ticket_agent_id"))
            team = text_of(happened.get("group_id") or self._found.get("ticket_group_id"))
            self._telling.tell(f"rule:{tag}:assigned", "assigned", at_ms, "system", assignee_id=agent, team=team)
        if status is not None:
            self._telling.tell(f"rule:{tag}:status", "status_changed", at_ms, "system", status=status, sequence=LAST)
        priority = priority_of(happened.get("priority"))
        if priority is not None:
            self._telling.tell(f"rule:{tag}:priority", "note", at_ms, "system", priority=priority)
        if not self._parsed.events and happened and IGNORED_TRIGGERS.issuperset(happened):
            self._parsed.ignore("other_fields")
        elif not self._parsed.events:
            self._parsed.park("a rule's webhook whose triggered_event is not known", self._found)

    def _time(self) -> EpochMs:
        for field in ("occurred_at", "ticket_updated_at", "ticket_modified_on"):
            if self._found.get(field) is not None:
                return from_iso(self._found[field], field)
        # Rules have no placeholder for the instant; they fire at once.
        return self._received_at


def rule_of(fields: Mapping[str, bytes]) -> dict[str, Any]:
    """A rule's form, whose fields are named `freshdesk_webhook[ticket_id]` or plainly, as its JSON."""
    named = {
        name.removeprefix("freshdesk_webhook[").removesuffix("]"): value.decode("utf-8", "replace")
        for name, value in fields.items()
    }
    return {"freshdesk_webhook": named}


def _triggers(text: str) -> dict[str, str]:
    """`{status:{from:2,to:4},priority:{from:1,to:2}}` → `{"status": "4", "priority": "2"}`."""
    return {name: (after or plain).strip() for name, _, after, plain in _TRIGGERS.findall(text)}
