"""What is posted, how it is signed, and what its key stands for."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from sinks.notifier import message
from sinks.notifier.config import NotifierConfig, NotifierMisconfigured
from tests.sinks.samples import T0, alert

SECRET = b"only for tests"


def test_the_body_is_the_alert_in_the_words_of_the_contract() -> None:
    found = alert(level="warning", share=0.75, team="vip", deadline=T0, raised_at=T0 - 60_000)
    assert json.loads(message.body_of(found)) == {
        "tenant": "acme",
        "fact_id": "c1/1/1/sla_first_response",
        "level": "warning",
        "share": 0.75,
        "deadline": "2026-02-02T02:40:00.000Z",
        "raised_at": "2026-02-02T02:39:00.000Z",
        "metric": "sla_first_response",
        "conversation_id": "c1",
        "channel": "email",
        "team": "vip",
        "assignee_id": None,
        "policy": "chat",
    }


def test_a_receiver_can_check_the_signature_with_nothing_but_the_documentation() -> None:
    body = message.body_of(alert())
    headers = message.headers_of(alert(), body, SECRET, 1_770_000_000)
    given = dict(part.split("=") for part in headers["Supportpulse-Signature"].split(","))
    expected = hmac.new(SECRET, f"{given['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert given == {"t": "1770000000", "v1": expected}
    for other in (message.signature_of(body + b" ", SECRET, 1_770_000_000),
                  message.signature_of(body, SECRET + b"!", 1_770_000_000),
                  message.signature_of(body, SECRET, 1_770_000_001)):  # fmt: skip
        assert other.rpartition("v1=")[2] != expected


@pytest.mark.parametrize(
    "change",
    [{"tenant": "other"}, {"fact_id": "c1/1/2/sla_next_response"}, {"level": "retracted"}, {"deadline": T0 + 1},
     {"level": "warning", "share": 0.75}],
    ids="+".join,
)  # fmt: skip
def test_another_clock_level_or_deadline_is_another_key(change: dict[str, object]) -> None:
    assert message.key_of(alert(**change)) != message.key_of(alert())


def test_each_warning_share_is_a_message_of_its_own() -> None:
    assert message.key_of(alert(level="warning", share=0.75)) != message.key_of(alert(level="warning", share=0.9))


def test_what_else_is_known_of_it_does_not_change_the_key() -> None:
    told_again = alert(raised_at=T0 + 9_000, team="vip", assignee_id="ana", policy="other")
    assert message.key_of(told_again) == message.key_of(alert())
    assert len(message.key_of(alert())) == 64


@pytest.mark.parametrize("url", ["ftp://host/x", "host/x", "", "http://", "https:///x"])
def test_an_address_that_cannot_be_one_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NotifierMisconfigured, match="write http://HOST") as refusal:
        NotifierConfig(url=url, secret=SECRET)
    assert "host/x" not in str(refusal.value)


def test_neither_address_nor_secret_is_shown() -> None:
    assert "token" not in repr(config := NotifierConfig(url="https://host/?token=1", secret=SECRET))
    assert "tests" not in repr(config)
    with pytest.raises(NotifierMisconfigured, match="secret is empty"):
        NotifierConfig(url="https://host/", secret=b"")
