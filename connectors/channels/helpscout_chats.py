"""Help Scout's live chats and ratings: what is no conversation with threads."""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import person_or_bot
from connectors.channels.base import Delivery, Parsed, Source
from connectors.channels.payloads import (
    fingerprint,
    from_iso,
    html_length,
    object_at,
    objects_at,
    required,
    text_of,
)
from connectors.channels.telling import LAST, Telling
from schemas.records import ActorKind, Survey
from schemas.times import EpochMs

AUTHORS: dict[str, ActorKind] = {
    "customer": "customer",
    "guest": "customer",
    "user": "human",
    "ai": "bot",
    "bot": "bot",
    "system": "system",
    "team": "system",
}
#: Great, Okay and Bad, from 0 to 2; as numbers 1 is great.
RATINGS = {
    "1": 2.0,
    "2": 1.0,
    "3": 0.0,
    "great": 2.0,
    "okay": 1.0,
    "ok": 1.0,
    "bad": 0.0,
    "not_good": 0.0,
    "not good": 0.0,
}


class Chat:
    """What one event says of one live chat. A chat is a conversation of its own until it ends."""

    def __init__(self, delivery: Delivery, source: Source[Any], body: dict[str, Any], parsed: Parsed) -> None:
        self._source = source
        self._body = body
        self._parsed = parsed
        self._received_at = delivery.received_at
        self._id = required(body.get("id") or body.get("chatId"), "the chat's id")
        customer = object_at(body, "customer").get("id") or object_at(body, "primaryCustomer").get("id")
        self._telling = Telling(delivery, source, parsed, self._id, "live_chat", text_of(customer))

    def tell(self, name: str) -> None:
        """What the event says."""
        if name == "created":
            at_ms = from_iso(self._body.get("createdAt"), "createdAt")
            customer = self._telling.customer_id
            self._telling.tell(f"chat:{self._id}:created", "conversation_started", at_ms, "customer", customer)
            self._messages()
        elif name in ("customer.replied", "agent.replied"):
            self._messages()
            if not self._parsed.events:
                self._reply("customer" if name == "customer.replied" else "human")
        elif name in ("assigned", "unassigned"):
            assignee = text_of(object_at(self._body, "assignee").get("id")) if name == "assigned" else None
            at_ms, tag = self._changed()
            self._telling.tell(f"chat:{self._id}:{name}:{tag}", "assigned", at_ms, "system", assignee_id=assignee)
        elif name in ("ended", "closed"):
            at_ms, _ = self._changed("endedAt")
            name = f"chat:{self._id}:ended"
            self._telling.tell(name, "status_changed", at_ms, "system", status="closed", sequence=LAST)
        elif name in ("note.created", "noted"):
            self._parsed.ignore("chat_note")
        else:
            self._parsed.park("an event of a chat that is not known", self._body)

    def _messages(self) -> None:
        for said in (*objects_at(self._body, "events"), *objects_at(self._body, "timeline")):
            kind = (text_of(said.get("type")) or "").lower()
            author = object_at(said, "author") or object_at(said, "createdBy")
            actor = AUTHORS.get((text_of(author.get("type")) or "").lower())
            if "message" not in kind or actor is None:
                self._parsed.ignore("chat_line")
                continue
            author_id = text_of(author.get("id"))
            self._telling.tell(
                f"chat:{self._id}:{required(said.get('id'), 'the id of a chat event')}",
                "message",
                from_iso(said.get("createdAt"), "createdAt"),
                person_or_bot(self._source, author_id) if actor == "human" else actor,
                author_id,
                attributes=html_length(said.get("body")),
            )

    def _reply(self, actor: ActorKind) -> None:
        at_ms, tag = self._changed()
        who = self._telling.customer_id if actor == "customer" else text_of(object_at(self._body, "assignee").get("id"))
        self._telling.tell(f"chat:{self._id}:{actor}:{tag}", "message", at_ms, actor, who)

    def _changed(self, *fields: str) -> tuple[EpochMs, str]:
        for field in (*fields, "modifiedAt", "updatedAt"):
            if self._body.get(field) is not None:
                at_ms = from_iso(self._body[field], field)
                return at_ms, str(at_ms)
        # The chat does not say when: it has just happened.
        return self._received_at, fingerprint(self._body)


def rating(delivery: Delivery, source: Source[Any], body: dict[str, Any], parsed: Parsed) -> None:
    """A customer's rating of a reply."""
    score = RATINGS.get((text_of(body.get("rating")) or "").lower())
    if score is None:
        parsed.park("a rating that is not known", body)
        return
    rating_id = required(body.get("id"), "id")
    conversation_id = required(body.get("conversationId") or body.get("ticketId"), "ticketId")
    customer = text_of(object_at(body, "customer").get("id"))
    at_ms = from_iso(body.get("modifiedAt") or body.get("createdAt"), "createdAt")
    telling = Telling(delivery, source, parsed, conversation_id, "email", customer)
    survey = Survey("csat", score, 0.0, 2.0, f"rating:{rating_id}")
    telling.tell(f"rating:{rating_id}:{at_ms}", "survey_answered", at_ms, "customer", customer, survey=survey)
