"""Help Scout: webhooks of conversations, chats and ratings.

Documents: "Webhooks", "Conversation object", "Thread object", "Rating object" (v2, and the old v1). The name of an
event is in a header alone. A delivery carries the conversation with its threads, not the thread that it is about.
"""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import AccountOptions, person_or_bot
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.helpscout_chats import AUTHORS, Chat, rating
from connectors.channels.payloads import (
    fingerprint,
    from_iso,
    html_length,
    json_object,
    object_at,
    objects_at,
    required,
    text_of,
)
from connectors.channels.signatures import base64_hmac, header, require_match
from connectors.channels.telling import LAST, Telling
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, Channel, Status
from schemas.times import EpochMs

STATUSES: dict[str, Status] = {
    "active": "open",
    "open": "open",
    "pending": "pending",
    "closed": "closed",
    "spam": "spam",
}
CHANNELS: dict[str, Channel] = {
    "email": "email",
    "emailfwd": "email",
    "chat": "live_chat",
    "beacon": "live_chat",
    "phone": "voice",
    "web": "web_form",
    "beacon-v2": "web_form",
    "docs": "web_form",
    "facebook": "messenger",
    "messenger": "messenger",
    "instagram": "instagram",
    "twitter": "x",
    "sms": "sms",
    "whatsapp": "whatsapp",
}
#: Types of threads that somebody wrote to somebody. A logged call and the transcript of a chat are notes: who waited
#: for whom is over by then, and told by the chat's own events.
WRITTEN: dict[str, ActorKind] = {"customer": "customer", "message": "human", "reply": "human", "ai-answer": "bot"}
NOTED = frozenset({"note", "phone", "chat", "beaconchat", "forwardparent", "forwardchild"})
#: What came with one event is written close together; the rest of the threads has been told before.
RECENT_MS = 3_600_000
#: `snapshot` is ours: a conversation that came without its header.
CREATED = frozenset({"convo.created", "convo.ai-answers.created", "convo.ai-answers-email.created", "convo.snapshot"})
WITH_THREADS = frozenset(
    {"convo.customer.reply.created", "convo.agent.reply.created", "convo.note.created",
     "convo.ai-answers-email.reply.created"}
)  # fmt: skip
CHANGES = frozenset({"convo.assigned", "convo.moved"})
CONVERSATIONS = frozenset({*CREATED, *WITH_THREADS, *CHANGES, "convo.deleted", "convo.status", "convo.merged"})
CHATS = "beacon.chat."
IGNORED = {
    "convo.tags": "tags",
    "convo.custom-fields": "field",
    # That it is resolved comes as convo.status.
    "convo.ai-answers-email.resolution": "told_by_status",
    "helpscout.test": "ping",
    "user.status.changed": "agent_state",
}
OTHER_DOMAINS = {
    "customer": "contact",
    "organization": "contact",
    "tag": "tags",
    "user": "agent_state",
    "docs": "help_centre",
}


class HelpScout(ChannelConnector[AccountOptions]):
    """Help Scout's webhooks."""

    vendor = "helpscout"
    Options = AccountOptions

    def verify(self, delivery: Delivery, source: Source[AccountOptions]) -> None:
        """The base64 HMAC-SHA1 of the body. There is no timestamp."""
        given = header(delivery, "x-helpscout-signature")
        expected = (base64_hmac(secret, delivery.body, "sha1") for secret in source.secrets)
        require_match(given, expected, "x-helpscout-signature")

    def parse(self, delivery: Delivery, source: Source[AccountOptions]) -> Parsed:
        """One event; without its name a conversation or a rating is known by what it is."""
        body = json_object(delivery.body)
        name = (delivery.headers.get("x-helpscout-event") or _guess(body)).strip().lower()
        parsed = Parsed()
        if name in IGNORED:
            parsed.ignore(IGNORED[name])
        elif name == "satisfaction.ratings":
            rating(delivery, source, body, parsed)
        elif name.startswith(CHATS):
            Chat(delivery, source, body, parsed).tell(name.removeprefix(CHATS))
        elif name in CONVERSATIONS:
            _Conversation(delivery, source, body, parsed).tell(name)
        elif name == "message.survey.response.received":
            # Of a message shown on a site, not of a conversation.
            parsed.ignore("survey_without_conversation")
        elif name.partition(".")[0] in OTHER_DOMAINS:
            parsed.ignore(OTHER_DOMAINS[name.partition(".")[0]])
        else:
            parsed.park("an event of Help Scout that is not known", body)
        return parsed


def _guess(body: dict[str, Any]) -> str:
    """The event of a body that came without its header, as it is exported."""
    if "rating" in body and ("ticketId" in body or "conversationId" in body):
        return "satisfaction.ratings"
    if "status" in body and ("mailboxId" in body or "number" in body or "mailbox" in body):
        return "convo.snapshot"
    raise InvalidEvent("the header x-helpscout-event is missing, and the body is no conversation")


class _Conversation:
    """What one event says of one conversation."""

    def __init__(self, delivery: Delivery, source: Source[Any], body: dict[str, Any], parsed: Parsed) -> None:
        self._source = source
        self._body = body
        self._parsed = parsed
        self._received_at = delivery.received_at
        self._id = required(body.get("id"), "id")
        customer = object_at(body, "primaryCustomer").get("id") or object_at(body, "customer").get("id")
        self._chat = text_of(body.get("type")) == "chat"
        self._telling = Telling(delivery, source, parsed, self._id, self._channel(), text_of(customer))
        # An inbox is the team.
        self._team = text_of(body.get("mailboxId") or object_at(body, "mailbox").get("id"))

    def tell(self, name: str) -> None:
        """What the event says; `name` is one of `CONVERSATIONS`."""
        if name == "convo.deleted":
            # Help Scout sends the id alone: it has just happened.
            self._telling.tell(f"conversation:{self._id}:deleted", "deleted", self._received_at, "system")
        elif name in CREATED:
            self._created(whole=name == "convo.snapshot")
        elif name in WITH_THREADS:
            self._threads(self._recent(), bot="ai-answers" in name)
            if self._parsed == Parsed():
                self._park("a reply without its thread")
        elif name == "convo.status":
            self._status()
        elif name in CHANGES:
            self._assigned(name)
        else:
            self._merged()

    def _created(self, *, whole: bool) -> None:
        at_ms = from_iso(self._body.get("createdAt"), "createdAt")
        actor, actor_id = self._author(self._body.get("createdBy"))
        if self._chat:
            # The transcript of a chat that is over: its events have told who waited.
            actor, actor_id = "system", None
        self._telling.tell(
            f"conversation:{self._id}:created", "conversation_started", at_ms, actor, actor_id, team=self._team
        )
        self._threads(_threads(self._body))
        if self._person() is not None and not whole:
            self._assign(f"conversation:{self._id}:created:assigned", at_ms)
        if (text_of(self._body.get("status")) or "").lower() not in ("active", "open") or not whole:
            self._status(beginning=at_ms)

    def _recent(self) -> list[dict[str, Any]]:
        found = [(from_iso(each.get("createdAt"), "the thread's createdAt"), each) for each in _threads(self._body)]
        newest = max((at_ms for at_ms, _ in found), default=0)
        return [each for at_ms, each in found if at_ms > newest - RECENT_MS]

    def _threads(self, threads: list[dict[str, Any]], *, bot: bool = False) -> None:
        for thread in threads:
            self._thread(thread, bot=bot)

    def _thread(self, thread: dict[str, Any], *, bot: bool) -> None:
        kind = (text_of(thread.get("type")) or "").lower()
        if kind == "lineitem":
            # What it says was done has an event of its own.
            self._parsed.ignore("line_item")
            return
        if text_of(thread.get("state")) in ("draft", "hidden", "review"):
            self._parsed.ignore("draft")
            return
        if kind not in WRITTEN and kind not in NOTED:
            self._parsed.park("a type of thread that is not known", thread)
            return
        thread_id = required(thread.get("id"), "the thread's id")
        at_ms = from_iso(thread.get("createdAt"), "the thread's createdAt")
        actor, actor_id = self._author(thread.get("createdBy") or thread.get("author"), WRITTEN.get(kind))
        if kind == "customer":
            actor, actor_id = "customer", actor_id or self._telling.customer_id
        elif kind in WRITTEN and bot:
            actor = "bot"
        action = text_of(object_at(thread, "action").get("type") or thread.get("actionType")) or ""
        self._telling.tell(
            f"thread:{thread_id}",
            "note" if kind in NOTED else "message",
            at_ms,
            actor,
            actor_id,
            automated="workflow" in action or actor == "system",
            attributes=html_length(thread.get("body") or thread.get("text")),
        )
        status = STATUSES.get((text_of(thread.get("status")) or "").lower())
        if status is not None and kind in WRITTEN and actor != "customer":
            # "Send and close": the reply says what it leaves the conversation in.
            self._telling.tell(
                f"thread:{thread_id}:status", "status_changed", at_ms, actor, actor_id, status=status, sequence=LAST
            )

    def _status(self, beginning: EpochMs | None = None) -> None:
        word = (text_of(self._body.get("status")) or "").lower()
        status = STATUSES.get(word)
        if status is None:
            self._park("a status that is not known")
            return
        if beginning is not None and status == "open":
            return
        at_ms, tag = self._changed()
        if status == "open":
            at_ms = max(at_ms, self._waiting_since())
            tag = str(at_ms)
        elif status == "closed" and self._body.get("closedAt") is not None:
            at_ms = self._with_its_reply(from_iso(self._body.get("closedAt"), "closedAt"))
            tag = str(at_ms)
        actor: ActorKind = "system"
        closer = text_of(object_at(self._body, "closedByUser").get("id") or self._body.get("closedBy"))
        if status == "closed" and closer not in (None, "0"):
            actor = person_or_bot(self._source, closer)
        self._telling.tell(
            f"conversation:{self._id}:{status}:{tag}",
            "status_changed",
            at_ms,
            actor,
            closer if actor != "system" else None,
            status=status,
            sequence=LAST,
        )

    def _waiting_since(self) -> EpochMs:
        """Since when the customer waits: what they write opens a conversation, and no user has updated it then."""
        waiting = object_at(self._body, "customerWaitingSince")
        written = [
            from_iso(each.get("createdAt"), "the thread's createdAt")
            for each in _threads(self._body)
            if text_of(each.get("type")) == "customer"
        ]
        if text_of(waiting.get("latestReplyFrom")) == "customer" and waiting.get("time") is not None:
            written.append(from_iso(waiting["time"], "customerWaitingSince.time"))
        return max(written, default=0)

    def _with_its_reply(self, closed_ms: EpochMs) -> EpochMs:
        """ "Send and close" may stamp the close before the reply, which must not come too late for it."""
        replies = [
            from_iso(each.get("createdAt"), "the thread's createdAt")
            for each in _threads(self._body)
            if text_of(each.get("type")) in ("message", "reply") and text_of(each.get("status")) == "closed"
        ]
        return max([closed_ms, *(at_ms for at_ms in replies if closed_ms < at_ms <= closed_ms + 5_000)])

    def _assigned(self, name: str) -> None:
        at_ms, tag = self._changed()
        # A workflow assigns without an update by a user: then only to whom tells one assignment from another.
        who = f"{self._person() or ''}:{self._team or ''}"
        self._assign(f"conversation:{self._id}:{name.removeprefix('convo.')}:{tag}:{who}", at_ms)

    def _assign(self, event_id: str, at_ms: EpochMs) -> None:
        assignee = object_at(self._body, "assignee") or object_at(self._body, "owner")
        to_team = text_of(assignee.get("type")) == "team"
        attributes = {"assigned_team": text_of(assignee.get("id")) or ""} if to_team else {}
        self._telling.tell(
            event_id,
            "assigned",
            at_ms,
            "system",
            assignee_id=self._person(),
            team=self._team,
            # Who answers takes the conversation by that: the answer comes first.
            sequence=1,
            attributes=attributes,
        )

    def _person(self) -> str | None:
        assignee = object_at(self._body, "assignee") or object_at(self._body, "owner")
        found = text_of(assignee.get("id"))
        bot = person_or_bot(self._source, found) == "bot"
        return None if bot or found == "0" or text_of(assignee.get("type")) == "team" else found

    def _merged(self) -> None:
        """The conversation is what is left; a line in it says what went into it."""
        at_ms, _ = self._changed()
        for thread in _threads(self._body):
            origin = object_at(thread, "action", "associatedEntities")
            gone = text_of(origin.get("originalConversation") or origin.get("mergedConversation"))
            if gone is not None and gone != self._id:
                said: dict[str, Any] = {"conversation_id": gone, "merged_into": self._id, "sequence": LAST}
                self._telling.tell(f"conversation:{gone}:merged", "merged", at_ms, "system", **said)
        if not self._parsed.events:
            self._park("a merge that does not say what was merged")

    def _changed(self) -> tuple[EpochMs, str]:
        """When the conversation changed, and what tells the change from others of its kind."""
        for field in ("userUpdatedAt", "userModifiedAt", "modifiedAt"):
            if self._body.get(field) is not None:
                at_ms = from_iso(self._body[field], field)
                return at_ms, str(at_ms)
        return self._received_at, fingerprint(self._body)

    def _author(self, found: object, otherwise: ActorKind | None = None) -> tuple[ActorKind, str | None]:
        author = object_at(found)
        author_id = text_of(author.get("id"))
        actor = AUTHORS.get((text_of(author.get("type")) or "").lower(), otherwise or "system")
        return (person_or_bot(self._source, author_id) if actor == "human" else actor), author_id

    def _channel(self) -> Channel:
        for found in (self._body.get("type"), object_at(self._body, "source").get("type")):
            word = (text_of(found) or "").lower()
            if word in CHANNELS:
                return CHANNELS[word]
        return "other"

    def _park(self, detail: str) -> None:
        self._parsed.park(detail, self._body)


def _threads(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The threads: embedded in v2, in the conversation in v1."""
    return [*objects_at(body, "_embedded", "threads"), *objects_at(body, "threads")]
