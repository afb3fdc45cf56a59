"""What is said of a broker's topics: each thing that can be wrong is found, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.topics import Topics
from supportpulse.doctor import broker
from supportpulse.doctor.findings import Findings

TOPICS = Topics()
EVENTS = TOPICS.interactions


def levels(found: Findings) -> dict[str, str]:
    return {each.check: each.level for each in found}


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ({EVENTS: 4, TOPICS.conversation_state: 4, TOPICS.facts: 4}, "ok"),
        ({EVENTS: 4, TOPICS.conversation_state: 8, TOPICS.facts: 4}, "error"),
        ({EVENTS: 4, TOPICS.conversation_state: 4, TOPICS.facts: 8}, "warning"),
    ],
)
def test_partitions_that_belong_together_are_as_many(counts: dict[str, int], level: str) -> None:
    assert levels(broker.partition_counts(counts, TOPICS)) == {"partitions": level}


def partition(replicas: int, in_step: int) -> Mapping[str, Any]:
    return {"partitions": [{"replica_nodes": [*range(replicas)], "isr_nodes": [*range(in_step)]}]}


@pytest.mark.parametrize(
    ("replicas", "in_step", "brokers", "level"),
    [(3, 3, 3, "ok"), (3, 2, 3, "error"), (1, 1, 3, "warning"), (1, 1, 1, "warning"), (2, 2, 2, "ok")],
)
def test_replicas(replicas: int, in_step: int, brokers: int, level: str) -> None:
    found = broker.replication({EVENTS: partition(replicas, in_step)}, brokers)
    assert levels(found) == {"replicas": level}


COMPACTED = {"cleanup.policy": "compact", "max.message.bytes": str(8 << 20)}
RIGHT = {"min.insync.replicas": "2", "retention.ms": str(30 * 86_400_000), "cleanup.policy": "delete"}


@pytest.mark.parametrize(
    ("said", "replicas", "wrong"),
    [
        ({}, 3, {}),
        ({"min.insync.replicas": "1"}, 3, {"min.insync.replicas": "error"}),
        ({"min.insync.replicas": "1"}, 1, {}),
        ({"min.insync.replicas": "3"}, 2, {"min.insync.replicas": "error"}),
        ({"retention.ms": str(6 * 86_400_000)}, 3, {"retention": "error"}),
        ({"retention.ms": str(7 * 86_400_000)}, 3, {}),
        ({"retention.ms": "-1"}, 3, {}),
        ({"cleanup.policy": "compact,delete"}, 3, {"cleanup.policy": "error"}),
    ],
)
def test_settings_of_events(said: dict[str, str], replicas: int, wrong: dict[str, str]) -> None:
    configs = {EVENTS: RIGHT | said, TOPICS.conversation_state: COMPACTED}
    found = levels(broker.settings(configs, TOPICS, replicas))
    assert (
        found
        == dict.fromkeys(("min.insync.replicas", "retention", "cleanup.policy", "max.message.bytes"), "ok") | wrong
    )


def test_a_changelog_that_is_deleted_by_age_forgets_state() -> None:
    configs = {EVENTS: RIGHT, TOPICS.conversation_state: {"cleanup.policy": "delete"}}
    assert levels(broker.settings(configs, TOPICS, 3))["cleanup.policy"] == "error"


def test_a_topic_that_was_made_for_smaller_records() -> None:
    configs = {EVENTS: RIGHT, TOPICS.conversation_state: COMPACTED | {"max.message.bytes": "1048588"}}
    (found,) = (one for one in broker.settings(configs, TOPICS, 3) if one.check == "max.message.bytes")
    assert found.level == "warning"
    assert found.remedy.startswith(f"set it to {8 << 20} for {TOPICS.conversation_state}")


def test_a_broker_that_tells_nothing_is_not_blamed() -> None:
    configs: dict[str, dict[str, str]] = {EVENTS: {}, TOPICS.conversation_state: {}}
    assert set(levels(broker.settings(configs, TOPICS, 1)).values()) == {"unknown"}
