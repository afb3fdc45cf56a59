"""Telegram Bot API ("Getting updates: Update, setWebhook", "Available types: Message", "Telegram Business").

A conversation is a chat; in a forum each topic is one, in the messages of a channel each person, and a chat of a
business account is another one than the bot's own with the same person.

A bot is never told of what it writes itself: in private chats Telegram says only the customer's side. In groups people
who answer are named by the source (`agents`) or are anonymous administrators; in business chats they are the account.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Source, Unverified, event
from connectors.channels.payloads import from_epoch_s, json_object, object_at, required, text_length, text_of
from connectors.channels.pieces import Said, codes, settle, unknown
from connectors.channels.signatures import header
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, EventType, InteractionEvent, Status
from schemas.times import EpochMs

#: Kinds of updates with something written; a guest message is one to the bot in a chat that it is no member of.
MESSAGES = frozenset({"message", "business_message", "guest_message"})
#: Kinds of updates that add nothing to what was written → why.
IDLE_UPDATES = codes(
    message_edited="edited_message edited_business_message edited_channel_post",
    message_deleted="deleted_business_messages",
    broadcast="channel_post",
    reaction="message_reaction message_reaction_count",
    membership="my_chat_member chat_member chat_join_request",
    business_connection="business_connection",
    inline="inline_query chosen_inline_result",
    payment="shipping_query pre_checkout_query purchased_paid_media subscription",
    poll_vote="poll poll_answer",
    boost="chat_boost removed_chat_boost",
    bot_management="managed_bot",
    generation_stopped="stopped_message_generation",
)
#: What a message may hold that somebody says something with.
CONTENT = frozenset(
    """text animation audio document live_photo paid_media photo sticker story video video_note voice checklist contact
    dice game poll venue location invoice rich_message web_app_data""".split()  # noqa: SIM905
)
#: What else a message may be: a line in the chat that nobody wrote → why.
SERVICE = codes(
    membership="""new_chat_members left_chat_member new_chat_participant new_chat_member left_chat_participant
    chat_owner_left chat_owner_changed""",
    chat_changed="""new_chat_title new_chat_photo delete_chat_photo group_chat_created supergroup_chat_created
    channel_chat_created message_auto_delete_timer_changed pinned_message chat_background_set boost_added
    direct_message_price_changed paid_message_price_changed managed_bot_created community_chat_added
    community_chat_removed community_chat_joined""",
    topic_changed="forum_topic_created forum_topic_edited general_forum_topic_hidden general_forum_topic_unhidden",
    payment="successful_payment refunded_payment gift unique_gift gift_upgrade_sent",
    permission="users_shared user_shared chat_shared connected_website write_access_allowed passport_data",
    video_chat="video_chat_scheduled video_chat_started video_chat_ended video_chat_participants_invited",
    voice_chat="voice_chat_scheduled voice_chat_started voice_chat_ended voice_chat_participants_invited",
    proximity="proximity_alert_triggered",
    giveaway="giveaway_created giveaway giveaway_winners giveaway_completed",
    checklist_changed="checklist_tasks_done checklist_tasks_added",
    suggested_post="""suggested_post_approved suggested_post_approval_failed suggested_post_declined suggested_post_paid
    suggested_post_refunded""",
    poll_changed="poll_option_added poll_option_deleted",
)
#: What an administrator does to a topic → our status.
TOPIC_STATUS: Mapping[str, Status] = {
    "forum_topic_closed": "closed",
    "forum_topic_reopened": "open",
    "general_forum_topic_closed": "closed",
    "general_forum_topic_reopened": "open",
}


class TelegramOptions(ChannelOptions):
    """`agents` are the ids of the users who answer in groups, and of channels in whose name they do. `secrets` of a
    source are its secret tokens.
    """

    agents: frozenset[str] = frozenset()


class Telegram(ChannelConnector[TelegramOptions]):
    """A bot's webhook."""

    vendor: ClassVar[str] = "telegram"
    Options: ClassVar[type[TelegramOptions]] = TelegramOptions

    def verify(self, delivery: Delivery, source: Source[TelegramOptions]) -> None:
        """The secret token, which Telegram repeats as it was given to `setWebhook`. It covers nothing."""
        given = header(delivery, "x-telegram-bot-api-secret-token").encode("utf-8", "replace")
        found = False
        for secret in source.secrets:
            found |= hmac.compare_digest(given, secret)
        if not found:
            raise Unverified("x-telegram-bot-api-secret-token is none of the source's: give setWebhook the same")

    def parse(self, delivery: Delivery, source: Source[TelegramOptions]) -> Parsed:
        """One update."""
        update = json_object(delivery.body)
        if text_of(update.get("update_id")) is None:
            raise InvalidEvent("the body has no update_id, so it is no update of Telegram's")
        parsed = Parsed()
        settle(parsed, update, lambda: _update(update, delivery, source))
        return parsed


def _update(update: dict[str, Any], delivery: Delivery, source: Source[TelegramOptions]) -> Said:
    for kind in MESSAGES:
        if isinstance(update.get(kind), dict):
            return _Message(update[kind], delivery, source, business=kind == "business_message").said()
    if isinstance(update.get("callback_query"), dict):
        return _callback(update["callback_query"], delivery, source)
    for kind, why in IDLE_UPDATES.items():
        if kind in update:
            return why
    raise unknown("kind of update", next((key for key in update if key != "update_id"), None))


def _callback(query: dict[str, Any], delivery: Delivery, source: Source[TelegramOptions]) -> Said:
    """A button that was pressed below a message: it says as much as a message."""
    if not isinstance(query.get("message"), dict):
        return "inline"
    message = _Message(query["message"], delivery, source, business="business_connection_id" in query["message"])
    presser = object_at(query, "from")
    by = message.kind_of(presser), text_of(presser.get("id"))
    # Telegram does not say when: the message's date is that of the question.
    return [
        message.tell(
            f"callback:{required(query.get('id'), 'callback_query.id')}",
            "message",
            by,
            delivery.received_at,
            language=_language(presser, by[0]),
            attributes={"content": "callback", **text_length(query.get("data"))},
        )
    ]


class _Message:
    """A message of a chat, with what every event of it needs."""

    def __init__(
        self, message: dict[str, Any], delivery: Delivery, source: Source[TelegramOptions], *, business: bool
    ) -> None:
        self.message, self.delivery, self.source, self.business = message, delivery, source, business
        self.chat = object_at(message, "chat")
        self.chat_id = required(self.chat.get("id"), "message.chat.id")
        self.sender = object_at(message, "from")

    @property
    def prefix(self) -> str:
        """What tells a business account's chat with a person from the bot's own."""
        connection = text_of(self.message.get("business_connection_id")) or "account"
        return f"business:{connection}:" if self.business else ""

    @property
    def conversation_id(self) -> str:
        """The chat, and within it the topic."""
        topic = None
        if self.message.get("is_topic_message"):
            topic = text_of(self.message.get("message_thread_id"))
        elif self.chat.get("is_direct_messages"):
            topic = text_of(object_at(self.message, "direct_messages_topic").get("topic_id"))
        return f"{self.prefix}{self.chat_id}" + ("" if topic is None else f":{topic}")

    @property
    def at(self) -> EpochMs:
        """When it was written."""
        return from_epoch_s(self.message.get("date"), "message.date")

    def name(self, what: str = "") -> str:
        """An event_id: `message_id` is unique within its chat. An ephemeral message has a number that comes again."""
        ephemeral = text_of(self.message.get("ephemeral_message_id"))
        if ephemeral is not None:
            return f"{self.prefix}{self.chat_id}:ephemeral:{ephemeral}:{self.at}{what}"
        return f"{self.prefix}{self.chat_id}:{required(self.message.get('message_id'), 'message_id')}{what}"

    def said(self) -> Said:
        """What the message says."""
        for key, status in TOPIC_STATUS.items():
            if key in self.message:
                kind: ActorKind = "bot" if self.sender.get("is_bot") else "human"
                by = kind, text_of(self.sender.get("id"))
                return [self.tell(self.name(), "status_changed", by, self.at, status=status)]
        moved = self.moved()
        if moved is not None:
            return [moved]
        if CONTENT.isdisjoint(self.message):
            for key, why in SERVICE.items():
                if key in self.message:
                    return why
            raise InvalidEvent("a message without any content that is known")
        if self.message.get("is_automatic_forward"):
            return "broadcast"
        return [self.written()]

    def written(self) -> InteractionEvent:
        """The event of what somebody wrote."""
        kind = self.kind_of(self.sender)
        text = self.message.get("text", self.message.get("caption"))
        return self.tell(
            self.name(),
            "message",
            (kind, text_of(self.in_name_of.get("id") or self.sender.get("id"))),
            self.at,
            # Greetings, away messages and scheduled ones of a business account.
            automated=bool(self.message.get("is_from_offline")),
            language=_language(self.sender, kind),
            attributes=text_length(text),
        )

    def moved(self) -> InteractionEvent | None:
        """A group that became a supergroup goes on under another id. Both chats are told, so both tell one event."""
        new, old = (text_of(self.message.get(f"migrate_{way}_chat_id")) for way in ("to", "from"))
        if new is None and old is None:
            return None
        old, new = (self.chat_id, required(new, "migrate_to_chat_id")) if old is None else (old, self.chat_id)
        return event(
            self.source,
            self.delivery,
            event_id=f"migrated:{old}",
            conversation_id=old,
            channel="telegram",
            type="merged",
            occurred_at=self.at,
            actor="system",
            merged_into=new,
        )

    @property
    def in_name_of(self) -> Mapping[str, Any]:
        """The channel, or the group itself, in whose name a person writes; the sender is a bot of Telegram's then."""
        return object_at(self.message, "sender_chat")

    def kind_of(self, person: Mapping[str, Any]) -> ActorKind:
        """Whether somebody asks or answers."""
        named = self.in_name_of if person is self.sender else {}
        person = named or person
        person_id = text_of(person.get("id"))
        if person_id is not None and person_id in self.source.options.agents:
            return "human"
        if self.business:
            if self.message.get("sender_business_bot") is not None:
                return "bot"
            return "customer" if person_id == self.chat_id else "human"
        if named and person_id == self.chat_id:
            return "human"  # an anonymous administrator
        owner = text_of(object_at(self.message, "direct_messages_topic", "user").get("id"))
        if owner is not None:
            return "customer" if person_id == owner else "human"
        return "bot" if person.get("is_bot") else "customer"

    def customer_id(self, by: tuple[ActorKind, str | None]) -> str | None:
        """Who it is about: whoever asks, and in a private chat always the other one."""
        if by[0] == "customer":
            return by[1]
        return self.chat_id if self.chat.get("type") == "private" else None

    def tell(
        self, event_id: str, event_type: EventType, by: tuple[ActorKind, str | None], at: EpochMs, **said: Any
    ) -> InteractionEvent:
        """An event of this chat."""
        number = self.message.get("message_id")
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=self.conversation_id,
            channel="telegram",
            type=event_type,
            occurred_at=at,
            actor=by[0],
            actor_id=by[1],
            customer_id=self.customer_id(by),
            # Dates are whole seconds; within a chat, messages are numbered.
            sequence=number if isinstance(number, int) and abs(number) < 1 << 62 else None,
            **said,
        )


def _language(person: Mapping[str, Any], kind: ActorKind) -> str | None:
    """The language that a customer's app is set to."""
    return text_of(person.get("language_code")) if kind == "customer" else None
