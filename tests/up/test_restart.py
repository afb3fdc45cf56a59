"""Runs that follow each other on one data directory come to what one run over everything would have come to."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas import times
from tests.up.runs import Deployment, traffic, write_events

_HOUR_MS = 3_600_000
_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_FIRST_MS = _BEGIN_MS + 30 * _HOUR_MS
_SECOND_MS = _BEGIN_MS + 36 * _HOUR_MS


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Two runs: the second has what came later, what was late, and a fifth of the first once more."""
    deployment = Deployment(tmp_path_factory.mktemp("restarted"))
    events = list(traffic(_BEGIN_MS, _SECOND_MS, per_day=500))
    chance = random.Random(7)
    late = {index for index in range(len(events)) if chance.random() < 0.05}
    first = [e for i, e in enumerate(events) if e.occurred_at < _FIRST_MS and i not in late]
    second = [e for i, e in enumerate(events) if e.occurred_at >= _FIRST_MS or i in late or chance.random() < 0.2]
    deployment.once([write_events(deployment.home / "1.jsonl", first)], _FIRST_MS)
    deployment.check(first, _FIRST_MS)
    before = deployment.number("SELECT max(revision) FROM metric_facts")
    deployment.once([write_events(deployment.home / "2.jsonl", second)], _SECOND_MS)
    assert deployment.number("SELECT max(revision) FROM metric_facts") > before
    return deployment


def test_a_restart_with_repeats_and_late_events_ends_where_one_run_would(restarted: Deployment) -> None:
    events = list(traffic(_BEGIN_MS, _SECOND_MS, per_day=500))
    restarted.check(events, _SECOND_MS)


def test_windows_after_a_restart_are_those_of_all_facts(restarted: Deployment) -> None:
    events = list(traffic(_BEGIN_MS, _SECOND_MS, per_day=500))
    restarted.check_windows(events, _SECOND_MS)


def test_a_run_that_changes_nothing_sends_no_new_version(restarted: Deployment, tmp_path: Path) -> None:
    versions = "SELECT sum(revision) FROM metric_facts FINAL"
    before = restarted.number(versions)
    done = restarted.once([write_events(tmp_path / "none.jsonl", [])], _SECOND_MS)
    assert "published 0 events" in done.err
    assert restarted.number(versions) == before
