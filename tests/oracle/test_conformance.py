"""The oracle is judged by the worked cases of the contract, as the product is: where they are at hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.documents import fact_document, parse_event
from tests.oracle import oracle
from tests.oracle.policies import Policies
from tests.streams.shared import shared_file
from tests.streams.test_conformance import AS_OF, FactKey, Json, by_key, load


def told(events: list[Json]) -> dict[FactKey, Json]:
    """The oracle's facts of these, as the cases have theirs."""
    policies = Policies(shared_file("conformance/policies.yaml").read_text(encoding="utf-8"))
    records = [parse_event(json.dumps(event).encode()) for event in events]
    return by_key(fact_document(fact) for fact in oracle.facts_of(records, policies, AS_OF).values())


def test_the_oracle_finds_the_facts_of_every_worked_case() -> None:
    cases: list[dict[str, Any]] = load("cases.jsonl")
    assert cases
    for case in cases:
        assert told(case["events"]) == by_key(case["facts"]), case["why"]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_oracle_finds_the_facts_of_the_wandering_conversations(backwards: bool) -> None:
    events = load("wander.events.jsonl")
    assert told(events[::-1] if backwards else events) == by_key(load("wander.facts.jsonl"))
