"""Whoever leaves memory and comes back makes no difference to anything that is sent."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from streams.partition import leaving
from streams.partition.leaving import WrongEvents, come_back
from streams.partition.left import Left
from streams.partition.packing import conversation_key
from streams.partition.store import HasLeft
from tests.streams.partition.harness import Partition, cut, expected, record, records, tick
from tests.streams.partition.leaving import LATER_MS, LeavingPartition, archived, come_back_all, meaning
from tests.streams.partition.test_chunk import long_story
from tests.streams.partition.test_law import ENDED_TWICE, SAME_NAMES, arrivals, boundaries, laws
from tests.streams.stories import clock, story
from tests.streams.strategies import LAST_MS, instants

DAY_MS = 86_400_000
KEY = conversation_key("acme", "c")

DONE = story(
    """
    09:00 customer message
    09:10 ana message
    09:20 ana resolved
    """
)
MERGED = story(
    """
    09:00 customer message
    09:10 system merged
    """
)


@given(arrivals(), boundaries, st.lists(st.tuples(st.integers(0, 40), instants), max_size=4))
@example(SAME_NAMES, set(range(40)), [])
@example(ENDED_TWICE, set(range(40)), [])
@laws
def test_leaving_whenever_it_is_possible_changes_nothing_that_is_sent(
    told: list[InteractionEvent], ends: set[int], ticks: list[tuple[int, int]]
) -> None:
    log: list[InteractionEvent | int] = [*told]
    for position, at_ms in ticks:
        log.insert(position, at_ms)
    published = [tick(offset, one) if isinstance(one, int) else record(offset, one) for offset, one in enumerate(log)]
    straight, leaver = Partition(), LeavingPartition(published)
    for piece in cut(published, ends):
        straight.feed(piece)
        leaver.feed(piece)
        leaver.feed([])
        assert leaver.reader.holding() == straight.reader.holding()
    assert [o.changes for o in leaver.outcomes if o.changes] == [o.changes for o in straight.outcomes if o.changes]
    assert leaver.alerts == straight.alerts
    # A tick may lie behind everything that was told, and nobody is judged back.
    latest_ms = max([LAST_MS, *(at_ms for _, at_ms in ticks)])
    # A drain takes the conversations as they lie in memory, in any order.
    ours, theirs = ({*map(repr, one.judge(latest_ms).changes)} for one in (leaver, straight))
    assert ours == theirs
    assert leaver.reader.holding() == expected(told, latest_ms)
    assert sorted(leaver.alerts, key=repr) == sorted(straight.alerts, key=repr)
    assert counts(leaver) == counts(straight), "duplicates of what has left are duplicates"
    come_back_all(leaver.store, published, straight.store.heads)
    assert meaning(leaver.store) == meaning(straight.store)


def counts(partition: Partition) -> Counter[str]:
    return sum((outcome.counts for outcome in partition.outcomes), Counter[str]())


@pytest.mark.parametrize("told", [DONE, MERGED])
def test_what_is_done_leaves_when_it_has_been_so_for_long_enough(told: list[InteractionEvent]) -> None:
    log = records(told)
    partition = LeavingPartition(log, age_ms=7 * DAY_MS)
    partition.feed(log, log_ms=clock("09:20"))
    partition.feed([], log_ms=clock("09:20") + 6 * DAY_MS)
    assert set(partition.store.heads) == {KEY}
    partition.feed([], log_ms=clock("09:20") + 8 * DAY_MS)
    assert partition.store.heads == {}
    left = partition.store.left.get(KEY)
    assert left is not None
    assert (left.events, left.revisions) == (len(told), {})


@pytest.mark.parametrize("later", ["09:30 customer message", "09:30 ana open", "09:30 system deleted"])
def test_what_was_opened_again_or_erased_stays(later: str) -> None:
    log = records(DONE + renumbered(later))
    partition = LeavingPartition(log, age_ms=DAY_MS)
    partition.feed(log[:3], log_ms=clock("09:20"))
    partition.feed(log[3:], log_ms=clock("09:30"))
    partition.feed([], log_ms=LATER_MS)
    assert set(partition.store.heads) == {KEY}
    assert len(partition.store.left) == 0


def renumbered(text: str) -> list[InteractionEvent]:
    return [msgspec.structs.replace(event, event_id=f"later{n}") for n, event in enumerate(story(text))]


def test_it_leaves_once_it_is_done_again() -> None:
    log = records(DONE + renumbered("09:30 customer message\n09:40 ana resolved"))
    partition = LeavingPartition(log, age_ms=DAY_MS)
    partition.feed(log[:3], log_ms=clock("09:20"))
    partition.feed(log[3:], log_ms=clock("09:20") + DAY_MS)
    partition.feed([], log_ms=clock("09:30") + DAY_MS)
    assert set(partition.store.heads) == {KEY}
    partition.feed([], log_ms=clock("09:40") + 3 * DAY_MS)
    assert partition.store.heads == {}


def test_nobody_leaves_where_there_is_no_archive() -> None:
    partition = Partition()
    partition.feed(records(DONE))
    assert leaving.leave(partition.store, partition.outcomes[0], LATER_MS) == []


def test_a_long_conversation_leaves_with_its_segments_and_comes_back_with_them() -> None:
    told = [*long_story(150), *renumbered("23:00 ana resolved")]
    log = records([*told, *[msgspec.structs.replace(told[7], attributes={"again": "yes"})]])
    straight, partition = Partition(), LeavingPartition(log, age_ms=DAY_MS)
    straight.feed(log[:-1])
    partition.feed(log[:-1], log_ms=LAST_MS)
    partition.feed([])
    assert (partition.store.heads, partition.store.segments) == ({}, {})
    assert dict(partition.feed(log[-1:]).counts) == {"duplicate": 1}
    assert [(entry.segment, entry.offset) for entry in partition.returned] == [(0, 150), (1, 150), (None, 150)]
    assert partition.store.segments == straight.store.segments
    assert meaning(partition.store) == meaning(straight.store)


def test_only_so_many_leave_with_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "AT_ONCE", 3)
    told = [msgspec.structs.replace(event, conversation_id=f"c{n}") for n in range(8) for event in DONE]
    partition = LeavingPartition(records(told))
    partition.feed(records(told))
    seen = []
    for _ in range(3):
        partition.feed([])
        seen.append(len(partition.store.left))
    assert seen == [3, 6, 8]


def test_without_its_events_a_conversation_does_not_come_back() -> None:
    log = records(DONE + renumbered("09:15 ana message"))
    partition = LeavingPartition(log)
    partition.feed(log[:3])
    partition.feed([])
    with pytest.raises(HasLeft):
        Partition.feed(partition, log)
    for wrong in (archived(log, ("acme", "c"), 1), archived(log, ("acme", "c"), 3), []):
        with pytest.raises(WrongEvents, match=f"left with 3 events, and {len(wrong)} were found"):
            come_back(partition.store, KEY, wrong, LATER_MS)
    assert partition.store.heads == {}


def test_without_keeping_the_revisions_the_law_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        log = records(ENDED_TWICE + renumbered("09:25 bo message\n09:26 bo message"))
        partition = LeavingPartition(log)
        for one in log:
            partition.feed([one])
            partition.feed([])

    run()
    monkeypatch.setattr(
        leaving, "Left", lambda events, judged_ms, _revisions, raised, _edition: Left(events, judged_ms, {}, raised)
    )
    with pytest.raises(AssertionError, match="revisions count without a gap"):
        run()
