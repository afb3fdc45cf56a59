"""Policies that rewrite what has judged: whoever was judged by the old ones is judged again, and nobody twice."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.partition import chunk, store
from streams.partition.chunk import SourceRecord
from streams.partition.editions import Editions, UnknownEdition
from streams.partition.packing import conversation_key
from streams.sla import policy_file
from streams.sla.policy_file import PolicyFileError
from tests.streams.partition.deployment import Deployment
from tests.streams.partition.harness import Partition, cut, expected, records, tick
from tests.streams.partition.leaving import LeavingPartition
from tests.streams.partition.test_law import arrivals
from tests.streams.stories import story
from tests.streams.strategies import BOOK, LAST_MS, MINUTE_MS, instants

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
BOOKS = (BOOK, NEW)
#: Behind everything that can fall due.
END_MS = LAST_MS + 3 * 24 * 60 * MINUTE_MS

TOLD = """
09:00 customer message
09:02 ana message
09:04 ana resolved
"""


class Life(NamedTuple):
    """What a worker sees, and how it ends."""

    #: Events that come in, and ticks between the first half of them and the second.
    told: int
    looks: list[EpochMs]
    #: By which policies it judges: a number in BOOKS.
    book: int
    #: In a chunk.
    records: int
    #: Records of the changelog that it writes of its last chunk before it dies; below zero: it has sent nothing of it.
    dies_after: int


lives = st.lists(
    st.builds(
        Life,
        st.integers(0, 20),
        st.lists(instants, max_size=4),
        st.sampled_from((0, 0, 1)),
        st.integers(1, 40),
        st.integers(-1, 6),
    ),
    max_size=6,
)


def many(conversations: int) -> list[InteractionEvent]:
    return [event for n in range(conversations) for event in story(TOLD, conversation_id=f"c{n:03}")]


#: The second one rewrites, and dies with a part of what a tick made of three conversations in the changelog.
HALF_WRITTEN = [Life(9, [], 0, 40, 1_000), Life(0, [LAST_MS], 1, 40, 1)]
#: The first one dies when it has sent what its policies say, and nobody knows.
SENT_AND_FORGOTTEN = [Life(9, [], 0, 40, 0), Life(0, [], 1, 40, 0)]
#: The second one rewrites, and dies when it has sent what the new policies say of more: that has to be said again.
SENT_UNDER_THE_NEW = [Life(3, [], 0, 40, 1_000), Life(6, [LAST_MS], 1, 40, 0)]


@given(arrivals(), lives, st.integers(1, 3))
@example(many(3), SENT_UNDER_THE_NEW, 2)
@example(many(3), HALF_WRITTEN, 2)
@example(many(3), SENT_AND_FORGOTTEN, 2)
@settings(max_examples=150, deadline=None)
def test_facts_alerts_and_windows_are_those_of_the_last_policies_whoever_died_where(
    told: list[InteractionEvent], lived: list[Life], at_once: int
) -> None:
    deployment = Deployment(now_ms=LAST_MS + 60 * MINUTE_MS)
    rest = list(told)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "RENEWED_AT_ONCE", at_once)
        for life in [*lived, Life(len(told), [], 1, 7, 1_000)]:
            deployment.start(BOOKS[life.book], rewrite=True)
            mine, rest = rest[: life.told], rest[life.told :]
            deployment.publish(*mine[: life.told // 2])
            for at_ms in life.looks:
                deployment.tick(at_ms)
                deployment.work(life.records)
            deployment.publish(*mine[life.told // 2 :])
            deployment.tick(LAST_MS)
            deployment.work(life.records, dies_after=life.dies_after)
        deployment.start(NEW)
        deployment.finish(END_MS)

    facts = expected(told, END_MS, NEW)
    assert deployment.holding() == facts
    deployment.assert_windows_are_those_of(list(facts.values()))
    breached = {(*name, fact.deadline) for name, fact in facts.items() if fact.outcome == "breached"}
    assert deployment.standing() <= breached, "what is no breach is not left standing"
    # What was taken back for a deadline and then was one after all is not raised again.
    assert breached - deployment.standing() <= deployment.taken_back


def rewriting(deployment: Deployment) -> None:
    """A worker that is told to rewrite has taken over, and its policies have come into force."""
    deployment.start(NEW, rewrite=True)
    deployment.tick(LAST_MS)
    deployment.work()


def judged(told: list[InteractionEvent]) -> Deployment:
    """A worker has processed these."""
    deployment = Deployment(now_ms=LAST_MS)
    deployment.start(BOOK)
    deployment.publish(*told)
    deployment.work()
    return deployment


@given(arrivals(), st.sets(st.integers(0, 45), max_size=6), st.integers(0, 40), st.sampled_from(("c", "c/1", "d", "z")))
@settings(max_examples=80, deadline=None)
def test_what_a_rewrite_causes_does_not_depend_on_where_chunks_end(
    told: list[InteractionEvent], ends: set[int], position: int, upto: str
) -> None:
    def causes(boundaries: set[int]) -> tuple[list[chunk.Caused], dict[str, bytes]]:
        partition = Partition()
        partition.store.use(Editions((BOOK, NEW)))
        for piece in cut(log, boundaries):
            partition.feed(piece)
        return [caused for outcome in partition.outcomes for caused in outcome.changes], partition.store.heads

    first = min(position, len(told))
    ticks = [
        tick(first, LAST_MS, rewrite=(1, "")),
        tick(first + 1, LAST_MS, rewrite=(1, conversation_key("acme", upto))),
    ]
    log = [*records(told[:first]), *ticks, *records(told[first:], first=first + 2)]
    assert causes(ends) == causes(set(range(len(log))))


def test_a_tick_takes_a_portion_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "RENEWED_AT_ONCE", 3)
    told = many(8)
    deployment = judged(told)
    rewriting(deployment)
    left = [len(deployment.store.outdated)]
    while deployment.store.next_rewrite():
        deployment.tick(LAST_MS)
        deployment.work()
        left.append(len(deployment.store.outdated))
    assert left == [8, 5, 2, 0]
    assert deployment.holding() == expected(told, LAST_MS, NEW)


def test_in_front_of_the_tick_that_brings_them_the_new_policies_judge_nothing() -> None:
    told = many(2)
    deployment = judged(told[:4])
    deployment.start(NEW, rewrite=True)
    deployment.publish(*told[4:])
    deployment.work()
    assert deployment.holding() == expected(told, None, BOOK)


def test_who_was_frozen_with_the_old_policies_says_what_was_said_and_stops_at_the_new_ones() -> None:
    told = many(6)
    deployment = judged(told[:4])
    frozen = deployment.store
    deployment.publish(*told[4:10])
    rewriting(deployment)
    came_into_force = frozen.applied + 6
    deployment.publish(*told[10:])
    deployment.finish(LAST_MS)
    versions = deployment.holding()
    log = deployment.log[frozen.applied + 1 :]
    # It awakes and goes on: whatever it sends is checked to be what its successor has sent.
    deployment.send(chunk.process(frozen, log[:6], "interactions/0", now_ms=0))
    assert deployment.holding() == versions == expected(told, LAST_MS, NEW)
    assert log[6].offset == came_into_force + 1
    with pytest.raises(UnknownEdition, match="give all workers of the group the same file"):
        chunk.process(frozen, log, "interactions/0", now_ms=0)


def test_a_breach_that_the_new_policies_do_not_know_is_taken_back() -> None:
    told = story("09:00 customer message", tenant="acme")
    deployment = judged(told)
    deployment.tick(LAST_MS)
    deployment.work()
    assert deployment.standing()
    assert not deployment.taken_back
    rewriting(deployment)
    deployment.finish(LAST_MS)
    assert deployment.taken_back
    assert deployment.holding() == expected(told, LAST_MS, NEW)


def test_a_rewrite_that_comes_to_the_same_names_itself_in_the_facts_and_tells_nobody() -> None:
    """A policy goes that nobody was judged by."""
    told = story("09:00 customer message\n09:20 ana message\n09:30 ana resolved")
    old = policy_file.parse("policies: [{name: chat, targets: {first_response: 5m}}, {name: rest, targets: {}}]")
    new = policy_file.parse("policies: [{name: chat, targets: {first_response: 5m}}]")
    deployment = Deployment(now_ms=LAST_MS)
    deployment.start(old)
    deployment.publish(*told)
    deployment.finish(LAST_MS)
    before, alerts = deployment.holding(), dict(deployment.alerts)
    assert [key[2] for key in alerts] == ["warning", "warning", "breach"]
    deployment.start(new, rewrite=True)
    deployment.finish(LAST_MS)
    after = deployment.holding()
    assert {key for key in before if before[key] != after[key]} == {("acme", "c/1/1/sla_first_response")}
    assert {fact.policy_version for fact in after.values()} == {None, new.version_names[0]}
    assert after == expected(told, LAST_MS, new)
    assert deployment.alerts == alerts


def test_who_has_left_is_judged_again_on_coming_back() -> None:
    told = story("09:00 customer message\n09:20 ana message\n09:30 ana resolved")
    late = story("09:10 ana message id=late")
    log: list[SourceRecord] = [*records(told), tick(5, LAST_MS, rewrite=(1, "")), *records(late, first=10)]
    partition = LeavingPartition(log)
    partition.feed(log[:3])
    partition.feed([])
    assert not partition.store.heads
    partition.store.use(partition.store.editions.followed_by(NEW, "policies", now_ms=LAST_MS, rewrite=True))
    partition.feed(log[3:])
    assert partition.reader.holding() == expected([*told, *late], None, NEW)


def test_who_has_still_to_be_judged_again_does_not_leave() -> None:
    told = story("09:00 customer message\n09:20 ana message\n09:30 ana resolved")
    log = records(told)
    partition = LeavingPartition(log)
    partition.feed(log)
    partition.store.use(partition.store.editions.followed_by(NEW, "policies", now_ms=LAST_MS, rewrite=True))
    partition.feed([tick(3, LAST_MS, rewrite=partition.store.next_rewrite())])
    partition.feed([])
    assert partition.store.heads
    partition.feed([tick(4, LAST_MS, rewrite=partition.store.next_rewrite())])
    partition.feed([])
    assert not partition.store.heads
    assert partition.reader.holding() == expected(told, LAST_MS, NEW)


def test_without_being_asked_for_a_rewrite_is_refused() -> None:
    with pytest.raises(PolicyFileError, match="--rewrite-policies"):
        Editions((BOOK,)).followed_by(NEW, "policies.yaml", now_ms=LAST_MS, rewrite=False)
