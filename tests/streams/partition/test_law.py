"""The law of a partition: whatever comes in which order and in which chunks, what was sent adds up to the fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from streams.partition import chunk
from streams.partition.chunk import Outcome, SourceRecord
from streams.partition.conversation import Conversation
from streams.partition.store import Store
from tests.streams.partition.harness import Partition, Reader, cut, expected, publish, records
from tests.streams.stories import clock, story
from tests.streams.strategies import BOOK, LAST_MS, events, instants, partitions

laws = settings(max_examples=50, deadline=None)
boundaries = st.sets(st.integers(0, 40), max_size=6)

#: Two sources number their events alike, and somebody is called what an event is called: one fact_id, two versions.
SAME_NAMES = story(
    """
    09:00 customer started id=e0
    09:01 system assigned=e1
    09:02 ana call=60+0+0 id=e1
    09:03 ana call=30+0+0 id=e1 from=pbx
    09:09 ana resolved
    09:10 ana call=10+0+0 id=e1 from=sip
    """
)


#: Everything in order, and yet the second end revises what the first one said; so does a second answer.
ENDED_TWICE = story(
    """
    09:00 customer message
    09:10 ana resolved
    09:11 customer csat=1 survey=s
    09:20 customer message
    09:30 ana resolved
    09:31 customer csat=5 survey=s
    """
)

#: One slot, three answers: of two sources under one name, and of a survey that is called as their events are.
ONE_SLOT = story(
    """
    09:00 customer message
    09:11 customer csat=1 id=q
    09:12 customer csat=5 id=q from=forms
    09:13 customer csat=3 survey=q
    """
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[InteractionEvent]:
    """Events in any order, some of them twice, and some names twice with another content."""
    told = draw(partitions())
    again = draw(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(told), st.none() | events()), max_size=6))
    for position, event, content in again:
        told.insert(position, event if content is None else renamed(content, event))
    return told


def renamed(content: InteractionEvent, event: InteractionEvent) -> InteractionEvent:
    """Another event under the name of this one."""
    names = {name: getattr(event, name) for name in ("conversation_id", "source", "event_id")}
    return msgspec.structs.replace(content, **names)


# --- any order, any chunks, any look ----------------------------------------------------------------------------------


@given(arrivals(), boundaries)
@example(SAME_NAMES, {1, 2, 3, 4})
@example(SAME_NAMES, set())
@example(ENDED_TWICE, {1, 2, 3, 4, 5})
@example(ENDED_TWICE, set())
@example(ONE_SLOT, {1, 2, 3})
@example(ONE_SLOT, set())
@laws
def test_the_latest_versions_are_the_fold_of_the_set_after_every_chunk(
    told: list[InteractionEvent], ends: set[int]
) -> None:
    partition = Partition()
    seen = 0
    for piece in cut(records(told), ends):
        partition.feed(piece)
        seen += len(piece)
        assert partition.reader.holding() == expected(told[:seen])


@given(arrivals(), st.lists(st.tuples(st.integers(0, 40), instants), max_size=5), instants)
@laws
def test_looks_in_between_change_nothing_in_the_end(
    told: list[InteractionEvent], looks: list[tuple[int, int]], last_look: int
) -> None:
    partition = Partition()
    log = records(told)
    last = max([last_look, *(as_of_ms for _, as_of_ms in looks)])
    for position in range(len(log)):
        for _, as_of_ms in (look for look in looks if look[0] == position):
            partition.judge(as_of_ms)
        partition.feed(log[position : position + 1])
    partition.judge(last)
    assert partition.reader.holding() == expected(told, last)


@given(arrivals(), boundaries, boundaries)
@example(SAME_NAMES, {1, 2, 3, 4}, set())
@laws
def test_what_an_event_causes_does_not_depend_on_where_chunks_end(
    told: list[InteractionEvent], some: set[int], others: set[int]
) -> None:
    def changes(ends: set[int]) -> tuple[list[chunk.Caused], Store]:
        partition = Partition()
        for piece in cut(records(told), ends):
            partition.feed(piece)
        return [caused for outcome in partition.outcomes for caused in outcome.changes], partition.store

    first, second = changes(some), changes(others)
    assert first[0] == second[0]
    assert first[1].heads == second[1].heads


@given(arrivals(), boundaries)
@laws
def test_a_chunk_processed_twice_from_the_same_store_gives_the_same_outcome(
    told: list[InteractionEvent], ends: set[int]
) -> None:
    store = Store(BOOK)
    for piece in cut(records(told), ends):
        before = dict(store.heads), dict(store.segments), store.applied
        once = chunk.process(store, piece, "interactions/0", 7)
        assert (store.heads, store.segments, store.applied) == before, "processing reads the store and leaves it alone"
        again = chunk.process(store, piece, "interactions/0", 7)
        assert once == again
        publish(store, once)


@given(arrivals(), boundaries, boundaries, st.integers(0, 6))
@laws
def test_after_a_crash_before_publishing_other_chunks_bring_the_same_facts_and_revisions(
    told: list[InteractionEvent], ends: set[int], others: set[int], crash: int
) -> None:
    log = records(told)
    straight = Partition()
    straight.feed(log)

    pieces = cut(log, ends)
    crashing = Partition()
    for piece in pieces[:crash]:
        crashing.feed(piece)
    sent_before = [fact for outcome in crashing.outcomes for fact in outcome.facts]
    sent_twice = chunk.process(crashing.store, pieces[crash], "interactions/0", 0).facts if crash < len(pieces) else []
    for piece in cut(log, others):
        crashing.feed(piece)
    sent = [fact for outcome in crashing.outcomes for fact in outcome.facts]
    assert sent == straight.outcomes[0].facts
    assert sent[len(sent_before) :][: len(sent_twice)] == sent_twice, "what was sent and lost is sent again, as it was"
    assert crashing.reader.revisions == straight.reader.revisions


@given(arrivals(), st.integers(0, 40))
@laws
def test_records_that_have_been_applied_are_passed_over(told: list[InteractionEvent], position: int) -> None:
    log = records(told)
    partition = Partition()
    partition.feed(log)
    heads = dict(partition.store.heads)
    again = partition.feed(log[position:])
    assert (again.changes, again.entries, again.dead_letters, dict(again.counts)) == ([], [], [], {})
    assert (partition.store.heads, partition.store.applied) == (heads, len(log) - 1)


@given(arrivals(), boundaries)
@laws
def test_every_record_is_counted_once(told: list[InteractionEvent], ends: set[int]) -> None:
    # What was erased is forgotten, its duplicates too.
    erased = {event.conversation_id for event in told if event.type == "deleted" or event.status == "spam"}
    told = [event for event in told if event.conversation_id not in erased]
    partition = Partition()
    for piece in cut(records(told), ends):
        partition.feed(piece)
    counts = sum((outcome.counts for outcome in partition.outcomes), Counter[str]())
    distinct = {(event.conversation_id, event.source, event.event_id) for event in told}
    assert counts["duplicate"] == len(told) - len(distinct)
    assert counts["accepted"] + counts["late"] == len(distinct)


# --- looking ----------------------------------------------------------------------------------------------------------


def test_a_breach_is_revised_to_met_when_the_answer_was_only_late_on_its_way() -> None:
    question, answer = story(
        """
        09:00 customer message
        09:03 ana message
        """
    )
    partition = Partition()
    partition.feed(records([question]))
    breached = partition.judge(LAST_MS)
    assert [(f.metric, f.outcome, f.revision) for f in breached.facts if f.metric == "sla_first_response"] == [
        ("sla_first_response", "breached", 1)
    ]
    met = partition.feed(records([answer], first=1))
    assert [(f.outcome, f.revision) for f in met.facts if f.metric == "sla_first_response"] == [("met", 2)]


def test_a_look_never_goes_back() -> None:
    partition = Partition()
    partition.feed(records(story("09:00 customer message")))
    assert partition.judge(LAST_MS).facts
    assert partition.judge(clock("09:01")).changes == []
    assert partition.judge(LAST_MS).changes == []


# --- controls: each protection is needed ------------------------------------------------------------------------------

SAME_NAME_TWICE = story(
    """
    09:00 customer message id=1
    09:05 ana message id=2
    09:10 customer message id=1
    09:15 ana message id=3
    """
)
LATE_REPLY = story(
    """
    09:00 customer message
    09:10 bo message
    09:05 ana message
    """
)


def adds_up(told: Sequence[InteractionEvent], pieces: Iterable[Sequence[SourceRecord]] | None = None) -> None:
    partition = Partition()
    for piece in pieces or [[one] for one in records(told)]:
        partition.feed(piece)
    assert partition.reader.holding() == expected(told)


@pytest.mark.plain
def test_without_looking_for_duplicates_the_law_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    adds_up(SAME_NAME_TWICE)
    monkeypatch.setattr(Conversation, "knows", lambda self, event: False)
    with pytest.raises(AssertionError):
        adds_up(SAME_NAME_TWICE)


@pytest.mark.plain
def test_without_folding_again_the_law_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    adds_up(LATE_REPLY)
    monkeypatch.setattr(Conversation, "_refold", Conversation._append)
    with pytest.raises(AssertionError):
        adds_up(LATE_REPLY)


@pytest.mark.plain
@pytest.mark.parametrize("told", [SAME_NAMES, ENDED_TWICE])
def test_without_comparing_what_may_have_been_sent_before_the_law_breaks(
    told: list[InteractionEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    adds_up(told)
    monkeypatch.setattr(Conversation, "_may_revise", lambda self, fact: False)
    with pytest.raises(AssertionError):
        adds_up(told)


def test_the_reader_sees_a_revision_that_was_left_out() -> None:
    outcome = Partition().feed(records(LATE_REPLY))
    revised = [caused for caused in outcome.changes if caused.change.new.revision > 1]
    assert revised, "the late reply revises something"
    with pytest.raises(AssertionError, match="without a gap"):
        Reader().read(Outcome(2, revised))
