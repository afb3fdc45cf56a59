"""Twilio: SMS and its siblings, Voice, Conversations ("Webhooks security", "Messaging webhooks", "Message status").

Messages are told without any time: they happened when they came. What is sent through the API is told by the status of
a message; the first that says it left, `sent`, is the message. An address is named whole (`whatsapp:+…`), so that one
number on two channels is two conversations.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from connectors.channels.accounts import check_account
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source, Unverified
from connectors.channels.payloads import json_object, json_value, text_length, text_of
from connectors.channels.pieces import Said, codes, settle, unknown
from connectors.channels.signatures import base64_hmac, header, require_match
from connectors.channels.twilio_calls import call
from connectors.channels.twilio_conversations import conversation, task
from connectors.channels.twilio_request import Request, TwilioOptions, channel_of
from schemas.errors import InvalidEvent, MalformedRecord

_MOST_PARAMETERS = 1000
IDLE_STATUSES = codes(
    message_queued="accepted scheduled queued sending receiving",
    delivery_receipt="delivered partially_delivered",
    read_receipt="read",
    delivery_failed="undelivered failed canceled",
)
#: Statuses of a message that somebody sends to us, where the request carries one.
ARRIVES = frozenset({"received", None})


class Twilio(ChannelConnector[TwilioOptions]):
    """An account's webhooks, of whichever product."""

    vendor: ClassVar[str] = "twilio"
    Options: ClassVar[type[TwilioOptions]] = TwilioOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"application/x-www-form-urlencoded", "application/json"})

    def verify(self, delivery: Delivery, source: Source[TwilioOptions]) -> None:
        """`X-Twilio-Signature` over the address as it was called and the parameters, by the account's auth token.

        A body that is no form is covered by its hash in the address.
        """
        signed = b""
        if _is_form(delivery):
            signed = b"".join(name + value for name, value in sorted(set(_pairs(delivery.body))))
        else:
            digest = hashlib.sha256(delivery.body).hexdigest()
            given = delivery.query.get("bodySHA256", "").lower()
            if not hmac.compare_digest(given.encode("utf-8", "replace"), digest.encode()):
                raise Unverified("bodySHA256 in the address is missing or not that of the body")
        expected = (
            base64_hmac(secret, url.encode() + signed, "sha1")
            for url in _urls(delivery.url)
            for secret in source.secrets
        )
        require_match(header(delivery, "x-twilio-signature"), expected, "x-twilio-signature")

    def parse(self, delivery: Delivery, source: Source[TwilioOptions]) -> Parsed:
        """One thing that happened."""
        parsed = Parsed()
        if _is_stream(delivery):
            parsed.park("events of Twilio's Event Streams: subscribe its webhooks instead", delivery.body)
            return parsed
        params = _params(delivery)
        check_account(source, params.get("AccountSid"), "AccountSid")
        read = _product(params)
        request = Request(params, delivery, source)
        settle(parsed, delivery.body, lambda: read(request))
        return parsed


def _is_form(delivery: Delivery) -> bool:
    return not delivery.headers.get("content-type", "").lower().startswith("application/json")


def _is_stream(delivery: Delivery) -> bool:
    """Whether it is a batch of Event Streams, whose sinks are signed like webhooks."""
    if _is_form(delivery) or delivery.method == "GET":
        return False
    batch = json_value(delivery.body)
    return isinstance(batch, list) and any(isinstance(each, dict) and "specversion" in each for each in batch)


def _pairs(body: bytes) -> list[tuple[bytes, bytes]]:
    """The parameters of a form, as bytes: what is signed is not the text that they may be."""
    try:
        # Latin-1 has a character for every byte. Given bytes, `parse_qsl` of Python 3.11 takes ASCII alone.
        pairs = parse_qsl(
            body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, encoding="latin-1"
        )
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    except ValueError:
        raise Unverified("the body is no form, so it cannot be what was signed") from None


def _urls(url: str) -> list[str]:
    """The address, with and without the port that its scheme implies: Twilio has signed either."""
    try:
        parts = urlsplit(url)
        port, usual = parts.port, 443 if parts.scheme == "https" else 80
    except ValueError:
        return [url]
    if port is None and parts.hostname:
        return [url, parts._replace(netloc=f"{parts.netloc}:{usual}").geturl()]
    if port == usual:
        return [url, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()]
    return [url]


def _params(delivery: Delivery) -> Mapping[str, Any]:
    if delivery.method == "GET":
        return delivery.query
    if not _is_form(delivery):
        return json_object(delivery.body)
    try:
        return {name.decode(): value.decode() for name, value in _pairs(delivery.body)}
    except (Unverified, UnicodeDecodeError):
        raise MalformedRecord("the body is no form in UTF-8") from None


def _product(params: Mapping[str, Any]) -> Callable[[Request], Said]:
    """What reads the request: its parameters say what it is about. Raises `InvalidEvent` if it is none of Twilio's."""
    name = params.get("EventType")
    if isinstance(name, str) and name.startswith("on"):
        return conversation
    if "WorkspaceSid" in params or "TaskSid" in params:
        return task
    if "MessageSid" in params or "SmsSid" in params:
        return _message
    if "CallSid" in params:
        return call
    if "PayloadType" in params and "Level" in params:
        return lambda _: "debugger"
    if text_of(params.get("AccountSid")) is not None:
        return _another_product
    raise InvalidEvent("the body names neither a message, a call nor a conversation of Twilio's")


def _another_product(request: Request) -> Said:
    raise unknown("product of Twilio's, by its event", request.get("EventType"))


def _message(request: Request) -> Said:
    sid = request.need("MessageSid", "SmsSid", "SmsMessageSid")
    status = request.get("MessageStatus") or request.get("SmsStatus")
    if status in IDLE_STATUSES:
        return IDLE_STATUSES[status]
    at = request.delivery.received_at
    sender, recipient = request.need("From"), request.need("To")
    if status == "sent":
        place, by = f"{sender}/{recipient}", (request.source.options.api_sender, None)
        channel = channel_of(recipient, "sms")
        return [request.tell(f"{sid}:sent", "message", at, by, place, channel, customer_id=recipient)]
    if status not in ARRIVES:
        raise unknown("status of a message", status)
    if request.get("OptOutType") is not None:
        return "opt_out"  # STOP, START and HELP, which Twilio answers itself
    return [
        request.tell(
            sid,
            "message",
            at,
            ("customer", sender),
            f"{recipient}/{sender}",
            channel_of(sender, "sms"),
            customer_id=sender,
            attributes=text_length(request.params.get("Body")),
        )
    ]
