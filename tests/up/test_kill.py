"""A run that is killed at any moment leaves nothing that the next one does not put right."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from schemas import times
from schemas.records import InteractionEvent
from sinks.clickhouse.embedded import EmbeddedDatabase
from tests.cli.command import children_of, command, environment
from tests.up.runs import Deployment, traffic, write_events

_HOUR_MS = 3_600_000
_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_END_MS = _BEGIN_MS + 30 * _HOUR_MS


def _killed(deployment: Deployment, files: list[Path], when: Callable[[str], bool]) -> None:
    """`up --once`, killed with -9 when what it has said so far is what `when` waits for."""
    log = deployment.home / "killed.log"
    with log.open("wb") as err:
        process = subprocess.Popen(
            command(*deployment.arguments(files, _END_MS)),
            cwd=deployment.home,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
    try:
        deadline = time.monotonic() + 60
        while not when(log.read_text(encoding="utf-8")):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.01)
        children = children_of(process.pid)
    finally:
        process.kill()
        process.wait()
    assert children
    _gone(children)


def _gone(pids: Sequence[int]) -> None:
    deadline = time.monotonic() + 5
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A directory in which two runs were killed, one at work and one while landing, and a third was not."""
    deployment = Deployment(tmp_path_factory.mktemp("killed"))
    files = [write_events(deployment.home / "events.jsonl", _events())]
    _killed(deployment, files, lambda said: "published" in said)
    _killed(deployment, files, lambda said: "processed" in said)
    deployment.once(files, _END_MS)
    return deployment


def _events() -> list[InteractionEvent]:
    return list(traffic(_BEGIN_MS, _END_MS, per_day=300))


def test_killed_at_work_and_while_landing_and_run_again(survivor: Deployment) -> None:
    survivor.check(_events(), _END_MS)
    survivor.check_windows(_events(), _END_MS)


def test_what_had_landed_without_its_other_half_is_put_right(survivor: Deployment) -> None:
    """As if a kill had come between two inserts: facts whose events are not there, and events without their facts."""
    survivor.check(_events(), _END_MS)
    database = EmbeddedDatabase(survivor.data_dir / "clickhouse")
    database.execute("DELETE FROM metric_facts WHERE sipHash64(fact_id, revision) % 3 = 0")
    database.execute("DELETE FROM interactions WHERE sipHash64(event_id) % 5 = 0 OR sipHash64(conversation_id) % 4 = 0")
    database.close()
    survivor.once([survivor.home / "events.jsonl"], _END_MS)
    survivor.check(_events(), _END_MS)
    survivor.check_windows(_events(), _END_MS)
