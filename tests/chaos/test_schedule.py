"""The schedule is the seed's, and has some of everything."""

from __future__ import annotations

from collections import Counter

from chaos.schedule import KINDS, Pace, plan


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    assert plan(50, 1) == plan(50, 1)
    assert plan(50, 1) != plan(50, 2)
    assert plan(50, 1)[:20] == plan(20, 1)


def test_every_kind_comes_once_before_any_comes_twice() -> None:
    for seed in range(20):
        kinds = [fault.kind for fault in plan(len(KINDS) + 5, seed)]
        assert set(kinds[: len(KINDS)]) == set(KINDS)


def test_what_lasts_lasts_long_enough_and_pauses_are_within_bounds() -> None:
    pace = Pace(least_pause_seconds=2, longest_pause_seconds=3, freeze_seconds=9, outage_seconds=60)
    found = plan(300, 3, pace)
    assert all(2 <= fault.pause_seconds <= 3 for fault in found)
    assert all(fault.seconds >= 9 for fault in found if fault.kind.startswith("freeze"))
    assert all(fault.seconds >= 60 for fault in found if fault.kind.startswith("outage"))
    assert Counter(fault.kind for fault in found)["kill_worker"] > 300 / len(KINDS)
