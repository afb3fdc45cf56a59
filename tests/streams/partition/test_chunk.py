"""Chunks of a partition: long conversations, forgotten ones, records that cannot be used, and what is kept packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import InteractionEvent
from schemas.registry import MARKER
from streams.partition import chunk
from streams.partition.log import SEGMENT_EVENTS
from streams.partition.packing import conversation_key
from streams.partition.store import Store
from tests.streams.partition.harness import Partition, Published, cut, expected, record, records, tick
from tests.streams.stories import DAY_MS, clock, story
from tests.streams.strategies import BOOK, FIRST_MS, partitions

KEY = conversation_key("acme", "c")
YEAR_MS = 365 * DAY_MS

QUESTION = story("09:00 customer message")[0]


def long_story(count: int) -> list[InteractionEvent]:
    """Question and answer, again and again, a minute apart; every 100 events it is resolved, and reopened."""
    told = []
    for n in range(count):
        who, what = ("ana", "resolved") if n % 100 == 99 else (("customer", "ana")[n % 2], "message")
        event = story(f"09:00 {who} {what} id=n{n}")[0]
        told.append(msgspec.structs.replace(event, occurred_at=FIRST_MS + n * 60_000))
    return told


def fed(told: Sequence[InteractionEvent], chunk_records: int = 50) -> Partition:
    partition = Partition()
    for piece in cut(records(told), range(0, len(told), chunk_records)):
        partition.feed(piece)
    return partition


# --- long conversations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_records", [1, 7, 64, 65, 1_000])
def test_a_conversation_is_sealed_in_segments_and_adds_up(chunk_records: int) -> None:
    told = long_story(3 * SEGMENT_EVENTS + 5)
    partition = fed(told, chunk_records)
    assert sorted(partition.store.segments) == [(KEY, 0), (KEY, 1), (KEY, 2)]
    assert partition.reader.holding() == expected(told)


def test_a_segment_is_written_once() -> None:
    partition = fed(long_story(3 * SEGMENT_EVENTS), 10)
    written = [
        (entry.key, entry.segment)
        for outcome in partition.outcomes
        for entry in outcome.entries
        if entry.segment is not None
    ]
    assert sorted(written) == [(KEY, 0), (KEY, 1), (KEY, 2)]


def test_a_duplicate_of_a_sealed_event_changes_nothing() -> None:
    told = long_story(2 * SEGMENT_EVENTS + 3)
    partition = fed(told)
    before = dict(partition.store.heads)
    outcome = partition.feed(records([told[0], told[70], told[-1]], first=len(told)))
    assert (outcome.changes, outcome.entries, outcome.counts["duplicate"]) == ([], [], 3)
    assert partition.store.heads == before


def test_an_id_of_another_source_is_no_duplicate_even_where_it_is_sealed() -> None:
    told = long_story(2 * SEGMENT_EVENTS)
    other = msgspec.structs.replace(told[3], source="pbx", occurred_at=told[-1].occurred_at + 1)
    partition = fed(told)
    assert partition.feed([record(len(told), other)]).counts["accepted"] == 1
    assert partition.reader.holding() == expected([*told, other])


def test_a_late_event_refolds_what_is_sealed() -> None:
    told = long_story(2 * SEGMENT_EVENTS + 3)
    late = [told[10], told[100]]
    order = [event for event in told if event not in late] + late
    partition = fed(order)
    assert partition.outcomes[-1].counts["late"] == 2
    assert partition.reader.holding() == expected(told)


def test_a_conversation_of_5000_events_adds_up_in_order_and_with_late_ones() -> None:
    told = long_story(5_000)
    # Each of these comes 150 events after its place, which may be in another segment.
    late = {event.event_id for event in told[50::250]}
    order = sorted(told, key=lambda event: (event.occurred_at - FIRST_MS) // 60_000 + (event.event_id in late) * 150.5)
    partition = fed(order, 500)
    counts = sum((outcome.counts for outcome in partition.outcomes), Counter[str]())
    assert counts == {"accepted": 4_980, "late": 20}
    assert partition.reader.holding() == expected(told)


def test_a_call_in_a_long_conversation_may_have_the_id_of_one_that_is_sealed() -> None:
    told = story(
        """
        09:00 ana call=60+0+0 id=call
        09:01 customer message
        """
    )
    again = story("23:00 ana call=30+0+0 id=call from=pbx")
    order = [*told, *long_story(2 * SEGMENT_EVENTS), *again]
    assert fed(order, 1).reader.holding() == expected(order)


# --- erased conversations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_records", [1, 50, 1_000])
@pytest.mark.parametrize("how", ["deleted", "spam"])
def test_an_erased_conversation_takes_its_facts_back_and_forgets_its_log(how: str, chunk_records: int) -> None:
    told = long_story(2 * SEGMENT_EVENTS + 3)
    partition = fed([*told, *story(f"12:00 system {how} id=eraser"), *long_story(5)], chunk_records)
    assert partition.reader.holding() == {}
    assert partition.reader.revisions, "there was something to take back"
    assert partition.store.segments == {}
    assert all(event.event_id.encode() not in partition.store.heads[KEY] for event in told[:20])
    assert len(partition.store.heads[KEY]) < 100


def test_what_comes_after_an_erasure_has_no_effect() -> None:
    partition = fed([*story("09:00 system deleted id=eraser"), QUESTION])
    assert partition.feed(records(long_story(100), first=2)).changes == []
    assert partition.store.segments == {}


# --- time -------------------------------------------------------------------------------------------------------------


def test_an_event_a_year_late_adds_up_like_any_other() -> None:
    told = story(
        """
        09:00 customer message
        09:05 ana message
        09:10 ana resolved
        """
    )
    year_old = msgspec.structs.replace(QUESTION, event_id="old", occurred_at=QUESTION.occurred_at - YEAR_MS)
    partition = fed([*told, year_old], 1)
    assert partition.outcomes[-1].counts["late"] == 1
    assert partition.reader.holding() == expected([*told, year_old])
    assert partition.reader.holding()["acme", "c/1/0/resolution"].value_ms == YEAR_MS + 10 * 60_000


# --- records that cannot be used --------------------------------------------------------------------------------------

GOOD = wire.encode_event(QUESTION)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"\x00garbage\xff", "malformed", id="garbage"),
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(None, "malformed", id="a tombstone"),
        pytest.param(b'{"event_id": "1"}', "malformed", id="JSON where Avro belongs"),
        pytest.param(GOOD[:-3], "malformed", id="cut short"),
        pytest.param(GOOD + b"\x00", "malformed", id="longer than it says"),
        pytest.param(MARKER + b"\x01\x02\x03\x04\x05\x06\x07\x08" + GOOD[10:], "unknown_schema", id="from the future"),
        pytest.param(
            wire.encode_event(msgspec.structs.replace(QUESTION, type="call_ended")), "invalid_event", id="no content"
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_parked_as_it_was_and_the_rest_goes_on(
    value: bytes | None, reason: str
) -> None:
    told = long_story(4)
    bad = Published(7, FIRST_MS, b"acme/c", value)
    log = [*records(told[:2], first=5), bad, *records(told[2:], first=8)]
    partition = Partition()
    outcome = chunk.process(partition.store, log, "interactions/3", now_ms=1_234)
    (letter,) = outcome.dead_letters
    assert (letter.reason, letter.origin, letter.parked_at) == (reason, "interactions/3/7", 1_234)
    assert (letter.key, letter.original) == (b"acme/c", value or b"")
    assert letter.detail
    assert (outcome.counts["refused"], outcome.counts["accepted"], outcome.through) == (1, 4, 9)
    assert {(fact.tenant, fact.fact_id) for fact in outcome.facts} == expected(told).keys()
    assert wire.decode_dead_letter(wire.encode_dead_letter(letter)) == letter


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_no_bytes_whatsoever_stop_a_partition(noise: bytes) -> None:
    partition = Partition()
    outcome = partition.feed([Published(0, FIRST_MS, None, noise), Published(1, FIRST_MS, None, MARKER + noise)])
    assert len(outcome.dead_letters) == 2
    assert partition.store.applied == 1


def test_a_chunk_of_nothing_usable_still_moves_on() -> None:
    partition = Partition()
    partition.feed([Published(4, FIRST_MS, None, b"?")])
    assert (partition.store.applied, partition.store.heads) == (4, {})


# --- what is kept -----------------------------------------------------------------------------------------------------


@given(partitions(), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_a_store_filled_from_entries_alone_goes_on_as_if_nothing_had_been(
    told: list[InteractionEvent], position: int
) -> None:
    log = records(told)
    straight, restored = Partition(), Partition()
    straight.feed(log[:position])
    # A key is kept once: the last entry of each is what a successor gets.
    latest = {(entry.key, entry.segment): entry for outcome in straight.outcomes for entry in outcome.entries}
    for entry in latest.values():
        restored.store.put(entry)
    restored.store.applied = straight.store.applied
    assert restored.store == Store(BOOK, straight.store.applied, straight.store.heads, straight.store.segments)
    first = chunk.process(straight.store, log[position:], "interactions/0", 0)
    second = chunk.process(restored.store, log[position:], "interactions/0", 0)
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"), [(("a", "b/c"), ("a/b", "c")), (("1:a", "b"), ("1", "a/b")), (("", "a"), ("a", ""))]
)
def test_conversations_of_different_tenants_never_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert conversation_key(*one) != conversation_key(*other)


def test_tenants_share_nothing_but_a_partition() -> None:
    mine, theirs = (record(n, msgspec.structs.replace(QUESTION, tenant=tenant)) for n, tenant in enumerate(("a", "b")))
    partition = Partition()
    assert partition.feed([mine, theirs]).counts == {"accepted": 2}
    assert len(partition.store.heads) == 2


def test_every_source_that_speaks_is_heard_whoever_has_the_last_word() -> None:
    told = story(
        """
        09:00 customer message from=mail
        09:01 customer message from=chat
        09:02 system assigned=ana from=rules
        """
    )
    past = [msgspec.structs.replace(story("08:00 customer message id=old from=import")[0], historical=True)]
    late = story("08:30 customer message id=late from=mail")
    partition = Partition()
    partition.store.listens = True

    def heard(*events: InteractionEvent) -> set[str]:
        outcome = partition.feed(records(events, first=partition.store.applied + 1))
        return {source for _, source in outcome.heard}

    assert heard(*told) == {"mail", "chat", "rules"}
    assert heard(*late) == {"mail"}, "it speaks of the past, but it speaks"
    assert heard(told[1]) == {"chat"}, "a duplicate is a sign of life"
    assert heard(*past) == set(), "backfill is none"
    assert partition.feed([tick(99, clock("10:00"))]).heard == frozenset()
    partition.store.listens = False
    assert heard(*story("09:30 customer message from=chat id=more")) == set(), "nobody wants to know"
