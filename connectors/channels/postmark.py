"""Postmark ("Inbound webhook")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.mail import MailOptions, header_of, length_of_html, read_header, tell
from connectors.channels.payloads import json_object, object_at, objects_at, required, text_of
from connectors.channels.signatures import require_shared_secret
from schemas.errors import InvalidEvent

#: `RecordType` of Postmark's other webhooks: what became of mail that was sent.
REPORTS = frozenset({"Delivery", "Bounce", "SpamComplaint", "Open", "Click", "SubscriptionChange", "SMTPApiError"})
#: Fields that Postmark has taken out of `Headers` and given names of its own.
FIELDS = (
    ("From", "From"),
    ("To", "To"),
    ("Cc", "Cc"),
    ("Subject", "Subject"),
    ("Date", "Date"),
    ("ReplyTo", "Reply-To"),
)


class Postmark(ChannelConnector[MailOptions]):
    """Postmark's inbound webhook."""

    vendor = "postmark"
    Options = MailOptions

    def verify(self, delivery: Delivery, source: Source[MailOptions]) -> None:
        """The webhook's address carries a user and a password, which Postmark sends as basic authentication."""
        require_shared_secret(delivery, source)

    def parse(self, delivery: Delivery, source: Source[MailOptions]) -> Parsed:
        """One delivery is one message."""
        payload, parsed = json_object(delivery.body), Parsed()
        kind = text_of(payload.get("RecordType"))
        if kind in REPORTS:
            parsed.ignore("delivery_report")
        elif kind not in {None, "Inbound"}:
            parsed.park("a RecordType of Postmark's that is not known", payload)
        elif "From" not in payload and "FromFull" not in payload:
            raise InvalidEvent("no From: this is no inbound message of Postmark's")
        else:
            message_id = required(payload.get("MessageID"), "MessageID")
            tell(read_header(header_of(_fields(payload)), _length(payload), message_id), delivery, source, parsed)
        return parsed


def _fields(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The header, put together again."""
    for each in objects_at(payload, "Headers"):
        yield text_of(each.get("Name")) or "", text_of(each.get("Value")) or ""
    # Behind the message's own: of two fields with one name, the first counts.
    for theirs, name in FIELDS:
        value = text_of(payload.get(theirs))
        if value is not None:
            yield name, value
    yield "From", text_of(object_at(payload, "FromFull").get("Email")) or ""


def _length(payload: Mapping[str, Any]) -> int:
    text = text_of(payload.get("TextBody"))
    return length_of_html(text_of(payload.get("HtmlBody")) or "") if text is None else len(text.strip())
