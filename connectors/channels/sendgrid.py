"""SendGrid ("Inbound Parse Webhook", "Securing your Inbound Parse Webhooks"): a message as a form, or whole in `email`.

Its Event Webhook may come to the same address: what becomes of mail that was sent tells nothing of support.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import ClassVar

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source, Unverified
from connectors.channels.forms import form_fields
from connectors.channels.mail import Mail, MailOptions, header_of, length_of_html, read_header, read_mail, tell
from connectors.channels.p256 import PublicKey, public_key, verifies
from connectors.channels.payloads import fingerprint, from_epoch_s, json_value
from connectors.channels.signatures import header, require_fresh, require_shared_secret
from schemas.errors import InvalidEvent

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


class SendGrid(ChannelConnector[MailOptions]):
    """SendGrid's Inbound Parse."""

    vendor = "sendgrid"
    Options = MailOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"multipart/form-data", "application/json"})

    def verify(self, delivery: Delivery, source: Source[MailOptions]) -> None:
        """SendGrid's signature, where its public key is among the secrets; or the password of the parse address.

        The signature is ECDSA over the time and the raw body, at most five minutes old. The password is sent as basic
        authentication. A key is public, and will not do for a password.
        """
        keys = [key for key in map(public_key, source.secrets) if key is not None]
        passwords = tuple(secret for secret in source.secrets if public_key(secret) is None)
        if keys and (_SIGNATURE in delivery.headers or not passwords):
            _require_signature(delivery, keys)
        else:
            require_shared_secret(delivery, replace(source, secrets=passwords))

    def parse(self, delivery: Delivery, source: Source[MailOptions]) -> Parsed:
        """One delivery is one message, or a list of reports."""
        parsed = Parsed()
        if delivery.body.lstrip().startswith((b"[", b"{")):
            _reports(json_value(delivery.body), parsed)
            return parsed
        tell(_mail(form_fields(delivery.body, delivery.headers.get("content-type", ""))), delivery, source, parsed)
        return parsed


def _require_signature(delivery: Delivery, keys: list[PublicKey]) -> None:
    stamp = header(delivery, _TIMESTAMP)
    try:
        signature = base64.b64decode(header(delivery, _SIGNATURE), validate=True)
        signed_at_ms = from_epoch_s(stamp, _TIMESTAMP)
    except (ValueError, InvalidEvent):
        raise Unverified(f"{_SIGNATURE} is no base64, or {_TIMESTAMP} no time") from None
    # First, since it costs nothing: looking at a signature takes two milliseconds.
    require_fresh(signed_at_ms, delivery)
    signed = stamp.encode("utf-8", "replace") + delivery.body
    if not any(verifies(key, signed, signature) for key in keys):
        raise Unverified(
            f"{_SIGNATURE} does not match: check the source's public key, and that nothing rewrites the body"
        )


def _reports(found: object, parsed: Parsed) -> None:
    pieces = found if isinstance(found, list) else []
    if not pieces or not all(isinstance(each, dict) and "event" in each for each in pieces):
        raise InvalidEvent("neither a form nor a list of events of SendGrid's")
    for _ in pieces:
        parsed.ignore("delivery_report")


def _mail(fields: dict[str, bytes]) -> Mail:
    if "email" in fields:
        return read_mail(fields["email"])
    if not {"headers", "from"} & fields.keys():
        raise InvalidEvent("neither `email` nor `headers` nor `from`: this is no form of Inbound Parse")
    texts = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
    # Behind the message's own: of two fields with one name, the first counts.
    apart = header_of((name, texts.get(name.lower(), "")) for name in ("From", "To", "Cc", "Subject"))
    whole = (fields.get("headers", b"").strip() + b"\r\n" + apart).lstrip()
    length = len(texts["text"].strip()) if texts.get("text") else length_of_html(texts.get("html", ""))
    return read_header(whole, length, fingerprint("sendgrid", sorted(texts.items())))
