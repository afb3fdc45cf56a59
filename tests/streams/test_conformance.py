"""The worked cases of the contract, where they are at hand."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas import documents, times
from streams.replay import Replay
from streams.sla import policy_file
from tests.streams.shared import shared_file

AS_OF = times.parse("2026-06-01T00:00:00.000Z")
#: The cases say nothing about these.
NOT_COMPARED = {
    "revision",
    "retracted",
    "policy_version",
    "score_min",
    "score_max",
    "tenant",
    "fact_id",
    "conversation_id",
}

Json = dict[str, Any]
FactKey = tuple[str, str]


def load(name: str) -> list[Json]:
    return [json.loads(line) for line in shared_file(f"conformance/{name}").read_text(encoding="utf-8").splitlines()]


def arranged(events: list[Json], seed: int | None) -> list[Json]:
    """As they are, or shuffled with duplicates."""
    if seed is None:
        return events
    rng = random.Random(seed)
    found = events + [event for event in events if rng.random() < 0.3]
    rng.shuffle(found)
    return found


def replayed(events: list[Json]) -> dict[FactKey, Json]:
    replay = Replay()
    for event in events:
        replay.add(documents.parse_event(json.dumps(event).encode()))
    book = policy_file.load(shared_file("conformance/policies.yaml"))
    return by_key(documents.fact_document(fact) for fact in replay.facts(book, AS_OF))


def by_key(facts: Any) -> dict[FactKey, Json]:
    return {
        (fact["tenant"], fact["fact_id"]): {k: v for k, v in fact.items() if k not in NOT_COMPARED} for fact in facts
    }


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_every_case_has_exactly_its_facts(seed: int | None) -> None:
    cases = load("cases.jsonl")
    found = replayed(arranged([event for case in cases for event in case["events"]], seed))
    assert cases
    for case in cases:
        mine = {(event["tenant"], event["conversation_id"]) for event in case["events"]}
        assert {k: v for k, v in found.items() if (k[0], k[1].split("/")[0]) in mine} == by_key(case["facts"]), case[
            "why"
        ]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_wandering_conversations_have_exactly_their_facts(seed: int | None) -> None:
    assert replayed(arranged(load("wander.events.jsonl"), seed)) == by_key(load("wander.facts.jsonl"))


def test_the_contracts_own_checker_is_satisfied_by_the_command() -> None:
    command = f"{sys.executable} -m supportpulse replay"
    done = subprocess.run(
        [sys.executable, str(shared_file("conformance/check.py")), "--command", command],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["1296 passed, 0 failed"]), done.stdout + done.stderr
