"""Twilio, for the suites over all vendors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from connectors.channels.base import Delivery
from connectors.channels.twilio import Twilio
from connectors.channels.twilio_request import TwilioOptions
from tests.connectors.channels.case import RECEIVED_MS, Sample, VendorCase

CUSTOMER, NUMBER, ACCOUNT = "+971500000001", "+15550001111", "AC1"
BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
BEGAN_MS = 1_772_438_400_000
URL = "https://hooks.example/v1/hooks/twilio/twilio-main"


def form(**params: Any) -> bytes:
    """A body."""
    return urlencode({"AccountSid": ACCOUNT, **params}).encode()


def sms(number: int, **more: Any) -> bytes:
    """A message of the customer's."""
    ends = {"From": CUSTOMER, "To": NUMBER}
    return form(**{"MessageSid": f"SM{number}", "SmsStatus": "received", "Body": "Hello?", **ends, **more})


def sent(number: int, status: str = "sent", **more: Any) -> bytes:
    """What became of a message of the business."""
    ends = {"From": NUMBER, "To": CUSTOMER}
    return form(**{"MessageSid": f"SM{number}", "MessageStatus": status, "SmsStatus": status, **ends, **more})


def call(status: str, after_s: int, number: int, sid: str = "CA1", **more: Any) -> bytes:
    """A callback about a call of the customer's."""
    return form(
        **{
            "CallSid": sid,
            "CallStatus": status,
            "Direction": "inbound",
            "From": CUSTOMER,
            "To": NUMBER,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": number,
            "Timestamp": format_datetime(BEGAN + timedelta(seconds=after_s)),
            **more,
        }
    )


def agent_leg(status: str, after_s: int, number: int, **more: Any) -> bytes:
    """A callback about the leg of whom the call is connected to."""
    parent = {"ParentCallSid": "CA1", "Direction": "outbound-dial", "To": "client:amal"}
    return call(status, after_s, number, "CA2", **{**parent, **more})


def stamp(after_s: float) -> str:
    """A time as Conversations write it."""
    return (BEGAN + timedelta(seconds=after_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def chat(kind: str, after_s: float = 0, **more: Any) -> bytes:
    """A webhook of a conversation."""
    return form(EventType=kind, ConversationSid="CH1", DateCreated=stamp(after_s), RetryCount=0, **more)


def wrote(number: int, after_s: float, author: str = CUSTOMER, source: str = "SMS", **more: Any) -> bytes:
    """A message of a conversation."""
    said = {"MessageSid": f"IM{number}", "Index": number, "Author": author, "Source": source, "Body": "Hi"}
    return chat("onMessageAdded", after_s, **{**said, **more})


def sign(sample: Sample, secret: bytes) -> Delivery:
    """The request as Twilio sends it."""
    is_json = sample.body[:1] in (b"{", b"[")
    url, query, signed = URL, dict(sample.query), b""
    if is_json:
        query["bodySHA256"] = hashlib.sha256(sample.body).hexdigest()
        url += "?" + urlencode(query)
    else:
        pairs = parse_qsl(sample.body.decode(), keep_blank_values=True)
        signed = "".join(name + value for name, value in sorted(pairs)).encode()
    digest = hmac.digest(secret, url.encode() + signed, "sha1")
    headers = {
        "content-type": "application/json" if is_json else "application/x-www-form-urlencoded",
        "x-twilio-signature": base64.b64encode(digest).decode(),
        **sample.headers,
    }
    return Delivery("POST", url, headers, sample.body, sample.received_ms, query)


#: A call that rings, is taken and ends; a conversation between SMS and an agent.
CALL = (
    Sample("calls", call("initiated", 0, 0), ("conversation_started",)),
    Sample("rings", call("ringing", 1, 1), ("conversation_started",)),
    Sample("taken", call("in-progress", 8, 2), ("call_answered",)),
    Sample("over", call("completed", 130, 3, CallDuration=122, Duration=3), ("call_ended", "status_changed")),
)
CHAT = (
    Sample("conversation", chat("onConversationAdded", 0, Source="SMS"), ("conversation_started",)),
    Sample("asked", wrote(0, 0.5), ("message",)),
    Sample("joined", chat("onParticipantAdded", 30, Identity="amal", ParticipantSid="MB2"), ("assigned",)),
    Sample("answered", wrote(1, 90.5, "amal", "SDK", ClientIdentity="amal"), ("message",)),
    Sample(
        "closed",
        chat("onConversationStateUpdated", StateFrom="active", StateTo="closed", Reason="API", StateUpdated=stamp(600)),
        ("status_changed",),
    ),
)
MINUTE = 60_000

CASE = VendorCase(
    connector=Twilio(),
    options=TwilioOptions(account=ACCOUNT, agents=frozenset({"amal"})),
    sign=sign,
    is_json=False,
    samples=(
        *CALL,
        *CHAT,
        Sample("sms", sms(1), ("message",)),
        Sample("sms-in-another-script", sms(7, Body="مرحبا 👋", From="+971500000002"), ("message",)),
        Sample("sms-answered", sent(2), ("message",), received_ms=RECEIVED_MS + MINUTE),
        Sample("whatsapp", sms(3, From="whatsapp:" + CUSTOMER, To="whatsapp:" + NUMBER), ("message",)),
        Sample(
            "only-the-end",
            call("completed", 300, 0, "CA3", CallDuration=60),
            ("conversation_started", "call_answered", "call_ended", "status_changed"),
        ),
        Sample("hung-up", call("canceled", 400, 2, "CA4"), ("status_changed",)),
        Sample(
            "called-back",
            call("in-progress", 500, 2, "CA5", Direction="outbound-api", From=NUMBER, To=CUSTOMER),
            ("call_answered",),
        ),
        Sample(
            "called-back-over",
            call("completed", 560, 3, "CA5", Direction="outbound-api", CallDuration=60),
            ("call_ended", "status_changed"),
        ),
        Sample("removed", chat("onConversationRemoved", DateRemoved=stamp(900)).replace(b"CH1", b"CH2"), ("deleted",)),
        Sample(
            "queued",
            form(
                EventType="task-queue.entered",
                WorkspaceSid="WS1",
                Sid="EV1",
                Timestamp=BEGAN_MS // 1000 + 2,
                TaskQueueName="Billing",
                TaskAttributes=json.dumps({"call_sid": "CA1"}),
            ),
            ("assigned",),
        ),
        Sample(
            "accepted",
            form(
                EventType="reservation.accepted",
                WorkspaceSid="WS1",
                Sid="EV2",
                TimestampMs=BEGAN_MS + 8000,
                TaskQueueName="Billing",
                WorkerSid="WK1",
                TaskAttributes=json.dumps({"call_sid": "CA1"}),
            ),
            ("assigned",),
        ),
        Sample(
            "as-json",
            json.dumps(
                {
                    "EventType": "onMessageAdded",
                    "ConversationSid": "CH3",
                    "MessageSid": "IM9",
                    "Author": CUSTOMER,
                    "Source": "SMS",
                    "DateCreated": stamp(1),
                    "Body": "Hi",
                }
            ).encode(),
            ("message",),
        ),
        Sample("delivered", sent(2, "delivered"), ignored=("delivery_receipt",)),
        Sample("failed", sent(4, "undelivered"), ignored=("delivery_failed",)),
        Sample("stop", sms(5, Body="STOP", OptOutType="STOP"), ignored=("opt_out",)),
        Sample("agents-leg", agent_leg("in-progress", 8, 2), ignored=("agent_leg",)),
        Sample("rings-out", call("ringing", 490, 1, "CA5", Direction="outbound-api"), ignored=("call_progress",)),
        Sample(
            "machine",
            call("completed", 700, 3, "CA6", Direction="outbound-api", CallDuration=9, AnsweredBy="machine_start"),
            ignored=("voicemail",),
        ),
        Sample(
            "menu",
            form(CallSid="CA1", CallStatus="in-progress", Direction="inbound", Digits="1"),
            ignored=("call_flow",),
        ),
        Sample(
            "recorded", form(CallSid="CA1", RecordingSid="RE1", RecordingStatus="completed"), ignored=("recording",)
        ),
        Sample(
            "left-a-message",
            form(CallSid="CA8", CallStatus="completed", From=CUSTOMER, To=NUMBER, RecordingSid="RE2"),
            ignored=("recording",),
        ),
        Sample("about-to", chat("onMessageAdd", Body="Hi"), ignored=("before_the_fact",)),
        Sample("edited", chat("onMessageUpdated", MessageSid="IM0"), ignored=("message_edited",)),
        Sample("inactive", chat("onConversationStateUpdated", StateTo="inactive"), ignored=("inactive",)),
        Sample("customer-joined", chat("onParticipantAdded", ParticipantSid="MB1"), ignored=("participant",)),
        Sample("worker", form(EventType="worker.activity.update", WorkspaceSid="WS1"), ignored=("worker",)),
        Sample("debugger", form(PayloadType="application/json", Level="ERROR", Sid="NO1"), ignored=("debugger",)),
        Sample("unknown-status", sent(6, "teleported"), parked=1),
        Sample("unknown-call", call("dreaming", 1, 1, "CA7"), parked=1),
        Sample("unknown-product", form(RoomSid="RM1", StatusCallbackEvent="room-created"), parked=1),
        Sample("unknown-event", chat("onTelepathy"), parked=1),
    ),
)
