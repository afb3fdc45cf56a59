"""Signatures of the help desks as another program (openssl) makes them from the vendors' descriptions."""

from __future__ import annotations

import pytest

from connectors.channels.base import Delivery, Unverified
from tests.connectors.channels.case import RECEIVED_MS, VendorCase
from tests.connectors.channels.vendors import chatwoot, front, helpscout, intercom, zendesk

BODY = b'{"type":"x"}'
#: The secret is `case.SECRET`, the time 2026-03-02T09:00:00Z.
KNOWN = (
    (
        chatwoot.CASE,
        {
            "x-chatwoot-timestamp": "1772442000",
            "x-chatwoot-signature": "sha256=8bb2428b519c64dece08057fa89a9cfe7c285956200b4b32bd28d39dc3a7af9a",
        },
    ),
    (
        zendesk.CASE,
        {
            "x-zendesk-webhook-signature-timestamp": "2026-03-02T09:00:00Z",
            "x-zendesk-webhook-signature": "MmEQJGDevTCmFXq3ulYLfXZsG/tI6sYmTsjVIZog1G4=",
        },
    ),
    (intercom.CASE, {"x-hub-signature": "sha1=a56e0c250da5cd9ffebb7dc1dca5b8dcd99c8eaf"}),
    (
        front.CASE,
        {
            "x-front-request-timestamp": "1772442000000",
            "x-front-signature": "wLrR5EmudhYTRRv+ZIHvUZcYjvRtNMLsR/wr72ppHNs=",
        },
    ),
    (front.CASE, {"x-front-signature": "pW4MJQ2lzZ/+u33B3KW43Nmcjq8="}),
    (helpscout.CASE, {"x-helpscout-signature": "pW4MJQ2lzZ/+u33B3KW43Nmcjq8="}),
)


@pytest.mark.parametrize(("case", "headers"), KNOWN, ids=lambda found: getattr(found, "vendor", None))
def test_a_signature_made_elsewhere_is_taken(case: VendorCase, headers: dict[str, str]) -> None:
    delivery = Delivery("POST", "", headers, BODY, RECEIVED_MS)
    case.connector.verify(delivery, case.source())
    with pytest.raises(Unverified, match="does not match"):
        case.connector.verify(Delivery("POST", "", headers, BODY + b" ", RECEIVED_MS), case.source())
