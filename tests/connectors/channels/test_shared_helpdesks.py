"""The payloads that somebody has put beside the repository, of the help desks: each leads where it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.channels.base import Delivery
from schemas.checks import check_event
from tests.connectors.channels.case import RECEIVED_MS, VendorCase
from tests.connectors.channels.vendors import chatwoot, freshdesk, front, helpscout, intercom, zendesk
from tests.streams.shared import SHARED

CASES = {
    case.connector.vendor: case
    for case in (chatwoot.CASE, freshdesk.CASE, front.CASE, helpscout.CASE, intercom.CASE, zendesk.CASE)
}
#: What is no payload: documents and schemas.
NO_PAYLOADS = (".md", ".schema.json")


def bodies(path: Path) -> list[bytes]:
    """The payloads of a file: one, or one per line."""
    raw = path.read_bytes()
    if path.suffix == ".jsonl":
        return raw.splitlines()
    document = json.loads(raw)
    return [json.dumps(document["body"]).encode() if "_headers" in document else raw]


def outcome(case: VendorCase, body: bytes, headers: dict[str, str]) -> list[str]:
    """The types of the events, and what is ignored or parked."""
    parsed = case.connector.parse(Delivery("POST", "", headers, body, RECEIVED_MS), case.source())
    for event in parsed.events:
        check_event(event)
    return [
        *(event.type for event in parsed.events),
        *(f"ignored {code}" for code in parsed.ignored),
        *(f"parked {piece.detail}" for piece in parsed.parked),
    ]


@pytest.mark.parametrize("vendor", CASES)
def test_every_payload_leads_somewhere(vendor: str) -> None:
    folder = SHARED / "webhooks" / vendor
    if not folder.is_dir():
        pytest.skip(f"no payloads of {vendor} in {SHARED}")
    table = {}
    for path in sorted(each for each in folder.iterdir() if not each.name.endswith(NO_PAYLOADS)):
        for number, body in enumerate(bodies(path)):
            found = outcome(CASES[vendor], body, {})
            assert found, path.name
            table[f"{path.name}:{number}"] = found
    print(json.dumps(table, indent=1))
