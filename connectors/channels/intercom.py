"""Intercom: webhooks of an app of its Developer Hub.

Documents: "Webhook topics", "Webhook notification object", "Conversation model", "Ticket model". An envelope names the
topic; its item is the conversation or ticket with the parts that just came. Times are seconds.
"""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import AccountOptions, check_account
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Reply, Source
from connectors.channels.intercom_parts import Parts, assignee_of, author_of, state_of
from connectors.channels.payloads import (
    from_epoch_s,
    from_iso,
    html_length,
    json_object,
    number_of,
    object_at,
    objects_at,
    required,
    text_of,
)
from connectors.channels.signatures import header, hex_hmac, require_match
from connectors.channels.telling import LAST, Telling
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, Call, Channel, Priority, Status, Survey
from schemas.times import EpochMs

CHANNELS: dict[str, Channel] = {
    "conversation": "live_chat",
    "chat": "live_chat",
    "messenger": "live_chat",
    "in_app": "in_app",
    "push": "in_app",
    "email": "email",
    "facebook": "messenger",
    "instagram": "instagram",
    "twitter": "x",
    "whatsapp": "whatsapp",
    "sms": "sms",
    "phone_call": "voice",
    "phone_switch": "voice",
}
PRIORITIES: dict[str, Priority] = {"priority": "high", "not_priority": "normal"}
AUTOMATIC = frozenset({"campaigns_initiated", "automated"})
#: What a topic says if no part came along to say it: a message's author, a status, …
MESSAGES: dict[str, ActorKind] = {
    "conversation.user.replied": "customer",
    "ticket.contact.replied": "customer",
    "conversation.admin.replied": "human",
    "ticket.admin.replied": "human",
    "conversation.operator.replied": "bot",
}
NOTES = frozenset({"conversation.admin.noted", "ticket.note.created"})
STATUSES: dict[str, Status] = {
    "conversation.admin.closed": "closed",
    "ticket.closed": "closed",
    "conversation.admin.opened": "open",
    "conversation.admin.snoozed": "on_hold",
    "conversation.admin.unsnoozed": "open",
}
#: States of a conversation that are no matter of course.
SNAPSHOTS: dict[str, Status] = {"closed": "closed", "snoozed": "on_hold"}
ASSIGNMENTS = frozenset(
    {"conversation.admin.assigned", "conversation.admin.open.assigned", "ticket.admin.assigned", "ticket.team.assigned"}
)
STARTS = frozenset({"conversation.user.created", "conversation.admin.single.created", "ticket.created"})
RATINGS = frozenset(
    {"conversation.rating.added", "conversation.rating.changed", "conversation.rating.remarked"}
    | {"ticket.rating.provided"}
)
PRIORITY = frozenset({"conversation.priority.updated"})
STATES = frozenset({"ticket.state.updated"})
DELETED = frozenset({"conversation.deleted", "ticket.deleted"})
#: What is told of a conversation or a ticket. Of a topic that is not known, the parts that came along still are.
TOLD = frozenset({*MESSAGES, *NOTES, *STATUSES, *ASSIGNMENTS, *STARTS, *RATINGS, *PRIORITY, *STATES, *DELETED})
CALLS = frozenset({"call.started", "call.answered", "call.ended", "call.updated"})
IGNORED = {
    "ping": "ping",
    "conversation.read": "read",
    "conversation.company.updated": "company",
    "conversation.contact.attached": "participants",
    "conversation.contact.detached": "participants",
    "ticket.contact.attached": "participants",
    "ticket.contact.detached": "participants",
    "ticket.attribute.updated": "attribute",
    "conversation_part.tag.created": "tags",
    "conversation_part.tag.deleted": "tags",
    "conversation_part.redacted": "redacted",
    # The same reply in another language.
    "conversation.admin.replied.translated": "translation",
    "ticket.admin.replied.translated": "translation",
    "call.recording.created": "recording",
    "call.transcript.created": "recording",
    "event.created": "product_event",
}
OTHER_DOMAINS = {
    "contact": "contact",
    "user": "contact",
    "lead": "contact",
    "visitor": "contact",
    "company": "company",
    "admin": "agent_state",
    "content_stat": "statistics_of_intercom",
    "article": "help_centre",
    "job": "job",
    "api": "app",
    "message": "delivery_state",
}


class Intercom(ChannelConnector[AccountOptions]):
    """Intercom's webhooks."""

    vendor = "intercom"
    Options = AccountOptions

    def handshake(self, delivery: Delivery, source: Source[AccountOptions]) -> Reply | None:  # noqa: ARG002
        """Intercom asks with HEAD whether an address is there, before it is saved."""
        return Reply(b"") if delivery.method == "HEAD" else None

    def verify(self, delivery: Delivery, source: Source[AccountOptions]) -> None:
        """`sha1=` and the hexadecimal HMAC-SHA1 of the body, with the app's client secret. There is no timestamp."""
        given = header(delivery, "x-hub-signature")
        expected = (f"sha1={hex_hmac(secret, delivery.body, 'sha1')}" for secret in source.secrets)
        require_match(given, expected, "x-hub-signature")

    def parse(self, delivery: Delivery, source: Source[AccountOptions]) -> Parsed:
        """One notification; also a conversation or a ticket without its envelope, as the REST API writes it."""
        body = json_object(delivery.body)
        check_account(source, body.get("app_id"), "app_id")
        parsed = Parsed()
        topic = text_of(body.get("topic"))
        if topic is None:
            if text_of(body.get("type")) not in ("conversation", "ticket"):
                raise InvalidEvent("topic is missing: this is no notification of Intercom")
            _Item(delivery, source, body, body, parsed).snapshot()
            return parsed
        item = object_at(body, "data", "item")
        if topic in IGNORED:
            parsed.ignore(IGNORED[topic])
        elif topic in CALLS:
            _call(delivery, source, item, parsed)
        elif topic.startswith(("conversation.", "ticket.")) and (topic in TOLD or text_of(item.get("id")) is not None):
            _Item(delivery, source, body, item, parsed).topic(topic)
        elif topic.partition(".")[0] in OTHER_DOMAINS:
            parsed.ignore(OTHER_DOMAINS[topic.partition(".")[0]])
        else:
            parsed.park("a topic of Intercom that is not known", body)
        return parsed


class _Item:
    """What a notification says of one conversation or ticket."""

    def __init__(
        self, delivery: Delivery, source: Source[Any], body: dict[str, Any], item: dict[str, Any], parsed: Parsed
    ) -> None:
        # Some topics of tickets wrap the ticket and its part once more.
        if "ticket_part" in item or ("id" not in item and "ticket" in item):
            part = object_at(item, "ticket_part")
            item = {**object_at(item, "ticket"), "ticket_parts": {"ticket_parts": [part] if part else []}}
        self._item = item
        self._source = source
        self._body = body
        self._parsed = parsed
        # A deletion sends ids alone.
        self._id = required(item.get("id") or item.get("conversation_id"), "data.item.id")
        # Before version 2.0 the first message was `conversation_message`.
        self._first = object_at(item, "source") or object_at(item, "conversation_message")
        self._priority = PRIORITIES.get(text_of(item.get("priority")) or "")
        channel = CHANNELS.get((text_of(self._first.get("type")) or "").lower(), "other")
        self._telling = Telling(delivery, source, parsed, self._id, channel, _customer(item))

    def topic(self, topic: str) -> None:
        """What the topic says: by its parts, or by the topic alone where none came along."""
        if topic in DELETED:
            self._tell(f"conversation:{self._id}:deleted", "deleted", self._sent_at(), "system")
            return
        if topic in STARTS:
            self._started()
        Parts(self._telling, self._item).all()
        if topic in RATINGS:
            self._rating()
        elif topic in PRIORITY and self._priority is not None:
            at_ms = self._changed_at()
            # `note` changes nothing but what the conversation knows of itself.
            self._tell(f"conversation:{self._id}:priority:{at_ms}", "note", at_ms, "system", priority=self._priority)
        elif self._parsed == Parsed() or self._is_untold(topic):
            self._by_topic(topic)

    def _is_untold(self, topic: str) -> bool:
        """Whether the parts say nothing of what the topic says has changed, as where they only describe."""
        if topic in ASSIGNMENTS:
            kind = "assigned"
        elif topic in STATUSES or topic in STATES:
            kind = "status_changed"
        else:
            return False
        return not self._parsed.parked and all(each.type != kind for each in self._parsed.events)

    def snapshot(self) -> None:
        """A whole conversation: its beginning, its parts, its rating and its state."""
        self._started()
        Parts(self._telling, self._item).all()
        if number_of(object_at(self._item, "conversation_rating").get("rating")) is not None:
            self._rating()
        self._state(ticket=text_of(self._item.get("type")) == "ticket")

    def _started(self) -> None:
        at_ms = from_epoch_s(self._item.get("created_at"), "created_at")
        how = text_of(self._first.get("delivered_as")) or ""
        actor, actor_id = author_of(self._source, self._first.get("author") or self._item.get("user"))
        if how == "operator_initiated":
            actor = "bot"
        automated = how in AUTOMATIC
        if text_of(self._item.get("type")) == "ticket":
            actor, actor_id = self._opener()
        if not automated:
            # A campaign starts nothing until somebody answers it.
            team = text_of(self._item.get("team_assignee_id"))
            self._tell(
                f"conversation:{self._id}:started",
                "conversation_started",
                at_ms,
                actor,
                actor_id,
                priority=self._priority,
                team=None if team == "0" else team,
            )
        if self._first:
            name = text_of(self._first.get("id")) or self._id
            text = html_length(self._first.get("body"))
            self._tell(f"source:{name}", "message", at_ms, actor, actor_id, automated=automated, attributes=text)

    def _opener(self) -> tuple[ActorKind, str | None]:
        """Who opened a ticket: a ticket has no first message. Back-office and tracker tickets are the team's own."""
        for part in objects_at(self._item, "ticket_parts", "ticket_parts"):
            return author_of(self._source, part.get("author"))
        if text_of(self._item.get("category")) == "Customer" and self._telling.customer_id is not None:
            return "customer", self._telling.customer_id
        return "system", None

    def _by_topic(self, topic: str) -> None:
        at_ms = self._changed_at()
        name = f"conversation:{self._id}:{topic}:{at_ms}"
        if topic in MESSAGES:
            actor = MESSAGES[topic]
            actor_id = self._telling.customer_id if actor == "customer" else None
            self._tell(name, "message", at_ms, actor, actor_id)
        elif topic in NOTES:
            self._tell(name, "note", at_ms, "human")
        elif topic in STATUSES:
            self._tell(name, "status_changed", at_ms, "system", status=STATUSES[topic], sequence=LAST)
        elif topic in ASSIGNMENTS:
            assignee = assignee_of(self._source, self._item.get("admin_assignee_id"))
            team = text_of(self._item.get("team_assignee_id"))
            self._tell(name, "assigned", at_ms, "system", assignee_id=assignee, team=None if team == "0" else team)
        elif topic in STATES and self._state(ticket=True):
            return
        else:
            self._parsed.park("a topic of Intercom that is not known, or says nothing", self._body)

    def _state(self, *, ticket: bool) -> bool:
        """The state as it is, where no part has told of it; whether there was something to tell."""
        word = text_of(self._item.get("state")) or ""
        done = word == "closed" and (not ticket or self._item.get("open") is False)
        status: Status | None = "closed" if done else state_of(self._item) if ticket else SNAPSHOTS.get(word)
        if status is None or any(each.type == "status_changed" for each in self._parsed.events):
            return False
        closed_at = object_at(self._item, "statistics").get("last_close_at") if status == "closed" else None
        at_ms = self._changed_at() if closed_at is None else from_epoch_s(closed_at, "statistics.last_close_at")
        name = f"conversation:{self._id}:{status}:{at_ms}"
        self._tell(name, "status_changed", at_ms, "system", status=status, sequence=LAST)
        return True

    def _rating(self) -> None:
        # Fin asks for a rating of its own.
        for where in ("conversation_rating", "ticket_rating", "rating", "ai_agent"):
            rating = object_at(self._item, where)
            score = number_of(rating.get("rating"))
            if score is None:
                continue
            # created_at is when it was asked for, and so names the survey.
            found = rating.get("updated_at") or rating.get("replied_at")
            at_ms = self._changed_at() if found is None else from_epoch_s(found, f"{where}.updated_at")
            asked = text_of(rating.get("created_at")) or ""
            survey = Survey("csat", score, 1.0, 5.0, f"conversation:{self._id}:{where}:{asked}")
            name = f"conversation:{self._id}:{where}:{asked}:{at_ms}"
            self._tell(name, "survey_answered", at_ms, "customer", self._telling.customer_id, survey=survey)
            return
        self._parsed.ignore("rating_removed")

    def _changed_at(self) -> EpochMs:
        found = self._item.get("updated_at")
        return self._sent_at() if found is None else from_epoch_s(found, "updated_at")

    def _sent_at(self) -> EpochMs:
        found = self._body.get("created_at")
        # A notification without any time tells of what has just happened.
        return self._telling.delivery.received_at if found is None else from_epoch_s(found, "created_at")

    def _tell(self, *args: Any, **said: Any) -> None:
        self._telling.tell(*args, **said)


def _customer(item: dict[str, Any]) -> str | None:
    """The contact's id: in a list, or as `user` and `customers` in old versions."""
    for found in (
        *objects_at(item, "contacts", "contacts"),
        *objects_at(item, "contacts"),
        *objects_at(item, "customers"),
        object_at(item, "user"),
        object_at(item, "contact"),
    ):
        text = text_of(found.get("id"))
        if text is not None:
            return text
    return None


def _call(delivery: Delivery, source: Source[Any], item: dict[str, Any], parsed: Parsed) -> None:
    """A call: it comes in, somebody takes it, it ends. Each delivery says all that has happened so far."""
    call_id = required(item.get("id"), "data.item.id")
    customer = text_of(item.get("contact_id"))
    conversation_id = text_of(item.get("conversation_id")) or f"call:{call_id}"
    telling = Telling(delivery, source, parsed, conversation_id, "voice", customer)
    began = _instant(item.get("initiated_at") or item.get("created_at"), "initiated_at")
    answered = item.get("answered_at")
    ended = item.get("ended_at")
    agent = text_of(item.get("admin_id"))
    if text_of(item.get("direction")) != "outbound":
        telling.tell(f"call:{call_id}", "message", began, "customer", customer)
    if answered is not None:
        telling.tell(f"call:{call_id}:answered", "call_answered", _instant(answered, "answered_at"), "human", agent)
    if ended is not None and answered is None:
        # It cost nobody anything, and the wait goes on.
        parsed.ignore("call_missed")
    elif ended is not None:
        ended_ms = _instant(ended, "ended_at")
        talk_ms = max(0, ended_ms - _instant(answered, "answered_at"))
        cost = Call(talk_seconds=min(talk_ms / 1000, 86_400.0))
        telling.tell(f"call:{call_id}:ended", "call_ended", ended_ms, "human", agent, call=cost)
    elif not parsed.events:
        parsed.ignore("call_ringing")


def _instant(found: object, field: str) -> EpochMs:
    return from_iso(found, field) if isinstance(found, str) and "-" in found else from_epoch_s(found, field)
