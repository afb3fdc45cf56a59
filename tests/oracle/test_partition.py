"""A worker's partition ends with the facts of the oracle, in whatever order and pieces events come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import InteractionEvent
from schemas.topics import record_key
from streams.partition.chunk import SourceRecord
from tests.oracle import oracle
from tests.oracle.compared import by_key
from tests.oracle.histories import STEPS, History, histories
from tests.streams.partition.harness import Partition, Published, cut, tick


@st.composite
def arrivals(draw: st.DrawFn) -> History:
    """A history of which some events come twice; in any order, or as they happened."""
    history = draw(histories())
    told = history.events + draw(st.lists(st.sampled_from(history.events), max_size=4))
    if draw(st.booleans()):
        told.sort(key=lambda event: event.occurred_at)
    return history._replace(events=told)


#: Behind which record somebody says what time it is, in steps.
ticks = st.lists(st.tuples(st.integers(0, 24), st.integers(0, STEPS)), max_size=6)


@given(arrivals(), ticks, st.sets(st.integers(0, 30), max_size=6))
@settings(max_examples=800, deadline=None)
def test_a_partition_ends_with_the_facts_of_the_oracle(
    history: History, said: list[tuple[int, int]], ends: set[int]
) -> None:
    partition = Partition(history.setting.product)
    for piece in cut(log_of(history, said), ends):
        partition.feed(piece)
    expected = oracle.facts_of(history.events, history.setting.oracle, history.as_of_ms)
    if not any(event.historical for event in history.events):
        assert by_key(partition.reader.holding().values()) == expected
    partition.judge(history.as_of_ms)
    assert by_key(partition.reader.holding().values()) == expected


def log_of(history: History, said: list[tuple[int, int]]) -> list[SourceRecord]:
    """The events, ticks that have not passed the last one between them, and that one."""
    log: list[SourceRecord] = []
    for place, event in enumerate(history.events):
        log.append(record(len(log), event))
        for step in (step for behind, step in said if behind == place):
            at_ms = history.begins + step * history.setting.step_ms
            log.append(tick(len(log), min(at_ms, history.as_of_ms)))
    return [*log, tick(len(log), history.as_of_ms)]


def record(offset: int, event: InteractionEvent) -> SourceRecord:
    """The event as it lies in `interactions`."""
    key = record_key(event.tenant, event.conversation_id)
    return Published(offset, event.occurred_at, key, wire.encode_event(event))
