"""LINE Messaging API ("Receive messages: webhook", "Webhook event objects", "Verify webhook signature").

A conversation is a user, a group or a room. LINE tells only what users do: what the account answers is sent through
the API or written in LINE's own manager, and comes back in no webhook.
"""

from __future__ import annotations

from typing import Any, ClassVar

from connectors.channels.accounts import AccountOptions, check_account
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source, event
from connectors.channels.payloads import from_epoch_ms, json_object, object_at, required, text_length, text_of
from connectors.channels.pieces import Said, codes, settle, unknown
from connectors.channels.signatures import base64_hmac, header, require_match
from schemas.errors import InvalidEvent

CONTENT = frozenset({"text", "image", "video", "audio", "file", "location", "sticker"})
#: Types of events by which nobody asks for anything → why.
IDLE_EVENTS = codes(
    friend="follow unfollow",
    membership="join leave memberJoined memberLeft",
    message_deleted="unsend",
    message_edited="messageEdited",
    video_played="videoPlayComplete",
    beacon="beacon",
    account_link="accountLink",
    paid_membership="membership",
    chat_control="module activated deactivated botSuspended botResumed",
    delivery_receipt="delivery",
    things="things",
)
_GROUPS = (("groupId", "group"), ("roomId", "room"), ("userId", "user"))


class Line(ChannelConnector[AccountOptions]):
    """A LINE Official Account. `account` is its user id, which a delivery calls its destination."""

    vendor: ClassVar[str] = "line"
    Options: ClassVar[type[AccountOptions]] = AccountOptions

    def verify(self, delivery: Delivery, source: Source[AccountOptions]) -> None:
        """`X-Line-Signature` over the raw body, by the channel's secret."""
        expected = (base64_hmac(secret, delivery.body) for secret in source.secrets)
        require_match(header(delivery, "x-line-signature"), expected, "x-line-signature")

    def parse(self, delivery: Delivery, source: Source[AccountOptions]) -> Parsed:
        """Every event of the batch; one without any is LINE asking whether we are there."""
        body = json_object(delivery.body)
        found = body.get("events")
        if not isinstance(found, list):
            raise InvalidEvent("the body has no list of events, so it is none of LINE's")
        check_account(source, body.get("destination"), "destination")
        parsed = Parsed()
        if not found:
            parsed.ignore("ping")
        for piece in found:
            settle(parsed, piece, lambda piece=piece: _event(piece, delivery, source))  # type: ignore[misc]
        return parsed


def _event(piece: object, delivery: Delivery, source: Source[AccountOptions]) -> Said:
    found = object_at(piece)
    kind = found.get("type")
    if isinstance(kind, str) and kind in IDLE_EVENTS:
        return IDLE_EVENTS[kind]
    message, postback = object_at(found, "message"), object_at(found, "postback")
    if kind == "message":
        content = message.get("type")
        if not isinstance(content, str) or content not in CONTENT:
            raise unknown("message of the type", content)
        attributes = {"content": content}
        if content == "text":
            attributes |= text_length(message.get("text"))
    elif kind == "postback":
        if "newRichMenuAliasId" in object_at(postback, "params"):
            return "menu_switched"
        attributes = {"content": "postback", **text_length(postback.get("data"))}
    else:
        raise unknown("event of the type", kind)
    place, where = _place(found)
    customer = text_of(object_at(found, "source").get("userId"))
    at = from_epoch_ms(found.get("timestamp"), "timestamp")
    # The event's own id is enough wherever LINE sends it; what else identifies it stands in for it in older versions.
    parts = (found.get("webhookEventId"), kind, message.get("type"), message.get("id"), place)
    event_id = ":".join(filter(None, map(text_of, parts)))
    return [
        event(
            source,
            delivery,
            event_id=event_id if parts[0] or parts[3] else f"{event_id}:{at}",
            conversation_id=place,
            channel="line",
            type="message",
            occurred_at=at,
            actor="customer",
            actor_id=customer,
            customer_id=customer,
            attributes={**attributes, "chat": where},
        )
    ]


def _place(found: dict[str, Any]) -> tuple[str, str]:
    """Where it happened, and what kind of place that is."""
    source = object_at(found, "source")
    for key, kind in _GROUPS:
        place = text_of(source.get(key))
        if place is not None:
            return place, kind
    return required(None, "source"), "user"
