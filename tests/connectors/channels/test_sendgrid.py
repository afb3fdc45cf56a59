"""How SendGrid's Inbound Parse proves itself. What it makes of messages is in `test_mail.py`."""

from __future__ import annotations

import dataclasses

import pytest

from connectors.channels.base import Delivery, Source, Unverified
from connectors.channels.mail import MailOptions
from connectors.channels.sendgrid import SendGrid
from tests.connectors.channels.test_p256 import OPENSSL_KEY

BODY = b'--xYzZY\r\nContent-Disposition: form-data; name="from"\r\n\r\nasker@example.org\r\n--xYzZY--\r\n'
SIGNED_S = 1_772_442_000
#: `openssl dgst -sha256 -sign` of the time and the body.
SIGNATURE = "MEUCIQDDnWH+3LGXI82LS8a3nXmnfQcIUanPjr0IekL790uHpAIgc3VJnyfEc2P0fPD+XY4l4wAgHT8mQGHBo7oSBR2giuY="
PASSWORD = b"correct-horse"
SIGNED = Delivery(
    "POST",
    "https://hooks.example/v1/hooks/sendgrid/main",
    {
        "content-type": "multipart/form-data; boundary=xYzZY",
        "x-twilio-email-event-webhook-signature": SIGNATURE,
        "x-twilio-email-event-webhook-timestamp": str(SIGNED_S),
    },
    BODY,
    SIGNED_S * 1000,
)


def verify(delivery: Delivery, *secrets: bytes) -> None:
    SendGrid().verify(delivery, Source("mail", "acme", MailOptions(), secrets))


def changed(**headers: str | None) -> Delivery:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    found = {**SIGNED.headers, **names}
    return dataclasses.replace(SIGNED, headers={name: value for name, value in found.items() if value is not None})


def bearing(secret: bytes) -> Delivery:
    return dataclasses.replace(SIGNED, headers={"authorization": f"Bearer {secret.decode()}"})


def test_a_signature_is_checked_by_the_public_key() -> None:
    verify(SIGNED, OPENSSL_KEY)
    verify(SIGNED, PASSWORD, OPENSSL_KEY)
    verify(dataclasses.replace(SIGNED, received_at=SIGNED.received_at + 299_000), OPENSSL_KEY)


@pytest.mark.parametrize(
    "delivery",
    [
        dataclasses.replace(SIGNED, body=BODY + b" "),
        dataclasses.replace(SIGNED, received_at=SIGNED.received_at + 301_000),
        dataclasses.replace(SIGNED, received_at=SIGNED.received_at - 301_000),
        changed(x_twilio_email_event_webhook_timestamp=str(SIGNED_S + 1)),
        changed(x_twilio_email_event_webhook_timestamp=None),
        changed(x_twilio_email_event_webhook_timestamp="soon"),
        changed(x_twilio_email_event_webhook_signature=None),
        changed(x_twilio_email_event_webhook_signature="é"),
        changed(x_twilio_email_event_webhook_signature=SIGNATURE[:-8]),
        changed(x_twilio_email_event_webhook_signature="", authorization="Bearer " + PASSWORD.decode()),
    ],
)
def test_what_the_key_has_not_signed_is_not_taken(delivery: Delivery) -> None:
    with pytest.raises(Unverified):
        verify(delivery, OPENSSL_KEY)


def test_a_wrong_signature_is_not_made_up_for_by_a_password() -> None:
    with pytest.raises(Unverified):
        verify(
            dataclasses.replace(changed(authorization=f"Bearer {PASSWORD.decode()}"), body=b"x"), PASSWORD, OPENSSL_KEY
        )


def test_the_public_key_is_no_password() -> None:
    for secrets in ((OPENSSL_KEY,), (PASSWORD, OPENSSL_KEY)):
        with pytest.raises(Unverified):
            verify(bearing(OPENSSL_KEY), *secrets)


def test_a_password_will_do_without_a_signature() -> None:
    verify(bearing(PASSWORD), PASSWORD)
    verify(bearing(PASSWORD), OPENSSL_KEY, PASSWORD)
    with pytest.raises(Unverified):
        verify(SIGNED, PASSWORD)


def test_the_form_names_the_sender_where_the_header_does_not() -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="headers"\r\n\r\nMessage-ID: <m1@example.org>\r\n'
        b'--b\r\nContent-Disposition: form-data; name="from"\r\n\r\nAsker <asker@example.org>\r\n--b--\r\n'
    )
    (event,) = SendGrid().parse(dataclasses.replace(SIGNED, body=form), Source("m", "acme", MailOptions())).events
    assert (event.event_id, event.customer_id) == ("m1@example.org", "asker@example.org")
