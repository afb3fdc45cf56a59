"""Whatever a help desk sends, something is said about it: events, a code, a parked piece or a refusal."""

from __future__ import annotations

import json
import random

import pytest

from tests.connectors.channels.case import VendorCase
from tests.connectors.channels.test_mutations import REPLACEMENTS, mutated, outcome, paths
from tests.connectors.channels.vendors import chatwoot, freshdesk, front, helpscout, intercom, zendesk

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
