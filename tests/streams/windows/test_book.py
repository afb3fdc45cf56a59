from __future__ import annotations

import pytest

from schemas.records import MetricWindow
from streams.windows.book import WindowBook
from streams.windows.deltas import DeltaBuilder, decode
from streams.windows.shape import HORIZON_PANES, PANE_MS, WINDOW_SECONDS
from tests.streams.windows.harness import DAY_MS, NOW, Rig, fact, find

# NOW is on the grid, so a fact that ended just before it is in the window that ends with it.
ENDED = NOW - 1


def counts(windows: list[MetricWindow]) -> dict[int, int]:
    return {window.window_seconds: window.count for window in windows if window.dimension == "all"}


def test_a_fact_is_counted_in_all_its_series_and_sizes() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED, team="vip", agent_id="a1", priority="high"))
    said = rig.refresh()
    assert {(w.dimension, w.dimension_value, w.window_seconds) for w in said} == {
        (dimension, value, seconds)
        for dimension, value in [
            ("all", ""),
            ("channel", "email"),
            ("team", "vip"),
            ("agent", "a1"),
            ("priority", "high"),
        ]
        for seconds in WINDOW_SECONDS
    }
    assert {w.count for w in said} == {1}


def test_what_the_fact_does_not_say_makes_no_series() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED))
    assert {window.dimension for window in rig.refresh()} == {"all", "channel"}


def test_windows_end_at_the_last_whole_five_seconds_and_span_their_size() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED))
    for window in rig.refresh(4_999):
        assert (window.window_start, window.window_end) == (NOW - window.window_seconds * 1000, NOW)


def test_what_did_not_change_is_not_said_again() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED))
    assert rig.refresh()
    assert rig.refresh() == []
    assert rig.refresh(10_000) == []
    rig.tell(fact(2, ended_at=NOW + 8_000, agent_id="a1"))
    assert {(w.dimension, w.count) for w in rig.refresh()} == {("all", 2), ("channel", 2), ("agent", 1)}


def test_a_window_that_becomes_empty_is_said_once_with_nothing_in_it() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED, metric="sla_resolution", outcome="met"))
    rig.refresh()
    said = rig.refresh(60_000)
    assert counts(said) == {60: 0}
    empty = find(said)
    assert (empty.mean_ms, empty.min_ms, empty.max_ms, empty.p50_ms, empty.p99_ms) == (None,) * 5
    assert (empty.met, empty.breached, empty.attainment) == (0, 0, None)
    assert rig.refresh(60_000) == []


def test_a_new_series_is_said_in_all_sizes_so_that_nothing_older_stands() -> None:
    rig = Rig()
    rig.refresh()
    rig.tell(fact(ended_at=NOW - 7_200_000))
    assert counts(rig.refresh()) == {60: 0, 300: 0, 900: 0, 3_600: 0, 86_400: 1}


def test_a_graded_metric_counts_cancelled_clocks_but_grades_without_them() -> None:
    rig = Rig()
    for number, outcome in enumerate(["met", "met", "breached", "cancelled"]):
        rig.tell(fact(number, metric="sla_resolution", outcome=outcome, ended_at=ENDED))
    window = find(rig.refresh())
    assert (window.count, window.met, window.breached, window.attainment) == (4, 2, 1, 2 / 3)


def test_other_metrics_have_no_grades() -> None:
    rig = Rig()
    rig.tell(fact(metric="resolution", outcome="met", ended_at=ENDED))
    window = find(rig.refresh())
    assert (window.met, window.breached, window.attainment) == (None, None, None)


def test_a_revision_replaces_the_fact_it_revises() -> None:
    rig = Rig()
    rig.tell(fact(value_ms=10, ended_at=ENDED))
    rig.refresh()
    rig.tell(fact(value_ms=70, ended_at=ENDED, agent_id="a1", revision=2))
    window = find(rig.refresh())
    assert (window.count, window.min_ms, window.max_ms, window.p50_ms) == (1, 70, 70, 70)


def test_a_future_fact_waits_until_it_is_due() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=NOW + DAY_MS + 1))
    assert set(counts(rig.refresh()).values()) == {0}
    assert rig.refresh(DAY_MS) == []
    assert set(counts(rig.refresh(5_000)).values()) == {1}


def test_a_future_fact_can_be_revised_before_it_is_due() -> None:
    rig = Rig()
    rig.tell(fact(value_ms=10, ended_at=NOW + 60_000))
    rig.refresh()
    rig.tell(fact(value_ms=20, ended_at=NOW + 30_000, revision=2))
    rig.refresh(90_000)
    rig.assert_right()


def test_chunks_repeated_with_other_boundaries_count_once() -> None:
    rig = Rig()
    for number in range(20):
        rig.change(fact(number, ended_at=ENDED), fact(100 + number, ended_at=ENDED, tenant="globex"))
    assert rig.send(0, 8) == 16
    assert rig.send(3, 11) == 6
    assert rig.send(0, 5) == 0
    assert rig.send(0) == 18
    rig.refresh()
    rig.assert_right()


def test_offsets_of_different_source_partitions_do_not_hide_each_other() -> None:
    rig = Rig()
    rig.change(fact(1, ended_at=ENDED))
    assert (rig.send(0, partition=0), rig.send(0, partition=1), rig.send(0, partition=1)) == (1, 1, 0)


def test_a_later_epoch_begins_the_offsets_anew_and_keeps_what_is_held() -> None:
    rig = Rig()
    rig.tell(fact(1, ended_at=ENDED))
    rig.change(fact(2, ended_at=ENDED))
    rig.log.pop(0)
    assert rig.send(0, epoch=0) == 0
    assert rig.send(0, epoch=1) == 1
    assert rig.send(0, epoch=1) == 0
    rig.refresh()
    rig.assert_right()


def test_an_earlier_epoch_changes_nothing() -> None:
    rig = Rig()
    rig.tell(fact(1, ended_at=ENDED))
    assert rig.send(0, epoch=5) == 1
    rig.change(fact(2, ended_at=ENDED, tenant="globex"))
    assert rig.send(1, epoch=4) == 0


def test_a_removal_without_its_addition_takes_nothing_away() -> None:
    rig = Rig()
    rig.change(fact(1, value_ms=10, ended_at=ENDED))
    rig.change(fact(1, value_ms=20, ended_at=ENDED, revision=2), fact(2, value_ms=30, ended_at=ENDED))
    rig.send(1)
    rig.refresh()
    rig.assert_right()
    rig.tell(fact(1, retracted=True, revision=3))
    rig.tell(fact(2, retracted=True, revision=2))
    rig.refresh()
    rig.assert_right()
    assert rig.book.facts == 0


def test_facts_older_than_a_day_are_not_kept_and_make_no_series() -> None:
    rig = Rig()
    rig.refresh()
    rig.tell(fact(ended_at=NOW - DAY_MS, agent_id="a1"))
    assert (rig.book.facts, rig.book.series, rig.refresh()) == (0, 0, [])


def test_a_revision_of_a_fact_that_has_left_changes_nothing() -> None:
    rig = Rig()
    rig.tell(fact(1, value_ms=10, ended_at=ENDED), fact(2, value_ms=99, ended_at=NOW + 3_600_000))
    rig.refresh(DAY_MS + 5_000)
    rig.tell(fact(1, value_ms=11, ended_at=ENDED, revision=2))
    assert rig.refresh() == []
    rig.assert_right()


def test_everything_is_given_back_once_it_is_over() -> None:
    rig = Rig()
    for day in range(4):
        for number in range(300):
            rig.tell(fact(number + 1_000 * day, ended_at=rig.now_ms - number * 20_000, agent_id=f"d{day}a{number}",
                          value_ms=number * number))  # fmt: skip
        rig.refresh()
        assert (rig.book.facts, rig.book.series) == (300, 302)
        said = rig.refresh(DAY_MS + PANE_MS)
        assert {window.count for window in said} == {0}
        assert (rig.book.facts, rig.book.series) == (0, 0)
        assert rig.sketch_pages == 0
        rig.assert_right()


def test_what_is_retracted_is_given_back_too() -> None:
    rig = Rig()
    rig.tell(fact(1, ended_at=ENDED, agent_id="a1"), fact(2, ended_at=ENDED, agent_id="a1"))
    rig.refresh()
    rig.tell(fact(1, retracted=True, revision=2), fact(2, retracted=True, revision=2))
    rig.refresh()
    rig.assert_right()
    assert (rig.book.facts, rig.book.series, rig.sketch_pages) == (0, 0, 0)


def test_facts_that_look_the_same_are_taken_away_one_by_one() -> None:
    rig = Rig()
    rig.tell(*(fact(number, ended_at=ENDED) for number in range(4)))
    rig.tell(*(fact(number, retracted=True, revision=2) for number in range(2)))
    for _ in range(2):
        rig.refresh()
        rig.assert_right()
        rig.refresh(60_000)
        rig.assert_right()


def test_a_series_knows_nothing_of_one_that_had_its_place_before() -> None:
    rig = Rig()
    rig.tell(fact(1, value_ms=1, ended_at=NOW - 7_200_000, metric="reopen"))
    rig.refresh()
    rig.tell(fact(1, retracted=True, metric="reopen", revision=2))
    rig.refresh()
    assert rig.book.series == 0
    rig.tell(fact(2, value_ms=50, ended_at=NOW - 7_200_000), fact(3, value_ms=10, ended_at=NOW - 10_800_000))
    assert counts(rig.refresh()) == {60: 0, 300: 0, 900: 0, 3_600: 0, 86_400: 2}
    rig.tell(fact(3, retracted=True, revision=2))
    assert find(rig.refresh(), 86_400).min_ms == 50


def test_a_future_fact_that_was_slept_through_leaves_no_trace() -> None:
    rig = Rig()
    slept_ms = DAY_MS + 600_000
    rig.tell(fact(1, value_ms=1, ended_at=NOW + 60_000))
    rig.tell(fact(2, value_ms=50, ended_at=NOW + 60_000 + slept_ms))
    rig.tell(fact(3, value_ms=10, ended_at=NOW + slept_ms - 600_000))
    rig.refresh()
    rig.refresh(slept_ms + 120_000)
    rig.tell(fact(3, retracted=True, revision=2))
    assert find(rig.refresh(), 86_400).min_ms == 50


def test_an_earlier_now_counts_as_the_latest_one() -> None:
    rig = Rig()
    rig.refresh()
    rig.tell(fact(ended_at=ENDED))
    assert {window.window_end for window in rig.book.refresh(NOW - 3_600_000)} == {NOW}


def test_a_book_rebuilt_from_the_log_says_the_same() -> None:
    rig = Rig()
    for number in range(200):
        rig.tell(fact(number % 150, value_ms=number, ended_at=NOW - number * 500_000, agent_id=f"a{number % 7}"))
    rig.refresh()
    again = Rig()
    again.log, again.facts = rig.log, rig.facts
    for first in range(0, 200, 30):
        again.send(first, first + 60)
    again.refresh()
    again.assert_right()
    assert {key: window for key, window in again.standing.items() if window.count} == {
        key: window for key, window in rig.standing.items() if window.count
    }


def test_a_rebuilt_book_says_that_windows_are_empty_whose_facts_left_meanwhile() -> None:
    rig = Rig()
    rig.tell(fact(ended_at=ENDED, agent_id="a1"))
    rig.refresh()
    rebuilt = Rig()
    rebuilt.log, rebuilt.now_ms, rebuilt.standing = rig.log, NOW + DAY_MS + 3_600_000, rig.standing
    rebuilt.send(0)
    rebuilt.refresh()
    assert {window.count for window in rebuilt.standing.values()} == {0}
    assert rebuilt.book.series == 0


@pytest.mark.parametrize("gap_ms", [PANE_MS, 3_600_000, DAY_MS - PANE_MS, DAY_MS, 400 * DAY_MS])
def test_a_book_that_was_asleep_wakes_up_right(gap_ms: int) -> None:
    rig = Rig()
    for number in range(60):
        rig.change(fact(number, value_ms=number, ended_at=NOW - 7_200_000 + number * 240_000))
    rig.send(0)
    rig.refresh()
    rig.assert_right()
    rig.refresh(gap_ms)
    rig.assert_right()


def test_more_rows_than_fit_a_chunk_are_counted_all() -> None:
    book = WindowBook()
    builder = DeltaBuilder(0, 0)
    for number in range(70_000):
        builder.replace(None, fact(value_ms=number, ended_at=ENDED - number % 3_000_000), number)
    book.apply(decode(builder.take()["acme"]), NOW)
    day = find(book.refresh(NOW), 86_400)
    assert (day.count, day.min_ms, day.max_ms, day.mean_ms) == (70_000, 0, 69_999, 34_999.5)
    assert day.p99_ms == pytest.approx(0.99 * 69_999, rel=0.01)


def test_the_horizon_is_the_longest_window() -> None:
    assert HORIZON_PANES * PANE_MS == DAY_MS == max(WINDOW_SECONDS) * 1000
