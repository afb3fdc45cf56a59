"""SendGrid for the suites over all vendors."""

from __future__ import annotations

from connectors.channels.base import Delivery
from connectors.channels.mail import MailOptions
from connectors.channels.sendgrid import SendGrid
from tests.connectors.channels.case import Sample, VendorCase
from tests.connectors.channels.mails import THREAD, message


def form(**fields: str | bytes) -> bytes:
    """A form in parts."""
    parts = []
    for name, value in fields.items():
        content = value.encode() if isinstance(value, str) else value
        parts.append(b'--xYzZY\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + content)
    return b"\r\n".join([*parts, b"--xYzZY--\r\n"])


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as SendGrid sends it, with the password of the address."""
    headers = {
        "content-type": "application/json" if one.body[:1] == b"[" else "multipart/form-data; boundary=xYzZY",
        "authorization": "Bearer " + secret.decode(),
    }
    return Delivery("POST", "https://hooks.example/v1/hooks/sendgrid/main", headers, one.body, one.received_ms)


HEADER = message(subject="Something else", message_id="<m9@example.org>").split(b"\r\n\r\n")[0]

CASE = VendorCase(
    connector=SendGrid(),
    sign=sign,
    options=MailOptions(own=frozenset({"acme.example"})),
    signs_body=False,
    is_json=False,
    samples=(
        *(
            Sample(f"whole-{number}", form(email=raw, to="support@acme.example"), ("message",))
            for number, raw in enumerate(THREAD)
        ),
        Sample("apart", form(headers=HEADER, text="Hello.", html="<p>Hello.</p>", spam_score="0.1"), ("message",)),
        Sample(
            "without-header", form(**{"from": "a@b.example", "to": "c@d.example", "html": "<p>x</p>"}), ("message",)
        ),
        Sample(
            "reports",
            b'[{"event": "delivered", "sg_event_id": "1"}, {"event": "open", "sg_event_id": "2"}]',
            ignored=("delivery_report", "delivery_report"),
        ),
        Sample("spam", form(email=message("X-Spam-Flag: YES", message_id="<s1@x>")), ignored=("spam",)),
    ),
)
