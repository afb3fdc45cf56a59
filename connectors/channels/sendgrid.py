"""SendGrid ("Inbound Parse Webhook"): a message taken apart into a form, or whole in its field `email`.

Its Event Webhook may come to the same address: what becomes of mail that was sent tells nothing of support.
"""

from __future__ import annotations

from typing import ClassVar

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.forms import form_fields
from connectors.channels.mail import Mail, MailOptions, header_of, length_of_html, read_header, read_mail, tell
from connectors.channels.payloads import fingerprint, json_value
from connectors.channels.signatures import require_shared_secret
from schemas.errors import InvalidEvent


class SendGrid(ChannelConnector[MailOptions]):
    """SendGrid's Inbound Parse."""

    vendor = "sendgrid"
    Options = MailOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"multipart/form-data", "application/json"})

    def verify(self, delivery: Delivery, source: Source[MailOptions]) -> None:
        """The parse address carries a user and a password, which SendGrid sends as basic authentication."""
        require_shared_secret(delivery, source)

    def parse(self, delivery: Delivery, source: Source[MailOptions]) -> Parsed:
        """One delivery is one message, or a list of reports."""
        parsed = Parsed()
        if delivery.body.lstrip().startswith((b"[", b"{")):
            _reports(json_value(delivery.body), parsed)
            return parsed
        tell(_mail(form_fields(delivery.body, delivery.headers.get("content-type", ""))), delivery, source, parsed)
        return parsed


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
    header = fields.get("headers", b"").strip()
    if not header:
        header = header_of((name, texts.get(name.lower(), "")) for name in ("From", "To", "Cc", "Subject"))
    length = len(texts["text"].strip()) if texts.get("text") else length_of_html(texts.get("html", ""))
    return read_header(header + b"\r\n\r\n", length, fingerprint("sendgrid", sorted(texts.items())))
