"""Telegram, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.telegram import Telegram, TelegramOptions
from tests.connectors.channels.case import Sample, VendorCase

CUSTOMER = {"id": 5001, "is_bot": False, "first_name": "C", "language_code": "ar"}
AGENT = {"id": 6001, "is_bot": False, "first_name": "A"}
OWNER = {"id": 6002, "is_bot": False, "first_name": "O"}
BOT = {"id": 7001, "is_bot": True, "first_name": "B"}
PRIVATE = {"id": 5001, "type": "private"}
FORUM = {"id": -1001, "type": "supergroup", "is_forum": True}
#: 2026-03-02T08:00:00Z, in seconds as Telegram writes them.
BEGAN_S = 1_772_438_400


def message(number: int, after_s: int, sender: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A message, of the customer in a private chat unless told otherwise."""
    content = {} if more.pop("silent", False) else {"text": "Hello?"}
    told = {"message_id": number, "from": sender or CUSTOMER, "chat": PRIVATE, "date": BEGAN_S + after_s}
    return {**told, **content, **more}


def update(number: int, **kind: Any) -> bytes:
    """A delivery."""
    return json.dumps({"update_id": 900_000 + number, **kind}).encode()


def in_topic(number: int, after_s: int, sender: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A message in a topic of a forum."""
    return message(number, after_s, sender, chat=FORUM, message_thread_id=33, is_topic_message=True, **more)


def business(number: int, after_s: int, sender: dict[str, Any] | None = None, **more: Any) -> bytes:
    """A message in a chat of a business account."""
    told = message(number, after_s, sender, business_connection_id="bc1", **more)
    return update(500 + number, business_message=told)


def sign(sample: Sample, secret: bytes) -> Delivery:
    """The request as Telegram sends it."""
    headers = {
        "content-type": "application/json",
        "x-telegram-bot-api-secret-token": secret.decode("latin-1"),
        **sample.headers,
    }
    url = "https://hooks.example/v1/hooks/telegram/telegram-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


#: A topic that a customer writes in and an agent answers and closes; a business chat with an away message.
STORY = (
    Sample("asked", update(1, message=in_topic(34, 0)), ("message",)),
    Sample("answered", update(2, message=in_topic(35, 90, AGENT)), ("message",)),
    Sample(
        "closed", update(3, message=in_topic(36, 600, AGENT, silent=True, forum_topic_closed={})), ("status_changed",)
    ),
    Sample("asked-business", business(1, 0), ("message",)),
    Sample("away", business(2, 0, OWNER, is_from_offline=True), ("message",)),
    Sample("bot-answered", business(3, 5, OWNER, sender_business_bot=BOT), ("message",)),
    Sample("asked-again", business(4, 60), ("message",)),
    Sample("owner-answered", business(5, 300, OWNER), ("message",)),
)

CASE = VendorCase(
    connector=Telegram(),
    options=TelegramOptions(agents=frozenset({"6001"})),
    sign=sign,
    signs_body=False,
    samples=(
        *STORY,
        Sample("as-a-guest", update(10, guest_message=message(70, 1, chat={"id": -77, "type": "group"})), ("message",)),
        Sample("form", update(19, message=message(71, 1, silent=True, web_app_data={"data": "{}"})), ("message",)),
        Sample("private", update(11, message=message(1, 1)), ("message",)),
        Sample("picture", update(12, message=message(2, 2, silent=True, photo=[{}], caption="Broken")), ("message",)),
        Sample(
            "pressed",
            update(13, callback_query={"id": "77", "from": CUSTOMER, "message": message(3, 3, BOT), "data": "x"}),
            ("message",),
        ),
        Sample("anonymous", update(14, message=in_topic(37, 95, BOT, sender_chat=FORUM)), ("message",)),
        Sample(
            "reopened",
            update(15, message=in_topic(38, 700, AGENT, silent=True, forum_topic_reopened={})),
            ("status_changed",),
        ),
        Sample(
            "to-a-channel",
            update(
                16,
                message=message(
                    9,
                    9,
                    chat={"id": -1005, "type": "supergroup", "is_direct_messages": True},
                    direct_messages_topic={"topic_id": 12, "user": CUSTOMER},
                ),
            ),
            ("message",),
        ),
        Sample(
            "moved-to",
            update(
                17, message=message(10, 10, silent=True, chat={"id": -55, "type": "group"}, migrate_to_chat_id=-10055)
            ),
            ("merged",),
        ),
        Sample(
            "moved-from",
            update(
                18,
                message=message(
                    1, 10, silent=True, chat={"id": -10055, "type": "supergroup"}, migrate_from_chat_id=-55
                ),
            ),
            ("merged",),
        ),
        Sample("edited", update(21, edited_message=message(1, 1, edit_date=BEGAN_S + 9)), ignored=("message_edited",)),
        Sample(
            "joined",
            update(22, message=message(4, 4, silent=True, new_chat_members=[CUSTOMER])),
            ignored=("membership",),
        ),
        Sample(
            "forwarded-by-itself", update(23, message=message(5, 5, is_automatic_forward=True)), ignored=("broadcast",)
        ),
        Sample("posted", update(24, channel_post=message(6, 6)), ignored=("broadcast",)),
        Sample("blocked", update(25, my_chat_member={"chat": PRIVATE}), ignored=("membership",)),
        Sample(
            "inline-press",
            update(26, callback_query={"id": "78", "from": CUSTOMER, "inline_message_id": "i"}),
            ignored=("inline",),
        ),
        Sample("reacted", update(27, message_reaction={"chat": PRIVATE}), ignored=("reaction",)),
        Sample(
            "topic-made",
            update(28, message=in_topic(33, 0, AGENT, silent=True, forum_topic_created={"name": "n"})),
            ignored=("topic_changed",),
        ),
        Sample("unknown-update", update(31, telepathy={}), parked=1),
        Sample("unknown-content", update(32, message=message(7, 7, silent=True, hologram={})), parked=1),
    ),
)
