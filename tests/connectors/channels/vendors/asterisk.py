"""Asterisk for the suites over all vendors."""

from __future__ import annotations

from connectors.channels.asterisk import Asterisk
from connectors.channels.base import Delivery
from tests.connectors.channels.case import Sample, VendorCase

#: 2026-03-02T08:00:00Z.
T0_S = 1_772_438_400


def lines(*told: str) -> bytes:
    """Lines of `seconds after T0|rest`."""
    found = []
    for each in told:
        seconds, _, rest = each.partition("|")
        found.append(f"{T0_S + int(seconds)}|{rest}\n")
    return "".join(found).encode()


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request of a shipper with our secret."""
    headers = {"content-type": "text/plain", "x-supportpulse-secret": secret.decode()}
    return Delivery(
        "POST", "https://hooks.example/v1/hooks/asterisk/main", headers, one.body, one.received_ms, one.query
    )


STORY = (
    Sample("entered", lines("0|77.1|support|NONE|ENTERQUEUE||5550100|1"), ("conversation_started",)),
    Sample("rang", lines("20|77.1|support|PJSIP/11|RINGNOANSWER|15000"), ignored=("ringing",)),
    Sample("answered", lines("30|77.1|support|PJSIP/12|CONNECT|30|77.2|5"), ("assigned", "call_answered")),
    Sample("over", lines("150|77.1|support|PJSIP/12|COMPLETECALLER|30|120|1"), ("call_ended", "status_changed")),
)

CASE = VendorCase(
    connector=Asterisk(),
    sign=sign,
    signs_body=False,
    is_json=False,
    samples=(
        *STORY,
        Sample(
            "many",
            lines(
                "200|78.1|support|NONE|ENTERQUEUE||anonymous|1",
                "201|NONE|support|PJSIP/11|PAUSE|lunch",
                "260|78.1|support|NONE|ABANDON|1|1|60",
                "300|79.1|sales|NONE|JOINEMPTY",
                "310|NONE|NONE|NONE|QUEUESTART|",
            ),
            ("conversation_started", "status_changed", "conversation_started", "status_changed"),
            ignored=("agent_state", "queue_state"),
        ),
        Sample(
            "transferred",
            lines("400|80.1|support|PJSIP/12|BLINDTRANSFER|200|internal|30|60|1"),
            ("call_ended", "assigned", "status_changed"),
        ),
        Sample("unknown", lines("500|81.1|support|NONE|LEVITATE"), parked=1),
        Sample(
            "one-bad-line",
            lines("510|82.1|support|NONE|ENTERQUEUE||1|1") + b"not a line\n",
            ("conversation_started",),
            parked=1,
        ),
    ),
)
