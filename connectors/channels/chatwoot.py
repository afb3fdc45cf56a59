"""Chatwoot: account webhooks, API inbox webhooks, agent bots and automation rules.

Documents: "Supported webhook events in Chatwoot", "Verify webhook signatures". One conversation is one `id` of an
account. A change names no actor, and its time is the conversation's `updated_at`; a message has a time of its own.
"""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import AccountOptions, check_account, person_or_bot
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.payloads import (
    fingerprint,
    from_epoch_s,
    from_iso,
    json_object,
    number_of,
    object_at,
    objects_at,
    required,
    seconds_of,
    text_length,
    text_of,
)
from connectors.channels.signatures import header, hex_hmac, require_fresh, require_match, require_shared_secret
from connectors.channels.telling import LAST, Telling
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, Call, Channel, Priority, Status, Survey
from schemas.times import EpochMs

STATUSES: dict[str, Status] = {"open": "open", "resolved": "resolved", "pending": "pending", "snoozed": "on_hold"}
#: Old releases and push data write numbers.
STATUS_NUMBERS = {"0": "open", "1": "resolved", "2": "pending", "3": "snoozed"}
PRIORITIES: dict[str, Priority] = {"low": "low", "medium": "normal", "high": "high", "urgent": "urgent"}
CHANNELS: dict[str, Channel] = {
    "webwidget": "live_chat",
    "email": "email",
    "whatsapp": "whatsapp",
    "facebookpage": "messenger",
    "instagram": "instagram",
    "twitterprofile": "x",
    "telegram": "telegram",
    "line": "line",
    "sms": "sms",
    "twiliosms": "sms",
    "voice": "voice",
    "tiktok": "social",
    "notificame": "social",
}
MESSAGE_TYPES = {"0": "incoming", "1": "outgoing", "2": "activity", "3": "template"}
SENDERS: dict[str, ActorKind] = {
    "contact": "customer",
    "user": "human",
    "agent_bot": "bot",
    "agentbot": "bot",
    "captain_assistant": "bot",
    "captain::assistant": "bot",
}
#: What a bot asks with. Other templates (greeting, out of office, e-mail request, survey) are Chatwoot's own.
BOT_TEMPLATES = frozenset({"input_text", "input_textarea", "input_select", "cards", "form", "article"})
CHANGES = frozenset({"conversation_updated", "conversation_status_changed"})
STATUS_EVENTS: dict[str, Status] = {"conversation_resolved": "resolved", "conversation_opened": "open"}
MESSAGES = frozenset({"message_created", "message_updated", "message_incoming", "message_outgoing"})
IGNORED = {
    "contact_created": "contact",
    "contact_updated": "contact",
    "contact_merged": "contact",
    "contact_deleted": "contact",
    "inbox_created": "inbox",
    "inbox_updated": "inbox",
    "webwidget_triggered": "widget_opened",
    "widget_triggered": "widget_opened",
    "conversation_typing_on": "typing",
    "conversation_typing_off": "typing",
    "conversation_recording": "typing",
    "conversation_read": "read",
    "conversation_contact_changed": "contact",
    "conversation_mentioned": "mention",
    # Told by message_created as well.
    "first_reply_created": "told_by_message",
    "reply_created": "told_by_message",
}
CALL_ENDS = frozenset({"completed", "ended"})
CALL_ANSWERS = frozenset({"in-progress", "in_progress", "answered"})


class ChatwootOptions(AccountOptions):
    """`signed: false` is for releases that cannot sign yet: then a secret of ours is asked for."""

    signed: bool = True


class Chatwoot(ChannelConnector[ChatwootOptions]):
    """Chatwoot's webhooks."""

    vendor = "chatwoot"
    Options = ChatwootOptions

    def verify(self, delivery: Delivery, source: Source[ChatwootOptions]) -> None:
        """`sha256=` and the hexadecimal HMAC-SHA256 of `{timestamp}.{body}`."""
        if not getattr(source.options, "signed", True):
            require_shared_secret(delivery, source)
            return
        given = header(delivery, "x-chatwoot-signature")
        stamp = header(delivery, "x-chatwoot-timestamp")
        signed = stamp.encode("utf-8", "replace") + b"." + delivery.body
        require_match(
            given, (f"sha256={hex_hmac(secret, signed)}" for secret in source.secrets), "x-chatwoot-signature"
        )
        require_fresh(from_epoch_s(stamp, "x-chatwoot-timestamp"), delivery)

    def parse(self, delivery: Delivery, source: Source[ChatwootOptions]) -> Parsed:
        """One event of a conversation or of a message."""
        body = json_object(delivery.body)
        # An automation rule repeats what happened under a name of its own.
        name = required(body.get("event"), "event").removeprefix("automation_event.")
        check_account(source, object_at(body, "account").get("id") or body.get("account_id"), "account.id")
        parsed = Parsed()
        if name in MESSAGES:
            _messages(delivery, source, body, parsed)
        elif name == "conversation_created":
            _Conversation(delivery, source, body, parsed).created()
        elif name in CHANGES:
            _Conversation(delivery, source, body, parsed).changed(name)
        elif name in STATUS_EVENTS:
            _Conversation(delivery, source, body, parsed).status(STATUS_EVENTS[name])
        elif name == "conversation_bot_handoff":
            _Conversation(delivery, source, body, parsed).handoff()
        elif name == "conversation_deleted":
            _Conversation(delivery, source, body, parsed).deleted()
        elif name in IGNORED:
            parsed.ignore(IGNORED[name])
        elif name.startswith("macro_event."):
            # The conversation as it is after a macro; what the macro did is told by the other events.
            parsed.ignore("macro")
        else:
            parsed.park("an event of Chatwoot that is not known", body)
        return parsed


def _messages(delivery: Delivery, source: Source[Any], body: dict[str, Any], parsed: Parsed) -> None:
    """A message with its conversation. A rule sends the conversation alone, with its latest message in it."""
    conversation = object_at(body, "conversation")
    if conversation or "messages" not in body:
        _Conversation(delivery, source, conversation, parsed).message(body)
        return
    for message in objects_at(body, "messages"):
        _Conversation(delivery, source, body, parsed).message(message)
    if parsed == Parsed():
        parsed.park("a message event without a message", body)


class _Conversation:
    """What one delivery says of one conversation."""

    def __init__(self, delivery: Delivery, source: Source[Any], conversation: dict[str, Any], parsed: Parsed) -> None:
        self._conversation = conversation
        self._source = source
        self._parsed = parsed
        self._received_at = delivery.received_at
        self._id = required(conversation.get("id") or conversation.get("display_id"), "the conversation's id")
        customer = object_at(conversation, "meta", "sender").get("id")
        customer = customer or object_at(conversation, "contact_inbox").get("contact_id")
        self._customer = text_of(customer or object_at(conversation, "contact").get("id"))
        self._tell = Telling(delivery, source, parsed, self._id, _channel(conversation), self._customer).tell

    def message(self, body: dict[str, Any]) -> None:
        kind = text_of(body.get("message_type")) or ""
        kind = MESSAGE_TYPES.get(kind, kind)
        if kind == "activity":
            self._parsed.ignore("activity")
            return
        if kind not in MESSAGE_TYPES.values():
            self._parsed.park("a message_type that is not known", body)
            return
        message_id = required(body.get("id"), "id")
        content_type = text_of(body.get("content_type"))
        if content_type == "input_csat":
            self._survey(message_id, body)
        elif content_type == "voice_call":
            self._call(message_id, kind, body)
        else:
            self._written(message_id, kind, body)

    def _written(self, message_id: str, kind: str, body: dict[str, Any]) -> None:
        actor, actor_id, automated = _author(self._source, kind, body)
        note = body.get("private") is True and actor != "customer"
        self._tell(
            f"message:{message_id}",
            "note" if note else "message",
            _instant(body.get("created_at"), "created_at"),
            actor,
            actor_id,
            automated=automated,
            # A reaction says that something was seen, not that something is wanted.
            ack=actor == "customer" and object_at(body, "content_attributes").get("is_reaction") is True,
            attributes=text_length(body.get("content")),
        )

    def _survey(self, message_id: str, body: dict[str, Any]) -> None:
        answer = object_at(body, "content_attributes", "submitted_values", "csat_survey_response")
        score = number_of(answer.get("rating"))
        if score is None:
            self._parsed.ignore("survey_sent")
            return
        # The message's created_at is when it was asked; the answer touches the conversation.
        at_ms, tag = self._changed(body)
        self._tell(
            f"message:{message_id}:csat:{tag}",
            "survey_answered",
            at_ms,
            "customer",
            self._customer,
            survey=Survey("csat", score, 1.0, 5.0, f"message:{message_id}"),
        )

    def _call(self, message_id: str, kind: str, body: dict[str, Any]) -> None:
        data = object_at(body, "content_attributes", "data")
        state = text_of(data.get("status")) or ""
        actor, actor_id, _ = _author(self._source, kind, body)
        if kind == "incoming":
            self._tell(f"message:{message_id}", "message", _instant(body.get("created_at"), "created_at"), "customer",
                       self._customer or actor_id, channel="voice")  # fmt: skip
        agent = text_of(data.get("accepted_by_id") or data.get("agent_id")) or (actor_id if actor == "human" else None)
        at_ms, _ = self._changed(body)
        if state in CALL_ANSWERS:
            self._tell(f"call:{message_id}:answered", "call_answered", at_ms, "human", agent, channel="voice")
        elif state in CALL_ENDS:
            talk = seconds_of(data.get("duration_seconds") or data.get("duration"))
            if talk is None:
                # Without its length a call says nothing that is measured.
                self._parsed.ignore("call_without_length")
                return
            self._tell(f"call:{message_id}:ended", "call_ended", at_ms, "human", agent, channel="voice",
                       call=Call(talk_seconds=talk))  # fmt: skip
        elif kind != "incoming":
            self._parsed.ignore("call_ringing")

    def created(self) -> None:
        # Not told as the customer's: the message that comes with it has the instant in milliseconds, this one has not.
        name = f"conversation:{self._id}:created"
        at_ms = _instant(self._conversation.get("created_at"), "created_at")
        self._tell(name, "conversation_started", at_ms, "system", priority=self._priority(), team=self._team())
        assignee = self._person(self._shown())
        if assignee is not None:
            # Of whom it is given to as it begins, no change is told.
            said: dict[str, Any] = {"assignee_id": assignee, "team": self._team(), "sequence": 1}
            self._tell(f"{name}:assigned", "assigned", at_ms, "system", **said)

    def changed(self, name: str) -> None:
        changes = _changes(self._conversation)
        told = len(self._parsed.events)
        if "status" in changes or name == "conversation_status_changed":
            self._status_change(object_at(changes, "status"))
        if "assignee_id" in changes or "team_id" in changes:
            self._assigned(changes)
        if "priority" in changes and self._priority() is not None:
            # `note` changes nothing but what the conversation knows of itself.
            at_ms, tag = self._changed()
            self._tell(f"conversation:{self._id}:priority:{tag}", "note", at_ms, "system", priority=self._priority())
        if len(self._parsed.events) == told and not self._parsed.parked:
            self._parsed.ignore("bot_assigned" if "assignee_agent_bot_id" in changes else "other_attributes")

    def _status_change(self, change: dict[str, Any]) -> None:
        now = _status(change.get("current_value")) or _status(self._conversation.get("status"))
        if now is None:
            self._parsed.park("a status that is not known", self._conversation)
            return
        self.status(now)
        if now == "open" and _status(change.get("previous_value")) == "pending":
            # Pending is where a bot talks; leaving it is how the bot asks for a person. Where a person answered
            # before, a hand-off changes nothing.
            self.handoff()

    def status(self, now: Status) -> None:
        at_ms, tag = self._changed()
        # Chatwoot writes a change down a moment later, with the time of the conversation then: where two of them have
        # the same time, the last one is what is so.
        sequence = LAST if now == _status(self._conversation.get("status")) else LAST - 1
        name = f"conversation:{self._id}:{now}:{tag}"
        self._tell(name, "status_changed", at_ms, "system", status=now, sequence=sequence)

    def handoff(self) -> None:
        at_ms, tag = self._changed()
        self._tell(f"conversation:{self._id}:handoff:{tag}", "handoff_requested", at_ms, "bot")

    def deleted(self) -> None:
        self._tell(f"conversation:{self._id}:deleted", "deleted", self._changed()[0], "system")

    def _assigned(self, changes: dict[str, Any]) -> None:
        assignee = self._shown()
        if "assignee_id" in changes:
            assignee = text_of(object_at(changes, "assignee_id").get("current_value"))
        is_so, assignee = assignee == self._shown(), self._person(assignee)
        team = self._team()
        if "team_id" in changes:
            team = text_of(object_at(changes, "team_id").get("current_value"))
        at_ms, tag = self._changed()
        name = f"conversation:{self._id}:assigned:{tag}:{assignee or ''}:{team or ''}"
        self._tell(name, "assigned", at_ms, "system", assignee_id=assignee, team=team, sequence=2 if is_so else 1)

    def _shown(self) -> str | None:
        """Whose the conversation is as it is written down."""
        return text_of(object_at(self._conversation, "meta", "assignee").get("id"))

    def _person(self, assignee: str | None) -> str | None:
        """The assignee, if it is a person: agent bots and users have numbers of their own."""
        meta = object_at(self._conversation, "meta")
        kind = (text_of(meta.get("assignee_type") or object_at(meta, "assignee").get("type")) or "").lower()
        a_bot = assignee == self._shown() and ("bot" in kind or "captain" in kind)
        return None if a_bot or person_or_bot(self._source, assignee) == "bot" else assignee

    def _team(self) -> str | None:
        return text_of(object_at(self._conversation, "meta", "team").get("id") or self._conversation.get("team_id"))

    def _priority(self) -> Priority | None:
        return PRIORITIES.get((text_of(self._conversation.get("priority")) or "").lower())

    def _changed(self, body: dict[str, Any] | None = None) -> tuple[EpochMs, str]:
        """When a change happened, and what tells it from others of its kind."""
        for found in (object_at(body).get("updated_at"), self._conversation.get("updated_at")):
            if found is not None:
                at_ms = _instant(found, "updated_at")
                return at_ms, str(at_ms)
        # Old releases give no time of a change: it happened just before it came.
        return self._received_at, fingerprint(self._conversation, body)


def _author(source: Source[Any], kind: str, body: dict[str, Any]) -> tuple[ActorKind, str | None, bool]:
    """Who wrote a message, and whether nobody did."""
    sender = object_at(body, "sender")
    said = object_at(body, "content_attributes")
    stated = text_of(sender.get("type") or body.get("sender_type"))
    sender_id = text_of(sender.get("id") or body.get("sender_id"))
    if kind == "incoming":
        found = sender_id or text_of(object_at(body, "contact").get("id"))
        return "customer", found, object_at(said, "email").get("auto_reply") is True
    who = SENDERS.get((stated or "").lower())
    if kind == "template":
        asks = who == "bot" or text_of(body.get("content_type")) in BOT_TEMPLATES
        return ("bot", sender_id, False) if asks else ("system", None, True)
    automatic = bool(said.get("automation_rule_id")) or bool(
        object_at(body, "additional_attributes").get("campaign_id")
    )
    if who == "bot":
        return who, sender_id, automatic
    if sender_id is not None or who == "human" or said.get("external_echo") is True:
        # Old releases give no type; an echo was written by somebody in the channel's own app.
        return person_or_bot(source, sender_id), sender_id, automatic
    # Sent without anybody: by a rule, a campaign or an integration.
    return "system", None, True


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    """`changed_attributes` is a list with one object per attribute; some releases write a single object."""
    found = body.get("changed_attributes")
    pieces = [found] if isinstance(found, dict) else objects_at(body, "changed_attributes")
    return {name: change for piece in pieces for name, change in piece.items()}


def _status(found: object) -> Status | None:
    text = (text_of(found) or "").lower()
    return STATUSES.get(STATUS_NUMBERS.get(text, text))


def _channel(conversation: dict[str, Any]) -> Channel:
    name = (text_of(conversation.get("channel")) or "").removeprefix("Channel::").lower()
    source_id = text_of(object_at(conversation, "contact_inbox").get("source_id")) or ""
    if name == "twiliosms" and source_id.startswith("whatsapp:"):
        return "whatsapp"
    if name == "facebookpage" and "instagram" in str(object_at(conversation, "additional_attributes").get("type")):
        return "instagram"
    return CHANNELS.get(name, "other")


def _instant(found: object, field: str) -> EpochMs:
    """Epoch seconds inside of conversations, ISO at the top of a message, `… UTC` in old releases."""
    if isinstance(found, str):
        text = found.strip()
        if text.endswith(" UTC"):
            return from_iso(text.removesuffix(" UTC").replace(" ", "T", 1) + "Z", field)
        if "-" in text:
            return from_iso(text, field)
    elif found is None or isinstance(found, (bool, dict, list)):
        raise InvalidEvent(f"{field} is not an instant")
    return from_epoch_s(found, field)
