"""FreeSWITCH for the suites over all vendors."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from connectors.channels.base import Delivery
from connectors.channels.freeswitch import FreeSwitch, FreeSwitchOptions
from tests.connectors.channels.case import Sample, VendorCase

#: 2026-03-02T08:00:00Z.
T0_S = 1_772_438_400


def times(**seconds: float) -> dict[str, Any]:
    """Variables in seconds and micro-seconds, by seconds after T0; `queue_…` ones are in seconds alone."""
    found = {}
    for name, after in seconds.items():
        found[f"{name}_epoch"] = str(T0_S + int(after))
        if not name.startswith("cc_"):
            found[f"{name}_uepoch"] = str(round((T0_S + after) * 1_000_000))
    return found


def record(*, encoded: bool = True, profile: dict[str, Any] | None = None, **variables: Any) -> dict[str, Any]:
    """A leg's record with these variables."""
    values = {name: quote(value, safe="") if encoded else value for name, value in variables.items()}
    profiles = [{"dialplan": "XML", "caller_profile": {"caller_id_name": "A NAME", **(profile or {})}, "times": {}}]
    return {"core-uuid": "core", "switchname": "pbx", "channel_data": {}, "variables": values, "callflow": profiles}


CALLER: dict[str, Any] = {
    "uuid": "leg-a",
    "direction": "inbound",
    "caller_id_number": "+15550100",
    "hangup_cause": "NORMAL_CLEARING",
    "sip_hangup_disposition": "recv_bye",
    "cc_queue": "support@acme.example",
    "cc_agent": "1001@acme.example",
    "cc_side": "member",
    **times(start=0, answer=1.5, end=150, cc_queue_joined=5, cc_queue_answered=30),
}
AGENT: dict[str, Any] = {
    "uuid": "leg-b",
    "direction": "outbound",
    "cc_side": "agent",
    "cc_agent": "1001@acme.example",
    "cc_queue": "support@acme.example",
    "cc_member_session_uuid": "leg-a",
    "hold_accum_seconds": "20",
    **times(start=20, answer=30, end=150),
}
OF_CALLER = ("conversation_started", "assigned", "assigned", "call_answered", "status_changed")


def sample(name: str, body: object, *types: str, **more: Any) -> Sample:
    """A request with this JSON."""
    return Sample(name, json.dumps(body).encode(), tuple(types), **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request with the credentials of json_cdr.conf.xml."""
    kind = "application/x-www-form-urlencoded" if one.body.startswith(b"cdr=") else "application/json"
    headers = {"content-type": kind, "authorization": "Basic " + base64.b64encode(b"pbx:" + secret).decode()}
    return Delivery(
        "POST", "https://hooks.example/v1/hooks/freeswitch/main", headers, one.body, one.received_ms, one.query
    )


STORY = (
    sample("caller", record(**CALLER), *OF_CALLER),
    sample("agent", record(**AGENT), "call_ended"),
)

CASE = VendorCase(
    connector=FreeSwitch(),
    sign=sign,
    options=FreeSwitchOptions(),
    signs_body=False,
    samples=(
        *STORY,
        sample(
            "hung-up-waiting",
            record(uuid="leg-c", direction="inbound", **times(start=0, answer=1, end=60), bridge_epoch="0"),
            "conversation_started",
            "status_changed",
        ),
        sample(
            "put-through",
            record(
                encoded=False,
                profile={
                    "originatee": {"originatee_caller_profiles": [{"destination_number": "1002", "uuid": "leg-e"}]},
                },
                uuid="leg-d",
                direction="inbound",
                **times(start=0, bridge=12, end=60),
            ),
            "conversation_started",
            "assigned",
            "call_answered",
            "status_changed",
        ),
        sample(
            "rang-in-vain",
            record(uuid="leg-f", direction="outbound", originator="leg-c", answer_epoch="0", **times(start=5, end=20)),
            ignored=("not_taken",),
        ),
        sample(
            "between-two-of-ours",
            record(uuid="leg-g", call_direction="local", **times(start=0, end=9)),
            ignored=("internal_call",),
        ),
    ),
)
