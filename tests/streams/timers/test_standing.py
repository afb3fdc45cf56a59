"""Live figures kept by differences are those of counting everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.partition.packing import names_of, unpack
from streams.partition.store import Store
from streams.timers.standing import Board, Figures, Group, Waits, standing, together
from tests.streams.partition.harness import Partition, cut, tick
from tests.streams.partition.test_law import arrivals
from tests.streams.stories import clock, story
from tests.streams.strategies import LAST_MS, instants
from tests.streams.timers.test_due import PLAIN, partition_of
from tests.streams.timers.test_law import END_MS, with_ticks


def counted(store: Store) -> dict[Group, Figures]:
    """By looking at every conversation."""
    board = Board()
    for key, packed in store.heads.items():
        head = unpack(packed)
        board.replace(None, standing(names_of(key)[0], head.fold, head.timers.raised))
    return filled(board.figures())


def filled(figures: Mapping[Group, Figures]) -> dict[Group, Figures]:
    """Groups that have something to show."""
    shown = {
        group: Figures(
            one.waiting, one.oldest_ms, Counter({share: n for share, n in one.at_risk.items() if n}), one.breached
        )
        for group, one in figures.items()
    }
    return {group: one for group, one in shown.items() if one != Figures()}


@given(arrivals(), st.lists(instants, max_size=6), st.sets(st.integers(0, 60), max_size=6))
@settings(max_examples=60, deadline=None)
def test_differences_add_up(told: list[InteractionEvent], looks: list[EpochMs], ends: set[int]) -> None:
    partition = Partition()
    for piece in cut(with_ticks(told, looks), ends):
        partition.feed(piece)
        assert filled(partition.store.board.figures()) == counted(partition.store)


@given(arrivals(), st.integers(0, 40), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_counting_beside_the_work_after_a_recovery_comes_to_the_same(
    told: list[InteractionEvent], position: int, pace: int
) -> None:
    log = with_ticks(told, [LAST_MS])
    first = Partition()
    first.feed(log[:position])
    second = Partition()
    second.store.heads.update(first.store.heads)
    second.store.segments.update(first.store.segments)
    second.store.applied = first.store.applied
    second.store.index_due()
    for number in range(position, len(log)):
        second.store.count_some(pace)
        # Its versions go on where the first one's stopped, which is not what is looked at here.
        second.reader = first.reader
        second.feed(log[number : number + 1])
    while second.store.count_some(2):
        pass
    assert filled(second.store.board.figures()) == counted(second.store)


def test_what_is_said_of_a_group() -> None:
    (waiting,) = story("09:00:30 customer message team=vip")
    partition = partition_of(PLAIN, [waiting])
    group = ("acme", "live_chat", "vip")
    found = together([partition.store.board])[group]
    assert (found.waiting, found.oldest_ms, found.breached) == (1, clock("09:00:30"), 0)
    partition.feed([tick(1, clock("09:04"))])
    assert partition.store.board.figures()[group].at_risk == {0.5: 1}
    partition.feed([tick(2, END_MS)])
    assert partition.store.board.figures()[group].breached == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20_000)), max_size=60))
def test_the_oldest_wait_is_the_oldest(steps: list[tuple[bool, int]]) -> None:
    waits, there = Waits(), Counter[int]()
    for added, since_ms in steps:
        if added:
            waits.add(since_ms)
            there[since_ms] += 1
        elif there[since_ms]:
            waits.remove(since_ms)
            there[since_ms] -= 1
        left = [since for since, n in there.items() if n]
        assert waits.oldest_ms == (min(left) // 1000 * 1000 if left else None)
