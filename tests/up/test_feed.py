"""The simulated traffic goes on where it stopped, however it stopped."""

from __future__ import annotations

from pathlib import Path

from schemas import times
from supportpulse.broker import TansuBroker
from supportpulse.up.feed import Feed, plan

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
