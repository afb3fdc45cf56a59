from __future__ import annotations

import pytest

from bench import rates
from bench.contestants.meter import Clock, Mark

SECOND = 1_000_000_000


def marks(*points: tuple[float, int]) -> list[Mark]:
    """(second, events so far), with half of the time spent on the CPU."""
    return [Mark(int(at * SECOND), int(at * SECOND / 2), events) for at, events in points]


def test_a_rate_counts_from_the_end_of_the_warm_up_to_the_last_event() -> None:
    found = rates.stretch(marks((10.0, 1), (12.0, 101), (17.0, 1_101)))
    assert (found.events, found.seconds, found.rate) == (1_000, 5.0, 200.0)
    assert found.cpu_us == pytest.approx(2_500.0)


def test_a_slow_start_does_not_change_the_rate() -> None:
    quick = rates.stretch(marks((0.0, 1), (1.0, 100), (2.0, 1_000)))
    slow = rates.stretch(marks((0.0, 1), (61.0, 100), (62.0, 1_000)))
    assert quick.rate == slow.rate


def test_with_two_marks_there_is_no_warm_up() -> None:
    assert rates.stretch(marks((1.0, 100), (2.0, 300))).events == 200


@pytest.mark.parametrize("points", [(), ((1.0, 5),), ((1.0, 5), (2.0, 5))])
def test_nothing_to_measure_is_an_error_that_says_so(points: tuple[tuple[float, int], ...]) -> None:
    with pytest.raises(rates.NothingMeasured):
        rates.stretch(marks(*points))


def test_two_processes_count_from_the_moment_both_are_at_work_to_the_last_event_of_either() -> None:
    first = marks((0.0, 100), (4.0, 500), (10.0, 1_100))
    second = marks((4.0, 50), (12.0, 850))
    found = rates.together([first, second])
    assert (found.events, found.seconds) == (600 + 800, 8.0)


def test_processes_that_never_worked_at_the_same_time_are_no_measurement() -> None:
    with pytest.raises(rates.NothingMeasured):
        rates.together([marks((0.0, 1), (1.0, 10)), []])


def test_a_clock_stands_still_before_its_events_and_ends_with_the_last_one() -> None:
    clock = Clock(1_000, 2_000, events=100, after=10)
    assert [clock.now_ms(processed) for processed in (0, 10, 60, 110)] == [1_000, 1_000, 1_500, 2_000]


def test_a_quantile_is_the_number_below_which_its_share_lies() -> None:
    assert rates.quantile(range(100), 0.99) == 99
    assert rates.quantile(range(100), 0.5) == 50
    assert rates.quantile([], 0.5) is None


def test_what_is_compared_is_of_one_turn() -> None:
    # In every turn the first is twice as fast; the machine is not the same in any two.
    assert rates.compared([100.0, 20.0, 60.0], [50.0, 10.0, 30.0]) == 2.0
    assert rates.compared([100.0, 20.0, 66.0], [50.0, 10.0, 20.0]) == 2.0
    assert rates.compared([100.0], []) is None
    assert rates.compared([], [1.0]) is None
