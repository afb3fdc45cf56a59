"""Compiled and plain, the same history comes to the same facts, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import times
from speedups.project import PLAIN
from supportpulse.up.live import simulator_policies
from tests.cli.command import environment, run
from tests.speedups import asking
from tests.streams.shared import shared_file
from tests.up.runs import traffic, write_events

_START_MS = times.parse("2026-03-27T00:00:00.000Z")
_DAY_MS = 86_400_000


def facts(cwd: Path, events: Path, policies: Path, plain: bool) -> bytes:
    """What `supportpulse replay` comes to."""
    written = cwd / f"facts-{plain}.jsonl"
    env = {**environment(), PLAIN: "1" if plain else "0"}
    done = run(cwd, "replay", "--events", events, "--policies", policies, "--facts", written, env=env)
    assert (done.status, "Traceback" in done.err) == (0, False), done.err
    return written.read_bytes()


@pytest.fixture(autouse=True)
def _compiled() -> None:
    asking.compiled_code()


def test_over_the_worked_history(tmp_path: Path) -> None:
    events, policies = shared_file("conformance/wander.events.jsonl"), shared_file("conformance/policies.yaml")
    found = facts(tmp_path, events, policies, plain=False)
    assert found.count(b"\n") > 100
    assert found == facts(tmp_path, events, policies, plain=True)


def test_over_days_of_simulated_traffic(tmp_path: Path) -> None:
    # Over the night in which Europe's clocks go forward.
    events = write_events(tmp_path / "e.jsonl", traffic(_START_MS, _START_MS + 4 * _DAY_MS, per_day=500))
    found = facts(tmp_path, events, simulator_policies(), plain=False)
    assert found.count(b"\n") > 1_000
    assert found == facts(tmp_path, events, simulator_policies(), plain=True)
