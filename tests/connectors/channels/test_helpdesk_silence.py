"""Whatever a help desk sends, something is said about it: events, a code, a parked piece or a refusal."""

from __future__ import annotations

import json
import random

import pytest

from tests.connectors.channels.case import SECRET, Sample, VendorCase
from tests.connectors.channels.test_mutations import REPLACEMENTS, mutated, outcome, paths
from tests.connectors.channels.vendors import chatwoot, freshdesk, front, helpscout, intercom, zendesk

#: Of each, something that it does not send today, with little more than its name.
UNKNOWN: tuple[tuple[VendorCase, dict[str, object], dict[str, str]], ...] = (
    (chatwoot.CASE, {"event": "conversation_teleported"}, {}),
    (freshdesk.CASE, {"event": "onTeleport", "data": {}}, {}),
    (front.CASE, {"type": "teleported", "payload": {"id": "evt_1"}}, {}),
    (helpscout.CASE, {}, {"x-helpscout-event": "convo.teleported"}),
    (intercom.CASE, {"topic": "conversation.teleported", "data": {"item": {"type": "conversation"}}}, {}),
    (zendesk.CASE, {"type": "zen:event-type:ticket.teleported", "detail": {}}, {}),
    (zendesk.CASE, {"type": "zen:event-type:messaging_ticket.teleported"}, {}),
)
CASES = [module.CASE for module in (chatwoot, freshdesk, front, helpscout, intercom, zendesk)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.connector.vendor)
def test_nothing_is_dropped_in_silence(case: VendorCase) -> None:
    chance = random.Random(20)
    for number, sample in enumerate(case.samples):
        for _ in range(40):
            document = json.loads(sample.body)
            document = mutated(document, chance.choice(list(paths(document))), chance.choice(REPLACEMENTS))
            parsed = outcome(case, number, json.dumps(document).encode())
            assert parsed is None or parsed.events or parsed.ignored or parsed.parked, document


@pytest.mark.parametrize(("case", "body", "headers"), UNKNOWN)
def test_what_is_not_known_is_kept_whatever_its_shape(
    case: VendorCase, body: dict[str, object], headers: dict[str, str]
) -> None:
    sample = Sample("one", json.dumps(body).encode(), headers=headers)
    parsed = case.connector.parse(case.sign(sample, SECRET), case.source())
    assert (parsed.events, parsed.ignored, len(parsed.parked)) == ([], [], 1)
