"""Whatever happens to facts and batches, the book says what a plain computation over the final facts says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import MetricFact
from streams.windows.batch import windows_at
from streams.windows.shape import PANE_MS
from tests.streams.windows.harness import DAY_MS, NOW, Rig, fact, key_of


@dataclass(frozen=True)
class Change:
    """An event that makes a version of some facts current."""

    versions: list[MetricFact]


@dataclass(frozen=True)
class Send:
    """What was not sent yet, begun `again` events before that and in chunks of `chunk` events."""

    again: int
    chunk: int


@dataclass(frozen=True)
class Refresh:
    later_ms: int


# Around now, around the ends of the windows, older than all of them, and yet to come.
ENDED = st.one_of(
    st.integers(-70_000, 10_000),
    st.sampled_from([-60_000, -300_000, -900_000, -3_600_000, -DAY_MS]).flatmap(
        lambda edge: st.integers(edge - 6_000, edge + 6_000)
    ),
    st.integers(-DAY_MS - 3_600_000, 3_600_000),
)
VALUES = st.one_of(st.integers(0, 300), st.integers(0, 10**7), st.sampled_from([0, 1, 2**32 - 1, 2**32, 10**13]))
LATER_MS = st.one_of(
    st.integers(0, 11_000), st.integers(0, 400_000), st.sampled_from([PANE_MS, 3_600_000, DAY_MS - 5_000, 2 * DAY_MS])
)


@st.composite
def versions(draw: st.DrawFn) -> MetricFact:
    graded = draw(st.booleans())
    priorities: list[Literal["high", "low"] | None] = [None, "high", "low"]
    return fact(
        draw(st.integers(1, 12)),
        tenant=draw(st.sampled_from(["acme", "globex"])),
        metric="sla_resolution" if graded else "resolution",
        outcome=draw(st.sampled_from(["met", "breached", "cancelled"])) if graded else None,
        ended_at=draw(st.none() | ENDED.map(lambda offset: NOW + offset)),
        value_ms=draw(st.none() | VALUES),
        team=draw(st.sampled_from([None, "vip"])),
        agent_id=draw(st.sampled_from([None, "a1", "a2"])),
        priority=draw(st.sampled_from(priorities)),
        retracted=draw(st.integers(0, 5)) == 0,
    )


STEPS = st.lists(
    st.one_of(
        st.builds(Change, st.lists(versions(), min_size=1, max_size=4, unique_by=lambda f: (f.tenant, f.fact_id))),
        st.builds(Change, st.lists(versions(), min_size=1, max_size=4, unique_by=lambda f: (f.tenant, f.fact_id))),
        st.builds(Send, st.integers(0, 6), st.integers(1, 5)),
        st.builds(Refresh, LATER_MS),
    ),
    max_size=40,
)


def play(steps: list[Change | Send | Refresh]) -> None:
    rig, sent = Rig(), 0
    for step in [*steps, Send(3, 4), Refresh(0), Refresh(7_000), Refresh(DAY_MS)]:
        if isinstance(step, Change):
            rig.change(*step.versions)
        elif isinstance(step, Send):
            for first in range(max(0, sent - step.again), len(rig.log), step.chunk):
                rig.send(first, min(first + step.chunk, len(rig.log)))
            sent = len(rig.log)
        else:
            before = dict(rig.standing)
            said = rig.refresh(step.later_ms)
            assert len({key_of(window) for window in said}) == len(said)
            for window in said:
                assert window.window_end == rig.now_ms // PANE_MS * PANE_MS
                earlier = before.get(key_of(window))
                assert earlier is None or figures(earlier) != figures(window) or not window.count
            if sent == len(rig.log):
                rig.assert_right()


def figures(window: object) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(window)
    return {field: value for field, value in document.items() if field not in ("window_start", "window_end")}


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_history_of_facts_gives_the_windows_of_the_final_facts(steps: list[Change | Send | Refresh]) -> None:
    play(steps)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**8), min_size=3, max_size=400), st.integers(0, 3_600_000))
def test_quantiles_of_many_values_are_within_one_percent(values: list[int], spread_ms: int) -> None:
    rig = Rig()
    rig.change(
        *(fact(n, value_ms=value, ended_at=NOW - n * spread_ms // len(values)) for n, value in enumerate(values))
    )
    rig.send(0)
    rig.refresh(5_000)
    rig.assert_right()


@pytest.mark.parametrize("order", ["rising", "falling"])
def test_extremes_stay_exact_when_every_fact_that_leaves_is_one(order: str) -> None:
    rig = Rig()
    for first in range(0, 26 * 60, 40):
        for minute in range(first, first + 40):
            value = 2_000 + (minute if order == "rising" else -minute)
            rig.change(fact(minute, value_ms=value, ended_at=NOW + minute * 60_000, agent_id=f"a{minute % 3}"))
        rig.send(first)
        rig.refresh(39 * 60_000)
        rig.assert_right()
        rig.refresh(60_000)


def test_a_revision_of_the_least_value_of_a_long_past_block_is_found_again() -> None:
    rig = Rig()
    rig.change(*(fact(n, value_ms=100 + n, ended_at=NOW - n * 60_000) for n in range(1_400)))
    rig.send(0)
    rig.refresh(5_000)
    for number in (0, 1, 2, 700, 3, 1_399, 1_398):
        rig.tell(fact(number, value_ms=50_000 + number, ended_at=NOW - number * 60_000, revision=2))
        rig.refresh(2_000)
        rig.assert_right()


def test_the_reference_itself_counts_a_window_from_behind_its_start_to_its_end() -> None:
    end = NOW // PANE_MS * PANE_MS
    facts = [fact(n, value_ms=n, ended_at=at) for n, at in enumerate([end - 60_000, end - 59_999, end, end + 1])]
    minute = next(window for window in windows_at(facts, NOW) if window.window_seconds == 60)
    assert (minute.count, minute.min_ms, minute.max_ms, minute.mean_ms, minute.p50_ms) == (2, 1, 2, 1.5, 1.5)
    assert (minute.window_start, minute.window_end) == (end - 60_000, end)
