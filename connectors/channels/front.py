"""Front: application webhooks, and the webhooks of rules.

Documents: "Application webhooks", "Rule webhooks", "Events" of the Core API. An application wraps the event in
an envelope with a name of its own; a rule sends the bare event, often as a preview that has little more than ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.channels.accounts import AccountOptions, check_account, person_or_bot
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Reply, Source
from connectors.channels.payloads import (
    from_epoch_ms,
    from_epoch_s,
    html_length,
    json_object,
    number_of,
    object_at,
    objects_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.signatures import base64_hmac, header, require_fresh, require_match
from connectors.channels.telling import LAST, Telling
from schemas.errors import MalformedRecord
from schemas.records import ActorKind, Call, Channel, Status
from schemas.times import EpochMs

#: The names that application webhooks give to what the API calls otherwise.
EVENTS = {
    "inbound_received": "inbound",
    "outbound_sent": "outbound",
    "out_reply": "outbound",
    "message_delivery_failed": "sending_error",
    "conversation_archived": "archive",
    "conversation_reopened": "reopen",
    "conversation_deleted": "trash",
    "conversation_restored": "restore",
    "conversation_snoozed": "snooze",
    "conversation_snooze_expired": "reminder",
    "conversation_moved": "move",
    "conversation_merged": "conversations_merged",
    "new_comment_added": "comment",
    "tag_added": "tag",
    "tag_removed": "untag",
}
STATUSES: dict[str, Status] = {"archive": "resolved", "reopen": "open", "snooze": "on_hold", "reminder": "open"}
#: `status_category` of accounts with ticketing.
CATEGORIES: dict[str, Status] = {"open": "open", "waiting": "pending", "resolved": "resolved"}
CHANNELS: dict[str, Channel] = {
    "email": "email",
    "sms": "sms",
    "call": "voice",
    "phone-call": "voice",
    "tweet": "x",
    "tweet_dm": "x",
    "facebook": "messenger",
    "instagram": "instagram",
    "whatsapp": "whatsapp",
    "front_chat": "live_chat",
    "intercom": "live_chat",
    "smooch": "live_chat",
    "googleplay": "social",
    "truly": "voice",
    "aircall": "voice",
    "dialpad": "voice",
}
#: Who acts where no person does, by the type of the "teammate" that stands for it; and whether it acts by rote.
MACHINES = {"ai": False, "api": False, "application": False, "integration": False, "rule": True, "macro": True,
            "bulk_reply": True, "csat": True, "smart_csat": True}  # fmt: skip
IGNORED = {
    "mention": "mention",
    "tag": "tags",
    "untag": "tags",
    "link_added": "links",
    "link_removed": "links",
    "sending_error": "delivery_failure",
    "message_bounce_error": "delivery_failure",
    "custom_field_updated": "field",
    "macro_triggered": "macro",
    "topic_identified": "field",
    # A deletion is final here: facts that were taken back do not come again.
    "restore": "restored",
    "call_queued": "call_state",
    "call_on_hold": "call_state",
    "call_resumed": "call_state",
    # Nobody answered: the wait that began with the call goes on.
    "call_missed": "call_missed",
    "call_abandoned": "call_missed",
    "call_transcript_added": "recording",
    "call_voicemail_transcript_added": "recording",
    "contact_created": "contact",
    "contact_updated": "contact",
    "contact_deleted": "contact",
    "sync": "challenge",
}


class Front(ChannelConnector[AccountOptions]):
    """Front's webhooks."""

    vendor = "front"
    Options = AccountOptions

    def handshake(self, delivery: Delivery, source: Source[AccountOptions]) -> Reply | None:
        """Front asks with a challenge, signed like everything else, when an application's webhook is saved."""
        challenge = delivery.headers.get("x-front-challenge")
        if not challenge:
            return None
        try:
            asks = json_object(delivery.body).get("type") == "sync"
        except MalformedRecord:
            return None
        if not asks:
            return None
        self.verify(delivery, source)
        return Reply(challenge.encode("utf-8", "replace"))

    def verify(self, delivery: Delivery, source: Source[AccountOptions]) -> None:
        """Base64: HMAC-SHA256 of `{timestamp}:{body}` for applications, HMAC-SHA1 of the body for rules."""
        given = header(delivery, "x-front-signature")
        stamp = delivery.headers.get("x-front-request-timestamp")
        if stamp is None:
            expected = [base64_hmac(secret, delivery.body, "sha1") for secret in source.secrets]
        else:
            signed = stamp.encode("utf-8", "replace") + b":" + delivery.body
            expected = [base64_hmac(secret, signed) for secret in source.secrets]
        require_match(given, expected, "x-front-signature")
        if stamp is not None:
            require_fresh(from_epoch_ms(stamp, "x-front-request-timestamp"), delivery)

    def parse(self, delivery: Delivery, source: Source[AccountOptions]) -> Parsed:
        """One event of a conversation."""
        body = json_object(delivery.body)
        check_account(source, object_at(body, "authorization").get("id"), "authorization.id")
        outer = required(body.get("type"), "type")
        event = object_at(body, "payload") if isinstance(body.get("payload"), dict) else body
        name = EVENTS.get(outer, outer)
        if name == "assignee_changed":
            inner = text_of(event.get("type")) or ""
            name = inner if inner in ("assign", "unassign") else "assignee_changed"
        parsed = Parsed()
        if name in IGNORED:
            parsed.ignore(IGNORED[name])
        elif name in STATUSES or name in _TELLS:
            _Event(delivery, source, event, parsed).tell(name)
        else:
            parsed.park("an event type of Front that is not known", body)
        return parsed


class _Event:
    """What one event says of one conversation."""

    def __init__(self, delivery: Delivery, source: Source[Any], event: dict[str, Any], parsed: Parsed) -> None:
        self._source = source
        self._event = event
        self._parsed = parsed
        self._name = required(event.get("id"), "the event's id")
        self._at_ms: EpochMs = from_epoch_s(event.get("emitted_at"), "emitted_at")
        self._conversation = object_at(event, "conversation")
        self._target = object_at(event, "target", "data")
        conversation_id = required(self._conversation.get("id"), "conversation.id")
        channel = CHANNELS.get(text_of(self._target.get("type")) or "", "other")
        self._telling = Telling(delivery, source, parsed, conversation_id, channel, self._customer())

    def tell(self, name: str) -> None:
        """Tell what it says, or park it. `name` is one of `STATUSES` or of `_TELLS`."""
        if name in STATUSES:
            self._status(STATUSES[name])
        else:
            _TELLS[name](self)

    def _inbound(self) -> None:
        inboxes = objects_at(self._event, "source", "data")
        self._message("customer", self._telling.customer_id, team=text_of(inboxes[0].get("id")) if inboxes else None)

    def _outbound(self) -> None:
        author = object_at(self._target, "author")
        kind = text_of(author.get("type")) or ""
        author_id = text_of(author.get("id"))
        by = text_of(object_at(self._event, "source", "_meta").get("type")) or ""
        if kind in MACHINES:
            self._message("bot", author_id, automated=MACHINES[kind])
        elif author_id is None and by in ("rule", "api", "oauth_client"):
            self._message("bot", None, automated=by == "rule")
        else:
            # Previews do not say who wrote, and mail that was sent elsewhere and synchronised has no author here.
            self._message(person_or_bot(self._source, author_id), author_id)

    def _message(self, actor: ActorKind, actor_id: str | None, **said: Any) -> None:
        # The message's own id, so that what a rule and an application tell of it is one event.
        message_id = text_of(self._target.get("id")) or ""
        own = message_id.startswith("msg_")
        created_at = self._target.get("created_at") if own else None
        plain = self._target.get("text")
        self._telling.tell(
            f"message:{message_id}" if own else self._name,
            "message",
            self._at_ms if created_at is None else from_epoch_s(created_at, "target.data.created_at"),
            actor,
            actor_id,
            attributes=text_length(plain) if isinstance(plain, str) else html_length(self._target.get("body")),
            **said,
        )

    def _note(self) -> None:
        text = html_length(self._target.get("body"))
        self._telling.tell(self._name, "note", self._at_ms, *self._actor(), attributes=text)

    def _status(self, status: Status) -> None:
        self._telling.tell(self._name, "status_changed", self._at_ms, *self._actor(), status=status, sequence=LAST)

    def _ticket_status(self) -> None:
        category = text_of(self._conversation.get("status_category")) or ""
        if category in CATEGORIES:
            self._status(CATEGORIES[category])
        else:
            self._park("a status_category that is not known")

    def _assign(self) -> None:
        teammate = self._teammate() or object_at(self._conversation, "assignee")
        if teammate:
            self._assigned(teammate)
        else:
            # An assignment without a person would take the conversation from whoever has it.
            self._park("an assignment that does not say to whom")

    def _unassign(self) -> None:
        self._assigned({})

    def _assignee_changed(self) -> None:
        if "assignee" in self._conversation:
            self._assigned(object_at(self._conversation, "assignee"))
        else:
            self._park("an assignment that does not say to whom")

    def _assigned(self, teammate: dict[str, Any]) -> None:
        self._telling.tell(self._name, "assigned", self._at_ms, *self._actor(), assignee_id=self._person(teammate))

    def _move(self) -> None:
        """An inbox is the team: a move takes the conversation to another one, with whom it is assigned to."""
        inboxes = objects_at(self._event, "target", "data") or [self._target]
        team = text_of(inboxes[0].get("id"))
        if "assignee" in self._conversation:
            assignee = self._person(object_at(self._conversation, "assignee"))
            self._telling.tell(self._name, "assigned", self._at_ms, *self._actor(), assignee_id=assignee, team=team)
        else:
            # A preview does not say who has it, and an assignment without a person would take it from them.
            self._telling.tell(self._name, "note", self._at_ms, *self._actor(), team=team)

    def _trash(self) -> None:
        self._telling.tell(self._name, "deleted", self._at_ms, *self._actor())

    def _merged(self) -> None:
        """The conversations that are gone; the one of the event is what they went into."""
        target = object_at(self._event, "target")
        found = target.get("data", target.get("deleted_conversation_ids"))
        if isinstance(found, dict):
            found = found.get("deleted_conversation_ids", found.get("ids"))
        pieces = found if isinstance(found, list) else []
        into = self._telling.conversation_id
        for piece in pieces:
            gone = text_of(piece.get("id") if isinstance(piece, dict) else piece)
            if gone is not None and gone != into:
                name = f"{self._name}:{gone}"
                said: dict[str, Any] = {"conversation_id": gone, "merged_into": into, "sequence": LAST}
                self._telling.tell(name, "merged", self._at_ms, *self._actor(), **said)
        if not self._parsed.events:
            self._park("a merge that does not say which conversations are gone")

    def _call_started(self) -> None:
        if text_of(object_at(self._event, "source", "_meta").get("type")) == "teammate":
            self._parsed.ignore("call_dialing")
        else:
            customer = self._telling.customer_id
            self._telling.tell(self._name, "message", self._at_ms, "customer", customer, channel="voice")

    def _call_connected(self) -> None:
        actor, actor_id = self._actor()
        if actor != "human":
            actor_id = self._person(self._teammate()) or self._person(object_at(self._conversation, "assignee"))
        self._telling.tell(self._name, "call_answered", self._at_ms, "human", actor_id, channel="voice")

    def _call_transferred(self) -> None:
        """To a teammate; to an inbox or a number it leaves whoever had it, and nobody has taken it yet."""
        if self._target and not self._teammate():
            self._unassign()
        else:
            self._assign()

    def _call_ended(self) -> None:
        metadata = object_at(self._target, "metadata")
        seconds = number_of(self._target.get("duration", metadata.get("duration", metadata.get("call_duration"))))
        if seconds is None:
            # Without its length a call says nothing that is measured; that it was answered has been told.
            self._parsed.ignore("call_without_length")
            return
        agent = self._person(object_at(self._conversation, "assignee"))
        cost = Call(talk_seconds=min(max(seconds, 0.0), 86_400.0))
        self._telling.tell(self._name, "call_ended", self._at_ms, "human", agent, channel="voice", call=cost)

    def _actor(self) -> tuple[ActorKind, str | None]:
        """Who did it: a teammate, a rule, an application, or time."""
        source = object_at(self._event, "source")
        kind = text_of(object_at(source, "_meta").get("type")) or ""
        data = object_at(source, "data")
        if kind in ("rule", "api", "oauth_client") or text_of(data.get("type")) in MACHINES:
            return "bot", text_of(data.get("id"))
        if kind == "teammate":
            teammate = text_of(data.get("id"))
            return person_or_bot(self._source, teammate), teammate
        return "system", None

    def _teammate(self) -> dict[str, Any]:
        """The target, if it is a teammate; it may be the call, an inbox or a number as well."""
        kind = text_of(object_at(self._event, "target", "_meta").get("type"))
        return self._target if kind in (None, "teammate", "teammates") else {}

    def _person(self, teammate: dict[str, Any]) -> str | None:
        """The id of a teammate who is a person."""
        found = text_of(teammate.get("id"))
        machine = text_of(teammate.get("type")) in MACHINES or person_or_bot(self._source, found) == "bot"
        return None if machine else found

    def _customer(self) -> str | None:
        """The contact of the conversation's recipient: the end of a link. Handles are addresses, and not kept."""
        senders = [each for each in objects_at(self._target, "recipients") if each.get("role") == "from"]
        inbound = senders if self._target.get("is_inbound") is True else []
        for recipient in (object_at(self._conversation, "recipient"), *inbound):
            link = text_of(object_at(recipient, "_links", "related").get("contact"))
            if link is not None:
                return link.rstrip("/").rsplit("/", 1)[-1] or None
        return None

    def _park(self, detail: str) -> None:
        self._parsed.park(detail, self._event)


_TELLS: Mapping[str, Callable[[_Event], None]] = {
    "inbound": _Event._inbound,
    "outbound": _Event._outbound,
    "comment": _Event._note,
    "forward": _Event._note,
    "assign": _Event._assign,
    "unassign": _Event._unassign,
    "assignee_changed": _Event._assignee_changed,
    "move": _Event._move,
    "trash": _Event._trash,
    "conversations_merged": _Event._merged,
    "ticket_status_update": _Event._ticket_status,
    "call_started": _Event._call_started,
    "call_connected": _Event._call_connected,
    "call_hangup": _Event._call_ended,
    "call_transferred": _Event._call_transferred,
}
