"""Mailgun ("Routes: parsed messages", "Securing webhooks"): a message as a form, its header as a list in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source, Unverified
from connectors.channels.forms import form_fields
from connectors.channels.mail import Mail, MailOptions, header_of, length_of_html, read_header, read_mail, tell
from connectors.channels.payloads import (
    fingerprint,
    from_epoch_s,
    json_object,
    json_value,
    object_at,
    text_of,
)
from connectors.channels.signatures import hex_hmac, require_fresh, require_match
from schemas.errors import InvalidEvent, Refused

#: `event` of the forms that Mailgun's webhooks were before they were JSON. They carry the header of what was sent, too.
REPORTS = frozenset({"delivered", "dropped", "bounced", "complained", "unsubscribed", "opened", "clicked"})


class MailgunOptions(MailOptions):
    """`window_minutes`: how old a signature may be.

    Mailgun tries again for eight hours, and what it repeats may carry the time of the first try: after a longer outage
    a wider window lets the rest in. Since the signature does not cover the message, it is no wider than it has to be.
    """

    window_minutes: int = 50


class Mailgun(ChannelConnector[MailgunOptions]):
    """Mailgun's routes (`forward` and `store`), and its event webhooks, which tell nothing of support."""

    vendor = "mailgun"
    Options = MailgunOptions
    content_types: ClassVar[frozenset[str]] = frozenset(
        {"application/x-www-form-urlencoded", "multipart/form-data", "application/json"}
    )

    def verify(self, delivery: Delivery, source: Source[MailgunOptions]) -> None:
        """The HMAC over timestamp and token, which come with it. It does not cover the message: use TLS."""
        try:
            fields = _signed(delivery)
            signed_at_ms = from_epoch_s(fields["timestamp"], "timestamp")
        except (Refused, KeyError):
            raise Unverified("timestamp, token or signature is missing from the body") from None
        signed = (fields["timestamp"] + fields.get("token", "")).encode("utf-8", "replace")
        expected = (hex_hmac(secret, signed) for secret in source.secrets)
        require_match(fields.get("signature", ""), expected, "the signature")
        require_fresh(signed_at_ms, delivery, source.options.window_minutes * 60_000)

    def parse(self, delivery: Delivery, source: Source[MailgunOptions]) -> Parsed:
        """One delivery is one message."""
        parsed = Parsed()
        if _is_json(delivery):
            if "event-data" not in json_object(delivery.body):
                raise InvalidEvent("neither a form nor an event of Mailgun's")
            parsed.ignore("delivery_report")
        else:
            fields = form_fields(delivery.body, delivery.headers.get("content-type", ""))
            if fields.get("event", b"").decode("utf-8", "replace") in REPORTS:
                parsed.ignore("delivery_report")
            else:
                tell(_mail(fields), delivery, source, parsed)
        return parsed


def _is_json(delivery: Delivery) -> bool:
    return delivery.body.lstrip().startswith(b"{")


def _signed(delivery: Delivery) -> dict[str, str]:
    if _is_json(delivery):
        found = object_at(json_object(delivery.body), "signature")
        return {name: text for name, text in ((name, text_of(each)) for name, each in found.items()) if text}
    fields = form_fields(delivery.body, delivery.headers.get("content-type", ""))
    return {
        name: fields[name].decode("utf-8", "replace") for name in ("timestamp", "token", "signature") if name in fields
    }


def _mail(fields: dict[str, bytes]) -> Mail:
    if "body-mime" in fields:
        return read_mail(fields["body-mime"])
    texts = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
    pairs = _header(texts.get("message-headers"))
    if not pairs:
        pairs = [(name, texts[key]) for name in ("From", "To", "Subject", "Date", "Message-Id")
                 for key in (name, name.lower()) if key in texts]  # fmt: skip
    if "sender" in texts and not any(name.lower() == "from" for name, _ in pairs):
        pairs.append(("From", texts["sender"]))
    if not pairs:
        raise InvalidEvent("neither message-headers nor From: this is no message of Mailgun's")
    length = len(texts["body-plain"].strip()) if texts.get("body-plain") else length_of_html(texts.get("body-html", ""))
    # The signature is another at each try; the message is not.
    said = sorted(each for each in texts.items() if each[0] not in {"timestamp", "token", "signature"})
    return read_header(header_of(pairs), length, fingerprint("mailgun", said))


def _header(text: str | None) -> list[tuple[str, str]]:
    found: Any = None if text is None else json_value(text.encode())
    rows = found if isinstance(found, list) else []
    return [
        (row[0], row[1])
        for row in rows
        if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str)
    ]
