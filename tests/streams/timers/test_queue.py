"""The queue of what is due: everything handed out in time, nothing lost, whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.timers.queue import DueQueue

HOUR_MS = 3_600_000
instants = st.integers(-10_000, 40 * HOUR_MS)


@given(st.lists(st.tuples(instants, st.integers(0, 30).map(str)), max_size=60), st.lists(instants, max_size=8))
def test_whoever_is_due_is_handed_out_from_then_on_until_it_is_discarded(
    hints: list[tuple[int, str]], looks: list[int]
) -> None:
    queue = DueQueue()
    pushed: list[tuple[int, str]] = []
    looked = sorted(looks)
    for number, look in enumerate(looked):
        for due_ms, name in hints[number :: len(looked)]:
            queue.push(due_ms, name)
            pushed.append((due_ms, name))
        assert queue.ripe(look) == {name for due_ms, name in pushed if due_ms < look}


@given(st.lists(st.tuples(instants, st.integers(0, 30).map(str)), min_size=1, max_size=60), instants)
def test_the_next_instant_is_never_later_than_the_first_that_was_not_handed_out(
    hints: list[tuple[int, str]], look: int
) -> None:
    queue = DueQueue()
    for due_ms, name in hints:
        queue.push(due_ms, name)
    queue.ripe(look)
    left = [due_ms for due_ms, _ in hints if due_ms >= look]
    next_ms = queue.next_ms(look)
    assert (next_ms is None) == (not left)
    if next_ms is not None:
        assert next_ms <= min(left)
        assert queue.next_ms(min(left)) == min(left), "once it is near, to the millisecond"


def test_what_was_discarded_comes_again_with_its_next_hint() -> None:
    queue = DueQueue()
    queue.push(5, "c")
    assert queue.ripe(5) == set(), "at the instant itself nothing is due"
    assert queue.ripe(6) == {"c"}
    queue.discard("c")
    assert queue.ripe(7) == set()
    queue.push(HOUR_MS, "c")
    assert queue.ripe(HOUR_MS) == set()
    assert queue.ripe(HOUR_MS + 1) == {"c"}
    assert len(queue) == 1
