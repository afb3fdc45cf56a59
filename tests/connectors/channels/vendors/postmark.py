"""Postmark for the suites over all vendors."""

from __future__ import annotations

import base64
import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.mail import MailOptions
from connectors.channels.postmark import Postmark
from tests.connectors.channels.case import Sample, VendorCase


def inbound(**changes: Any) -> dict[str, Any]:
    """A message as Postmark takes it apart."""
    return {
        "From": "asker@example.org",
        "FromName": "Asker",
        "FromFull": {"Email": "asker@example.org", "Name": "Asker", "MailboxHash": ""},
        "To": '"Support" <support@acme.example>',
        "Cc": "",
        "Subject": "Broken",
        "MessageID": "11111111-2222-3333-4444-555555555555",
        "ReplyTo": "",
        "Date": "Mon, 02 Mar 2026 08:00:00 +0000",
        "TextBody": "It does not start.\n",
        "HtmlBody": "<p>It does not start.</p>",
        "Headers": [{"Name": "Message-ID", "Value": "<m1@example.org>"}],
        "Attachments": [],
        **changes,
    }


def reply(message_id: str, *fields: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """A message that answers the first one."""
    headers = [("Message-ID", f"<{message_id}>"), ("References", "<m1@example.org>"), *fields]
    return inbound(
        MessageID=message_id,
        Subject="Re: Broken",
        Headers=[{"Name": name, "Value": value} for name, value in headers],
        **changes,
    )


def sample(name: str, payload: dict[str, Any], *types: str, **more: Any) -> Sample:
    """A request with this JSON."""
    return Sample(name, json.dumps(payload).encode(), tuple(types), **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as Postmark sends it, with the password of the address."""
    headers = {
        "content-type": "application/json",
        "authorization": "Basic " + base64.b64encode(b"postmark:" + secret).decode(),
    }
    return Delivery("POST", "https://hooks.example/v1/hooks/postmark/main", headers, one.body, one.received_ms)


STORY = (
    sample("asked", inbound(), "message"),
    sample(
        "absent",
        reply("o1@example.org", ("Auto-Submitted", "auto-replied"), Date="Mon, 02 Mar 2026 08:10:00 +0000"),
        "message",
    ),
    sample(
        "answered",
        reply("a1@acme.example", From="help@acme.example", FromFull=None, To="asker@example.org",
              Date="Mon, 02 Mar 2026 08:30:00 +0000"),
        "message",
    ),
)  # fmt: skip

CASE = VendorCase(
    connector=Postmark(),
    sign=sign,
    options=MailOptions(own=frozenset({"acme.example"})),
    signs_body=False,
    samples=(
        *STORY,
        sample("no-message-id", inbound(Headers=None, MessageID="p-2"), "message"),
        sample("bounce", {"RecordType": "Bounce", "MessageID": "x"}, ignored=("delivery_report",)),
        sample("unknown", {"RecordType": "Teleport", "MessageID": "x"}, parked=1),
    ),
)
