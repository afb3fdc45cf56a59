"""The simulated traffic goes on where it stopped, however it stopped."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from schemas import times
from supportpulse.broker import TansuBroker
from supportpulse.up.feed import Feed, SimulationMemo, SimulationMemoUnreadable, plan
from tests.cli.command import run

_NOW_MS = times.parse("2026-06-10T12:00:00.000Z")
_LATER_MS = _NOW_MS + 3_600_000


def test_history_that_was_stopped_midway_is_published_by_the_next_run(own_tansu: TansuBroker, tmp_path: Path) -> None:
    memo = tmp_path / "simulation.json"
    first = plan(memo, days=0.5, conversations_per_day=200, seed=2, now_ms=_NOW_MS)
    stopped = Feed(first, own_tansu.address, memo)
    stopped.stop()
    stopped.history(_NOW_MS)
    again = plan(memo, days=9, conversations_per_day=9, seed=9, now_ms=_LATER_MS)
    assert (again.config, again.since_ms) == (first.config, first.since_ms)
    whole = Feed(again, own_tansu.address, memo)
    whole.history(_NOW_MS)
    fresh = Feed(first, own_tansu.address, tmp_path / "other.json")
    fresh.history(_NOW_MS)
    assert stopped.published == 0
    assert whole.published == fresh.published > 100
    assert plan(memo, days=9, conversations_per_day=9, seed=9, now_ms=_LATER_MS).from_ms == _NOW_MS - 600_000


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """What a run left behind that simulated half a day."""
    memo = tmp_path / "simulation.json"
    memo.write_bytes(msgspec.json.encode(SimulationMemo(2, 200.0, _NOW_MS - 43_200_000, _NOW_MS, 0.5)))
    return memo


@pytest.mark.parametrize(
    ("said", "ignored"),
    [
        ({}, None),
        ({"days": 0.5, "conversations_per_day": 200.0, "seed": 2}, None),
        ({"seed": 3}, "--seed 3"),
        ({"days": 1.0, "conversations_per_day": 10_000.0, "seed": 2}, "--days 1, --conversations 10000"),
    ],
)
def test_what_a_simulation_that_goes_on_does_not_follow_is_said(
    begun: Path, said: dict[str, float], ignored: str | None
) -> None:
    with capture_logs() as logs:
        found = plan(begun, **said, now_ms=_LATER_MS)  # type: ignore[arg-type]
    assert (found.config.seed, found.config.conversations_per_day, found.days) == (2, 200.0, 0.5)
    assert [line["ignored"] for line in logs] == ([] if ignored is None else [ignored])
    assert all(line["began_with"] == "--days 0.5, --conversations 200, --seed 2" for line in logs)


def test_what_an_earlier_release_remembers_is_gone_on_with(begun: Path) -> None:
    begun.write_bytes(b'{"seed":2,"conversations_per_day":200,"since_ms":1,"reached_ms":2}')
    with capture_logs() as logs:
        assert plan(begun, seed=2, now_ms=_LATER_MS).since_ms == 1
    assert logs == []


@pytest.mark.parametrize("damaged", [b"", b'{"seed":2', b"\xff", b'{"seed":"two"}'])
def test_a_damaged_memo_is_an_error_that_says_what_to_do(begun: Path, damaged: bytes) -> None:
    begun.write_bytes(damaged)
    with pytest.raises(SimulationMemoUnreadable, match=r"simulation\.json .*remove it.*--data-dir"):
        plan(begun, now_ms=_LATER_MS)


def test_up_ends_with_that_error(begun: Path) -> None:
    begun.write_bytes(b"")
    done = run(begun.parent, "up", "--data-dir", ".")
    assert done.status == 1
    assert "simulation.json" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
