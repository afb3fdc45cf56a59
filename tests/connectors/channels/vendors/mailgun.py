"""Mailgun for the suites over all vendors."""

from __future__ import annotations

import dataclasses
import json
from urllib.parse import urlencode

from connectors.channels.base import Delivery
from connectors.channels.mailgun import Mailgun, MailgunOptions
from connectors.channels.signatures import hex_hmac
from tests.connectors.channels.case import Sample, VendorCase
from tests.connectors.channels.mails import THREAD


def fields_of(raw: bytes) -> dict[str, str]:
    """The fields of a form for a message."""
    header, _, body = raw.decode().partition("\r\n\r\n")
    lines = header.replace("\r\n ", " ").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return {
        "recipient": "support@acme.example",
        "sender": "bounces@example.org",
        "message-headers": json.dumps(pairs),
        "body-plain": body,
        "stripped-text": body,
    }


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as Mailgun sends it: the signature stands among the fields."""
    timestamp, token = str(one.received_ms // 1000), "f" * 50
    signature = hex_hmac(secret, (timestamp + token).encode())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if one.body.startswith(b"{"):
        headers["content-type"] = "application/json"
        signed = {"timestamp": timestamp, "token": token, "signature": signature}
        one = dataclasses.replace(one, body=json.dumps({**json.loads(one.body), "signature": signed}).encode())
    else:
        signed_fields = urlencode({"timestamp": timestamp, "token": token, "signature": signature}).encode()
        one = dataclasses.replace(one, body=one.body + b"&" + signed_fields)
    return Delivery("POST", "https://hooks.example/v1/hooks/mailgun/main", headers, one.body, one.received_ms)


CASE = VendorCase(
    connector=Mailgun(),
    sign=sign,
    options=MailgunOptions(own=frozenset({"acme.example"})),
    signs_body=False,
    signs_time=True,
    is_json=False,
    samples=(
        *(
            Sample(f"parsed-{number}", urlencode(fields_of(raw)).encode(), ("message",))
            for number, raw in enumerate(THREAD)
        ),
        Sample("whole", urlencode({"body-mime": THREAD[0]}).encode(), ("message",)),
        Sample("old-form", urlencode({"from": "a@b.example", "subject": "x", "body-html": "<p>y</p>"}).encode(),
               ("message",)),
        Sample("delivered", b'{"event-data": {"event": "delivered"}}', ignored=("delivery_report",)),
    ),
)  # fmt: skip
