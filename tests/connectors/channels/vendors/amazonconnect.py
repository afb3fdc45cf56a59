"""Amazon Connect for the suites over all vendors."""

from __future__ import annotations

import base64
import json
from typing import Any

from connectors.channels.amazonconnect import AmazonConnect, AmazonConnectOptions
from connectors.channels.base import Delivery
from tests.connectors.channels.case import Sample, VendorCase

INSTANCE = "arn:aws:connect:eu-west-1:000000000000:instance/in-1"
AGENT, OTHER_AGENT = f"{INSTANCE}/agent/ag-1", f"{INSTANCE}/agent/ag-2"
QUEUE = f"{INSTANCE}/queue/qu-1"
WHOLE_CALL = ("conversation_started", "assigned", "assigned", "call_answered", "call_ended", "status_changed")


def contact(kind: str, **changes: Any) -> dict[str, Any]:
    """A contact event in EventBridge's envelope."""
    detail = {
        "eventType": kind,
        "contactId": "co-1",
        "channel": "VOICE",
        "instanceArn": INSTANCE,
        "initiationMethod": "INBOUND",
        "initiationTimestamp": "2026-03-02T08:00:00.000Z",
        **changes,
    }
    return {"version": "0", "id": "x", "detail-type": "Amazon Connect Contact Event", "detail": detail}


def record(**changes: Any) -> dict[str, Any]:
    """A contact record of a call that was answered after five minutes."""
    return {
        "AWSContactTraceRecordFormatVersion": "2017-03-10",
        "Agent": {
            "ARN": AGENT,
            "Username": "someone",
            "ConnectedToAgentTimestamp": "2026-03-02T08:05:00Z",
            "AgentInteractionDuration": 500,
            "CustomerHoldDuration": 100,
            "AfterContactWorkStartTimestamp": "2026-03-02T08:15:00Z",
            "AfterContactWorkEndTimestamp": "2026-03-02T08:16:00Z",
            "AfterContactWorkDuration": 60,
        },
        "Attributes": {"reason": "words of the customer"},
        "Channel": "VOICE",
        "ConnectedToSystemTimestamp": "2026-03-02T08:00:00Z",
        "ContactId": "co-1",
        "CustomerEndpoint": {"Address": "+15550100", "Type": "TELEPHONE_NUMBER"},
        "DisconnectReason": "CUSTOMER_DISCONNECT",
        "DisconnectTimestamp": "2026-03-02T08:15:00Z",
        "InitialContactId": None,
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-03-02T08:00:00Z",
        "InstanceARN": INSTANCE,
        "LastUpdateTimestamp": "2026-03-02T08:16:10Z",
        "NextContactId": None,
        "PreviousContactId": None,
        "Queue": {"ARN": QUEUE, "EnqueueTimestamp": "2026-03-02T08:01:00Z", "Name": "Billing"},
        **changes,
    }


QUEUED = {"queueInfo": {"queueArn": QUEUE, "queueType": "STANDARD", "enqueueTimestamp": "2026-03-02T08:01:00Z"}}
CONNECTED = {**QUEUED, "agentInfo": {"agentArn": AGENT, "connectedToAgentTimestamp": "2026-03-02T08:05:00Z"}}
HUNG_UP = {"disconnectTimestamp": "2026-03-02T08:15:00Z", "disconnectReason": "CUSTOMER_DISCONNECT"}


def sample(name: str, body: object, *types: str, **more: Any) -> Sample:
    """A request with this JSON."""
    return Sample(name, json.dumps(body).encode(), tuple(types), **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as an API destination with a key sends it."""
    headers = {"content-type": "application/json", "x-api-key": secret.decode()}
    return Delivery("POST", "https://hooks.example/v1/hooks/amazonconnect/main", headers, one.body, one.received_ms)


#: One call as its events tell it.
STORY = (
    sample("initiated", contact("INITIATED"), "conversation_started"),
    sample("queued", contact("QUEUED", **QUEUED), "conversation_started", "assigned"),
    sample("connected", contact("CONNECTED_TO_AGENT", **CONNECTED), *WHOLE_CALL[:4]),
    sample("disconnected", contact("DISCONNECTED", **CONNECTED, **HUNG_UP), *WHOLE_CALL[:4], "status_changed"),
)

CASE = VendorCase(
    connector=AmazonConnect(),
    sign=sign,
    options=AmazonConnectOptions(queues={"qu-1": "billing"}),
    signs_body=False,
    samples=(
        *STORY,
        sample("record", record(), *WHOLE_CALL),
        sample("records-in-a-list", [record(), record()], *WHOLE_CALL, *WHOLE_CALL),
        sample(
            "firehose",
            {"records": [{"data": base64.b64encode(json.dumps(record(ContactId="co-2")).encode()).decode()}]},
            *WHOLE_CALL,
        ),
        sample("task-paused",
               contact("PAUSED", channel="TASK", contactId="co-3", lastPausedTimestamp="2026-03-02T08:02:00Z"),
               "conversation_started", "status_changed"),
        sample("updated", contact("CONTACT_DATA_UPDATED", initiationMethod="TRANSFER"), ignored=("nothing_new",)),
        sample("machine", contact("AMD_DISABLED"), ignored=("answering_machine",)),
        sample("supervisor", contact("INITIATED", initiationMethod="MONITOR"), ignored=("beside_the_conversation",)),
        sample("agent", {"EventType": "HEART_BEAT", "CurrentAgentSnapshot": {}}, ignored=("agent_event",)),
        sample("unknown", contact("LEVITATED"), parked=1),
        sample("unknown-channel", contact("INITIATED", channel="FAX"), parked=1),
    ),
)  # fmt: skip
