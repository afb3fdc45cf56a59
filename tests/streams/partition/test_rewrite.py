"""Policies that rewrite what has judged: whoever was judged by the old ones is judged again, and nobody twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from streams.partition import chunk
from streams.partition.chunk import SourceRecord
from streams.partition.editions import Editions, pack_editions, unpack_editions
from streams.sla import policy_file
from streams.sla.policy_file import PolicyFileError
from tests.streams.partition.harness import Partition, expected, record, records, tick
from tests.streams.partition.leaving import LeavingPartition
from tests.streams.partition.test_law import arrivals
from tests.streams.stories import story
from tests.streams.strategies import BOOK, LAST_MS

#: Other targets, another order and so other numbers.
NEW = policy_file.parse(
    """
policies:
  - name: harder
    match: {channel: [live_chat]}
    targets: {first_response: 30s, resolution: 10m}
  - name: other
    targets: {next_response: 3h, resolution: 20h}
"""
)


TOLD = """
09:00 customer message
09:02 ana message
09:04 ana resolved
"""


def rewritten(partition: Partition) -> None:
    """As a worker that recovers it and is told to rewrite."""
    store = partition.store
    store.use(store.editions.followed_by(NEW, "policies", now_ms=LAST_MS, rewrite=True))
    store.index_due()


@given(arrivals(), st.integers(0, 40), st.booleans())
@settings(max_examples=80, deadline=None)
def test_facts_after_a_rewrite_are_those_of_a_replay_under_the_new_policies(
    told: list[InteractionEvent], position: int, ticked: bool
) -> None:
    partition = Partition()
    cut = min(position, len(told))
    partition.feed(records(told[:cut]))
    partition.judge(LAST_MS - 3_600_000)
    rewritten(partition)
    if ticked:
        partition.feed([tick(cut, LAST_MS)])
        assert not partition.store.outdated
        assert partition.reader.holding() == expected(told[:cut], LAST_MS, NEW)
    partition.feed([record(cut + 1 + n, event) for n, event in enumerate(told[cut:])])
    partition.feed([tick(len(told) + 2, LAST_MS)])
    assert partition.reader.holding() == expected(told, LAST_MS, NEW)


def many(conversations: int) -> list[InteractionEvent]:
    return [event for n in range(conversations) for event in story(TOLD, conversation_id=f"c{n:03}")]


def test_a_tick_takes_a_portion_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "RENEWED_AT_ONCE", 3)
    told = many(8)
    partition = Partition()
    partition.feed(records(told))
    rewritten(partition)
    left = []
    for n in range(4):
        outcome = partition.feed([tick(len(told) + n, LAST_MS)])
        left.append(len(partition.store.outdated))
        assert len({caused.offset for caused in outcome.changes}) <= 1
    assert left == [5, 2, 0, 0]
    assert partition.reader.holding() == expected(told, LAST_MS, NEW)


def test_what_a_crash_left_half_done_is_judged_by_the_third_policies_from_where_it_stood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk, "RENEWED_AT_ONCE", 3)
    told = many(8)
    partition = Partition()
    partition.feed(records(told))
    rewritten(partition)
    partition.feed([tick(len(told), LAST_MS)])
    assert 0 < len(partition.store.outdated) < 8
    # A worker that recovers it has the editions from the changelog, and is given the first file again.
    known = unpack_editions(pack_editions(partition.store.editions))
    partition.store.use(known.followed_by(BOOK, "policies", now_ms=LAST_MS, rewrite=True))
    partition.store.index_due()
    for n in range(3):
        partition.feed([tick(len(told) + 1 + n, LAST_MS)])
    assert not partition.store.outdated
    assert partition.reader.holding() == expected(told, LAST_MS, BOOK)


def test_a_breach_that_the_new_policies_do_not_know_is_taken_back() -> None:
    told = story("09:00 customer message", tenant="acme")
    partition = Partition()
    partition.feed(records(told))
    partition.feed([tick(1, LAST_MS)])
    assert "breach" in [alert.level for alert in partition.alerts]
    rewritten(partition)
    partition.feed([tick(2, LAST_MS)])
    assert partition.alerts[-1].level == "retracted"
    assert partition.reader.holding() == expected(told, LAST_MS, NEW)


def test_who_has_left_is_judged_again_on_coming_back() -> None:
    told = story("09:00 customer message\n09:20 ana message\n09:30 ana resolved")
    late = story("09:10 ana message id=late")
    log: list[SourceRecord] = [*records(told), *records(late, first=10)]
    partition = LeavingPartition(log)
    partition.feed(log[:3])
    partition.feed([])
    assert not partition.store.heads
    rewritten(partition)
    partition.feed(log[3:])
    assert partition.reader.holding() == expected([*told, *late], None, NEW)


def test_without_being_asked_for_a_rewrite_is_refused() -> None:
    with pytest.raises(PolicyFileError, match="--rewrite-policies"):
        Editions((BOOK,)).followed_by(NEW, "policies.yaml", now_ms=LAST_MS, rewrite=False)


def test_a_chunk_that_is_processed_again_says_the_same() -> None:
    told: Sequence[InteractionEvent] = many(4)
    partition = Partition()
    partition.feed(records(told))
    rewritten(partition)
    log = [tick(len(told), LAST_MS)]
    first = chunk.process(partition.store, log, "interactions/0", now_ms=0)
    again = chunk.process(partition.store, log, "interactions/0", now_ms=1)
    assert first.changes == again.changes
    assert first.alerts == again.alerts
    # Part of the state was kept before the crash: of that nothing more is sent.
    partition.store.put(next(entry for entry in first.entries if entry.segment is None))
    rest = chunk.process(partition.store, log, "interactions/0", now_ms=2)
    assert {caused.change.new.fact_id for caused in rest.changes} < {c.change.new.fact_id for c in first.changes}
