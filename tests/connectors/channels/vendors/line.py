"""LINE, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery
from connectors.channels.line import Line
from connectors.channels.signatures import base64_hmac
from tests.connectors.channels.case import Sample, VendorCase

CUSTOMER, GROUP = "U1001", "C2001"
#: 2026-03-02T08:00:00Z, in milliseconds as LINE writes them.
BEGAN_MS = 1_772_438_400_000


def told(number: int, kind: str, place: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An event, one second behind the one before it."""
    return {
        "type": kind,
        "mode": "active",
        "timestamp": BEGAN_MS + number * 1000,
        "source": place or {"type": "user", "userId": CUSTOMER},
        "webhookEventId": f"01H{number:05}",
        "deliveryContext": {"isRedelivery": False},
        **more,
    }


def wrote(number: int, content: str = "text", place: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A message."""
    inside = {"text": "Hello?"} if content == "text" else {}
    return told(number, "message", place, message={"id": str(4000 + number), "type": content, **inside}, **more)


def batch(*events: dict[str, Any]) -> bytes:
    """A delivery."""
    return json.dumps({"destination": "Ubot", "events": list(events)}).encode()


def sign(sample: Sample, secret: bytes) -> Delivery:
    """The request as LINE sends it."""
    headers = {
        "content-type": "application/json",
        "x-line-signature": base64_hmac(secret, sample.body),
        **sample.headers,
    }
    url = "https://hooks.example/v1/hooks/line/line-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


CASE = VendorCase(
    connector=Line(),
    options=AccountOptions(account="Ubot"),
    sign=sign,
    samples=(
        Sample("asked", batch(wrote(1)), ("message",)),
        Sample("batched", batch(wrote(2, "image"), told(3, "unfollow"), wrote(4)), ("message", "message"), ("friend",)),
        Sample(
            "in-a-group", batch(wrote(5, place={"type": "group", "groupId": GROUP, "userId": CUSTOMER})), ("message",)
        ),
        Sample("in-a-room", batch(wrote(6, "sticker", {"type": "room", "roomId": "R1"})), ("message",)),
        Sample(
            "pressed",
            batch(told(7, "postback", postback={"data": "a=1", "params": {"date": "2026-03-03"}})),
            ("message",),
        ),
        Sample(
            "menu",
            batch(
                told(8, "postback", postback={"data": "m", "params": {"newRichMenuAliasId": "b", "status": "SUCCESS"}})
            ),
            ignored=("menu_switched",),
        ),
        Sample("ping", batch(), ignored=("ping",)),
        Sample("followed", batch(told(9, "follow", follow={"isUnblocked": False})), ignored=("friend",)),
        Sample("edited", batch({**wrote(1), "type": "messageEdited"}), ignored=("message_edited",)),
        Sample("unsent", batch(told(10, "unsend", unsend={"messageId": "4001"})), ignored=("message_deleted",)),
        Sample("beacon", batch(told(11, "beacon", beacon={"hwid": "1", "type": "enter"})), ignored=("beacon",)),
        Sample("suspended", batch(told(12, "botSuspended")), ignored=("chat_control",)),
        Sample("unknown-event", batch(told(13, "telepathy")), parked=1),
        Sample("unknown-message", batch(wrote(14, "hologram")), parked=1),
    ),
)
