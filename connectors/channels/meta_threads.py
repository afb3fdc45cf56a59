"""Messenger and Instagram: what happens in a thread with one person, which both say alike.

Meta's documents: "Messenger Platform: webhook events", "Instagram Platform: webhooks, messaging", "Handover Protocol",
"Customer Feedback Template".

A thread is named by the customer's scoped id, which no other page or account shares. An echo is what the business
wrote: without an app, or through the inbox of the page, by a person; through another app by a bot, unless the source
says that people write with it (`agent_apps`), or the app says so itself (`agent:ID` in `metadata`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from connectors.channels.base import Delivery, Parsed, Source, event
from connectors.channels.meta import MetaChannel, MetaOptions, entries, from_epoch, marked, settle_each
from connectors.channels.payloads import (
    fingerprint,
    from_epoch_ms,
    number_of,
    object_at,
    objects_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.pieces import Said, codes, unknown
from schemas.records import ActorKind, Channel, EventType, InteractionEvent, Survey, SurveyKind

#: The inbox of the page (Business Suite), where people answer, as an app.
PAGE_INBOX = "263902037430900"
#: The three sizes of the thumbs-up of Messenger: all that its sender wants to say is that it is fine.
THUMBS_UP = frozenset({"369239263222822", "369239343222814", "369239383222810"})
#: What an item of `messaging` may hold of which nothing is said to anybody → why.
IDLE_ITEMS = codes(
    read_receipt="read seen messaging_seen",
    delivery_receipt="delivery",
    reaction="reaction",
    message_edited="message_edit message_edits",
    optin="optin optout message_request",
    referral="referral",
    account_link="account_linking fblogin_account_linking",
    app_roles="app_roles",
    policy="policy_enforcement policy-enforcement",
    payment="payment pre_checkout checkout_update order send_cart",
    game="game_play",
    label="inbox_labels",
    appointment="appointment",
    typing="typing",
    customer_information="messaging_customer_information",
)
#: The scales of the feedback template, from the low end to the high one. It asks how easy something was, so the low end
#: of effort is the high one.
SURVEYS: Mapping[str, tuple[SurveyKind, float, float]] = {
    "csat": ("csat", 1, 5),
    "nps": ("nps", 0, 10),
    "ces": ("ces", 7, 1),
}


class ThreadOptions(MetaOptions):
    """`agent_apps` are ids of apps that people write with, `bot_apps` of those that answer by themselves. `comments`:
    whether what is written below posts is support.
    """

    agent_apps: frozenset[str] = frozenset()
    bot_apps: frozenset[str] = frozenset()
    comments: bool = True


class ThreadChannel(MetaChannel[ThreadOptions]):
    """A channel whose entries hold `messaging`; what else they hold, `changes`, is the subclass's."""

    channel: ClassVar[Channel]
    #: Fields of changes of which nothing asks for an answer → why.
    idle_fields: ClassVar[Mapping[str, str]] = {}
    #: Fields of changes that carry what anybody can read below a post.
    comment_fields: ClassVar[frozenset[str]] = frozenset()
    Options: ClassVar[type[ThreadOptions]] = ThreadOptions

    def parse(self, delivery: Delivery, source: Source[ThreadOptions]) -> Parsed:
        """Every item of every entry. `standby` tells an app that is not in control the same as `messaging`."""
        parsed = Parsed()
        for entry in entries(delivery, source, self.object_name, parsed):
            if not any(isinstance(entry.get(key), list) for key in ("messaging", "standby", "changes")):
                parsed.park("an entry without messaging, standby or changes", entry)
            thread = Thread(self.channel, entry, delivery, source)
            for key in ("messaging", "standby"):
                settle_each(parsed, entry, key, thread.item)
            settle_each(parsed, entry, "changes", lambda change, thread=thread: self.change(change, thread))  # type: ignore[misc]
        return parsed

    def change(self, change: dict[str, Any], thread: Thread) -> Said:
        """What a change says: a comment, an item of a thread, or something of the page's or the account's own life."""
        field, value = change.get("field"), object_at(change, "value")
        if isinstance(field, str) and field in self.idle_fields:
            return self.idle_fields[field]
        if isinstance(field, str) and field in self.comment_fields:
            return self.comment(value, thread)
        if "sender" in value:
            return thread.item(value)
        raise unknown("change of the field", field)

    @abstractmethod
    def comment(self, value: dict[str, Any], thread: Thread) -> Said:
        """What the value of a change in one of `comment_fields` says."""


class Thread:
    """Reads the items of one entry."""

    def __init__(
        self, channel: Channel, entry: dict[str, Any], delivery: Delivery, source: Source[ThreadOptions]
    ) -> None:
        self.channel, self.entry, self.delivery, self.source = channel, entry, delivery, source
        #: The page or the account.
        self.ours = text_of(entry.get("id"))

    def item(self, item: dict[str, Any]) -> Said:
        """What an item of `messaging` says."""
        if item.get("is_self"):
            return "message_to_oneself"
        for key, read in self._readers().items():
            if isinstance(item.get(key), dict):
                return read(item)
        for key, why in IDLE_ITEMS.items():
            if item.get(key) is not None:
                return why
        names = [key for key in item if key not in ("sender", "recipient", "timestamp")]
        raise unknown("item of a thread with", names[0] if names else None)

    def _readers(self) -> Mapping[str, Callable[[dict[str, Any]], Said]]:
        return {
            "message": self.message,
            "postback": self.postback,
            "messaging_feedback": self.feedback,
            "pass_thread_control": self.passed,
            "request_thread_control": self.requested,
            "take_thread_control": self.taken,
        }

    def message(self, item: dict[str, Any]) -> Said:
        """Something written: by the customer, or an echo of what the business wrote."""
        message = object_at(item, "message")
        if message.get("is_deleted"):
            return "message_deleted"
        if message.get("is_self"):
            return "message_to_oneself"
        echo = bool(message.get("is_echo"))
        customer = self.customer(item, "recipient" if echo else "sender")
        by: tuple[ActorKind, str | None] = self.writer(message) if echo else ("customer", customer)
        return [
            self.tell(
                required(message.get("mid"), "message.mid"),
                "message",
                item,
                customer,
                by,
                ack=not echo and text_of(message.get("sticker_id")) in THUMBS_UP,
                attributes=text_length(message.get("text")),
            )
        ]

    def writer(self, message: dict[str, Any]) -> tuple[ActorKind, str | None]:
        """Who wrote what is echoed."""
        app = text_of(message.get("app_id"))
        said = marked(message.get("metadata"))
        if said is not None:
            return said
        return ("human", None) if app is None or self.people_write_with(app) else ("bot", app)

    def people_write_with(self, app: str | None) -> bool:
        """Whether an app is known as one that people answer with."""
        return app == PAGE_INBOX or app in self.source.options.agent_apps

    def postback(self, item: dict[str, Any]) -> Said:
        """A button that the customer pressed, which says as much as a message."""
        customer, postback = self.customer(item, "sender"), object_at(item, "postback")
        # Older versions have no mid; nobody presses a button twice in a millisecond.
        made_up = fingerprint(customer, item.get("timestamp"), postback.get("payload"))
        event_id = text_of(postback.get("mid")) or f"postback:{made_up}"
        return [
            self.tell(
                event_id,
                "message",
                item,
                customer,
                ("customer", customer),
                attributes={"content": "postback", **text_length(postback.get("title"))},
            )
        ]

    def feedback(self, item: dict[str, Any]) -> Said:
        """Answers to the questions of a feedback template."""
        customer, at_ms = self.customer(item, "sender"), item.get("timestamp")
        found: list[InteractionEvent] = []
        for screen in objects_at(item, "messaging_feedback", "feedback_screens"):
            for name, answer in object_at(screen, "questions").items():
                kind, score = object_at(answer).get("type"), number_of(object_at(answer).get("payload"))
                if not isinstance(kind, str) or kind not in SURVEYS or score is None:
                    continue
                survey_kind, least, most = SURVEYS[kind]
                found.append(
                    self.tell(
                        f"feedback:{fingerprint(customer, at_ms, name)}",
                        "survey_answered",
                        item,
                        customer,
                        ("customer", customer),
                        survey=Survey(kind=survey_kind, score=score, min=least, max=most),
                    )
                )
        return found or "survey_without_score"

    def passed(self, item: dict[str, Any]) -> Said:
        """Control of the thread goes to another app. To a person's, unless that app is known as a bot's."""
        new_owner = text_of(object_at(item, "pass_thread_control").get("new_owner_app_id"))
        if new_owner in self.source.options.bot_apps:
            return "control_to_bot"
        return [self.handoff(item, "passed", new_owner)]

    def requested(self, item: dict[str, Any]) -> Said:
        """An app asks for control: a person wants to answer, unless that app is known as a bot's."""
        asking = text_of(object_at(item, "request_thread_control").get("requested_owner_app_id"))
        if asking in self.source.options.bot_apps:
            return "control_to_bot"
        return [self.handoff(item, "requested", asking)]

    def taken(self, item: dict[str, Any]) -> Said:
        """The first app takes control back: from a bot, as far as is known, so for people; else it is a bot itself."""
        previous = text_of(object_at(item, "take_thread_control").get("previous_owner_app_id"))
        if previous not in self.source.options.bot_apps:
            return "control_to_bot"
        return [self.handoff(item, "taken", previous)]

    def handoff(self, item: dict[str, Any], how: str, app: str | None) -> InteractionEvent:
        """A person is asked for. Every app of the page is told, so the id is made of what happened."""
        customer = self.customer(item, "sender")
        event_id = f"{how}:{fingerprint(customer, item.get('timestamp'), app)}"
        return self.tell(event_id, "handoff_requested", item, customer, ("bot", None))

    def customer(self, item: dict[str, Any], role: str) -> str:
        """Who is not us, whichever way round an item is told; where both seem to be others, who the documents say."""
        other = "recipient" if role == "sender" else "sender"
        ids = {key: _id(item.get(key)) for key in (role, other)}
        first = other if ids[role] == self.ours and ids[other] is not None else role
        return required(ids[first], f"{first}.id")

    def tell(
        self,
        event_id: str,
        event_type: EventType,
        item: dict[str, Any],
        customer: str,
        by: tuple[ActorKind, str | None],
        **said: Any,
    ) -> InteractionEvent:
        """An event in the thread with a customer."""
        stamp = item.get("timestamp")
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=customer,
            channel=self.channel,
            type=event_type,
            # Within `changes`, the same items have been seen with seconds.
            occurred_at=from_epoch(stamp, "timestamp")
            if stamp is not None
            else from_epoch_ms(self.entry.get("time"), "entry.time"),
            actor=by[0],
            actor_id=by[1],
            customer_id=customer,
            **said,
        )


def _id(person: object) -> str | None:
    """The scoped id of a person; where a guest of the chat plugin has none, the reference that stands for it."""
    found = object_at(person)
    return text_of(found.get("id")) or text_of(found.get("user_ref"))
