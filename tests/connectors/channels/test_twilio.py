"""What Twilio's webhooks say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.channels.base import Delivery, Source, Unverified
from connectors.channels.twilio import Twilio
from connectors.channels.twilio_request import TwilioOptions
from schemas.errors import Refused
from schemas.records import Call, InteractionEvent
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample, VendorCase
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import files, outcome
from tests.connectors.channels.vendors.twilio import (
    BEGAN_MS,
    CALL,
    CASE,
    CHAT,
    CUSTOMER,
    NUMBER,
    agent_leg,
    call,
    chat,
    form,
    sent,
    sign,
    sms,
    wrote,
)


def having(**options: Any) -> VendorCase:
    """The case, for a source with these options."""
    return dataclasses.replace(CASE, options=TwilioOptions(**options))


def one(body: bytes, **options: Any) -> InteractionEvent:
    """The one event of a body."""
    (event,) = told(having(**options), Sample("one", body)).events
    return event


def test_a_call_gives_its_response_time() -> None:
    found = steadfast(CASE, CALL)
    assert values(found) == {
        "first_response": 8_000,
        "first_response_any": 8_000,
        "handle_time": 122_000,
        "resolution": 130_000,
        "active_resolution": 130_000,
        "full_resolution": 130_000,
        "customer_wait": 8_000,
    }
    assert {fact.outcome for fact in found if fact.metric == "resolution"} == {"answered"}


def test_a_conversation_gives_its_response_time() -> None:
    found = steadfast(CASE, CHAT)
    assert values(found)["first_response"] == 90_000
    assert values(found)["resolution"] == 600_000
    assert {fact.agent_id for fact in found if fact.metric == "first_response"} == {"amal"}
    assert {fact.channel for fact in found if fact.metric == "first_response"} == {"sms"}


def test_messages_happen_when_they_come() -> None:
    found = one(sms(1))
    assert found == InteractionEvent(
        event_id="SM1",
        tenant="acme",
        source="twilio-main",
        channel="sms",
        type="message",
        occurred_at=RECEIVED_MS,
        ingested_at=RECEIVED_MS,
        conversation_id=f"{NUMBER}/{CUSTOMER}",
        customer_id=CUSTOMER,
        actor_kind="customer",
        actor_id=CUSTOMER,
        attributes={"text_length": "6"},
    )
    answered = one(sent(2))
    assert (answered.conversation_id, answered.customer_id) == (found.conversation_id, CUSTOMER)
    assert (answered.event_id, answered.actor_kind) == ("SM2:sent", "bot")
    assert one(sent(2), api_sender="human").actor_kind == "human"


@pytest.mark.parametrize(
    ("prefix", "channel"), [("", "sms"), ("whatsapp:", "whatsapp"), ("messenger:", "messenger"), ("rcs:", "sms")]
)
def test_the_address_says_the_channel(prefix: str, channel: str) -> None:
    found = one(sms(1, From=prefix + CUSTOMER))
    assert (found.channel, found.customer_id) == (channel, prefix + CUSTOMER)


@pytest.mark.parametrize(
    ("author", "source", "options", "kind", "channel"),
    [
        (CUSTOMER, "SMS", {}, "customer", "sms"),
        ("whatsapp:" + CUSTOMER, "WHATSAPP", {}, "customer", "whatsapp"),
        ("amal", "SDK", {}, "human", "live_chat"),
        ("amal", "SDK", {"agents": frozenset({"amal"})}, "human", "live_chat"),
        ("visitor-7", "SDK", {"agents": frozenset({"amal"})}, "customer", "live_chat"),
        ("system", "API", {}, "bot", "live_chat"),
        ("amal", "API", {"agents": frozenset({"amal"})}, "human", "live_chat"),
        (CUSTOMER, "API", {}, "customer", "live_chat"),
        ("greeter", "SDK", {"bots": ("greeter",)}, "bot", "live_chat"),
        ("greeter", "API", {"bots": ("greeter",), "api_sender": "human"}, "bot", "live_chat"),
        ("", "API", {"api_sender": "system"}, "system", "live_chat"),
    ],
)
def test_who_writes_in_a_conversation(
    author: str, source: str, options: dict[str, Any], kind: str, channel: str
) -> None:
    found = one(wrote(3, 12, author, source), **options)
    assert (found.actor_kind, found.channel, found.sequence) == (kind, channel, 3)
    assert (found.event_id, found.conversation_id, found.occurred_at) == ("IM3", "CH1", BEGAN_MS + 12_000)


def test_where_only_the_end_is_told_the_beginning_is_counted_back() -> None:
    events = told(CASE, named(CASE, "only-the-end")).events
    assert [each.occurred_at - BEGAN_MS for each in events] == [240_000, 240_000, 300_000, 300_000]
    assert [each.call for each in events if each.call] == [Call(talk_seconds=60)]


def legs() -> Sequence[Sample]:
    """A call that a menu answers, and amal takes."""
    return (
        Sample("rings", call("ringing", 0, 0)),
        Sample("menu", call("in-progress", 1, 1)),
        Sample("amal-rings", agent_leg("ringing", 30, 1)),
        Sample("amal-takes-it", agent_leg("in-progress", 41, 2)),
        Sample("amal-is-done", agent_leg("completed", 101, 3, CallDuration=60)),
        Sample("over", call("completed", 102, 2, CallDuration=101)),
    )


def test_a_menu_that_answers_is_nobody() -> None:
    found = steadfast(having(answered="agent_leg"), legs())
    assert values(found)["first_response"] == 41_000
    assert values(found)["handle_time"] == 60_000
    assert {fact.agent_id for fact in found if fact.metric == "handle_time"} == {"amal"}
    # Told to count the caller's leg, the same callbacks count it alone.
    assert values(steadfast(having(), legs()))["handle_time"] == 101_000


def test_a_leg_or_a_worker_that_the_source_calls_a_bot_is_one() -> None:
    ours = having(answered="agent_leg", bots=("amal", "WK1"))
    assert told(ours, legs()[3]).ignored == ["answered_by_program"]
    (accepted,) = told(ours, named(CASE, "accepted")).events
    assert (accepted.assignee_id, accepted.team) == (None, "Billing")


def test_a_caller_who_gives_up_was_not_answered() -> None:
    found = steadfast(CASE, [Sample("rings", call("ringing", 0, 1, "CA4")), named(CASE, "hung-up")])
    assert [(fact.metric, fact.outcome) for fact in found if fact.metric == "resolution"] == [
        ("resolution", "unanswered")
    ]


def test_a_message_on_the_machine_ends_no_call() -> None:
    left = form(CallSid="CA1", CallStatus="completed", Direction="inbound", From=CUSTOMER, To=NUMBER,
                RecordingSid="RE1", RecordingUrl="https://api.example/RE1", RecordingDuration=9)  # fmt: skip
    assert told(CASE, Sample("left", left)).ignored == ["recording"]
    recorded = call("completed", 130, 3, CallDuration=122, RecordingSid="RE1")
    assert [each.type for each in told(CASE, Sample("over", recorded)).events] == ["call_ended", "status_changed"]


@pytest.mark.parametrize(
    ("binding", "channel"),
    [
        ({}, "live_chat"),
        ({"MessagingBinding.Address": CUSTOMER}, "sms"),
        ({"MessagingBinding.Address": f"whatsapp:{CUSTOMER}"}, "whatsapp"),
    ],
)
def test_a_conversation_is_on_the_channel_of_its_customer(binding: dict[str, Any], channel: str) -> None:
    assert one(chat("onConversationAdded", **binding)).channel == channel


def test_a_caller_who_hangs_up_in_a_menu_has_a_callback_for_that() -> None:
    asks = form(CallSid="CA1", CallStatus="completed", Direction="inbound", From=CUSTOMER, To=NUMBER)
    assert told(CASE, Sample("asks", asks)).ignored == ["call_flow"]


@pytest.mark.parametrize("text", ["مرحبا 👋", "Grüße & mehr + alles = 100 %", "你好\nnoch eine Zeile"])
def test_any_script_is_signed_and_read(text: str) -> None:
    delivery = sign(Sample("one", sms(1, Body=text)), SECRET)
    CASE.connector.verify(delivery, CASE.source())
    (found,) = CASE.connector.parse(delivery, CASE.source()).events
    assert found.attributes == {"text_length": str(len(text))}
    other = dataclasses.replace(delivery, body=sms(1, Body=text + "é"))
    with pytest.raises(Unverified, match="does not match"):
        CASE.connector.verify(other, CASE.source())


def test_another_product_of_twilios_is_kept() -> None:
    parsed = told(CASE, Sample("room", form(RoomSid="RM1", StatusCallbackEvent="room-created")))
    assert (len(parsed.parked), parsed.events, parsed.ignored) == (1, [], [])


def test_event_streams_are_kept() -> None:
    batch = b'[{"specversion":"1.0","type":"com.twilio.messaging.message.sent","data":{"messageSid":"SM1"}}]'
    parsed = told(CASE, Sample("stream", batch))
    assert ([piece.original for piece in parsed.parked], parsed.events) == ([batch], [])


def test_a_task_says_queue_and_agent_of_a_call() -> None:
    queued, accepted = (told(CASE, named(CASE, name)).events[0] for name in ("queued", "accepted"))
    assert (queued.conversation_id, queued.team, queued.assignee_id) == ("CA1", "Billing", None)
    assert (accepted.conversation_id, accepted.assignee_id, accepted.occurred_at) == ("CA1", "WK1", BEGAN_MS + 8_000)


def test_a_retry_that_counts_itself_is_the_same_change() -> None:
    first, second = (
        one(chat("onConversationStateUpdated", StateTo="closed", Attributes="{}").replace(b"RetryCount=0", retry))
        for retry in (b"RetryCount=0", b"RetryCount=1")
    )
    assert first == second


def test_another_account_and_other_bodies_are_refused() -> None:
    for body in (form(AccountSid="AC9", CallSid="CA1", CallStatus="ringing"), b"a=b", b"", b"\xff=\xff", b"%ff=1"):
        with pytest.raises(Refused):
            CASE.connector.parse(Delivery("POST", "u", {}, body, 0), CASE.source())
    headers = {"content-type": "application/json"}
    for body in (b"[]", b"{", b'{"a": 1}'):
        with pytest.raises(Refused):
            CASE.connector.parse(Delivery("POST", "u", headers, body, 0), CASE.source())


def verify(url: str, body: bytes, signature: str, secret: bytes, **query: str) -> None:
    """Whether the connector takes a signature."""
    kind = "application/json" if query else "application/x-www-form-urlencoded"
    headers = {"content-type": kind, "x-twilio-signature": signature}
    source = Source("s", "acme", TwilioOptions(), (b"another", secret))
    Twilio().verify(Delivery("POST", url, headers, body, 0, query), source)


def test_the_documented_signature_is_taken() -> None:
    # The example of Twilio's page on the security of webhooks.
    url = "https://example.com/myapp.php?foo=1&bar=2"
    body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212"
    good = "L/OH5YylLD5NRKLltdqwSvS0BnU="
    verify(url, body, good, b"12345")
    verify("https://example.com:443/myapp.php?foo=1&bar=2", body, good, b"12345")
    for wrong_url, wrong_body in (
        (url, body + b"5"),
        (url + "&baz=3", body),
        ("https://example.com:8443/myapp.php?foo=1&bar=2", body),
        ("http://example.com/myapp.php?foo=1&bar=2", body),
    ):
        with pytest.raises(Unverified):
            verify(wrong_url, wrong_body, good, b"12345")


def test_json_is_covered_by_its_hash_in_the_address() -> None:
    signed = sign(named(CASE, "as-json"), SECRET)
    signature = signed.headers["x-twilio-signature"]
    verify(signed.url, signed.body, signature, SECRET, **signed.query)
    for body, query in ((signed.body + b" ", signed.query), (signed.body, {"bodySHA256": "0"})):
        with pytest.raises(Unverified):
            verify(signed.url, body, signature, SECRET, **query)


KNOWN = {
    "conversations_onMessageAdded": "human message",
    "sms_incoming": "customer message",
    "voice_status_0_initiated_DERIVED": "customer conversation_started",
    "voice_status_1_ringing_DERIVED": "customer conversation_started",
    "voice_status_3_completed_DERIVED": "human call_ended; system status_changed",
}


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    for path in files("twilio"):
        assert outcome(having(), path.read_bytes().strip()) == KNOWN[path.stem]
