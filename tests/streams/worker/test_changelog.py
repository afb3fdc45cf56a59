"""What a worker writes after a chunk is what its successor knows, whoever else wrote and whatever was compacted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiokafka
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent
from streams.partition import chunk
from streams.partition.chunk import SourceRecord
from streams.partition.leavers import Leavers
from streams.partition.store import Entry, Store
from streams.worker.changelog import ChangelogDamaged, Recovery, records_of, recover
from streams.worker.outbox import Outbox, Outgoing
from supportpulse import topic_reading
from tests.servers.kafka import CLEANED_AT_ONCE
from tests.servers.plugin import Broker, MakeTopic
from tests.streams.partition.harness import cut, publish, records
from tests.streams.partition.leaving import LATER_MS, LeavingPartition, come_back_all, meaning
from tests.streams.partition.test_chunk import long_story
from tests.streams.partition.test_law import arrivals
from tests.streams.stories import story
from tests.streams.strategies import BOOK, partitions


@dataclass
class Owner:
    """A worker that holds the partition, and what it writes."""

    name: str
    store: Store

    def work(self, log: Sequence[SourceRecord], ends: set[int]) -> list[Outgoing]:
        written: list[Outgoing] = []
        for piece in cut(log, ends):
            outcome = chunk.process(self.store, piece, "interactions/0", 0)
            written += records_of(outcome.entries, outcome.through, self.name, now_ms=0)
            publish(self.store, outcome)
        return written


def recovered(changelog: Sequence[Outgoing]) -> Store:
    store = Store(BOOK)
    recovery = Recovery(store)
    for found in changelog:
        recovery.take(found.key, found.value)
    recovery.finish()
    assert recovery.records == len(changelog)
    return store


boundaries = st.sets(st.integers(0, 40), max_size=5)


@given(partitions(), boundaries, boundaries, st.integers(0, 40), st.integers(0, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_the_newest_state_is_recovered_whoever_wrote_last_and_whatever_was_compacted(
    told: list[InteractionEvent], ends: set[int], others: set[int], taken: int, overtaken: int, data: st.DataObject
) -> None:
    log = records(told)
    # The first owner is frozen after `taken` records; the second goes on from there to the end; the first wakes up
    # and writes what it had in hand, which may reach as far as `overtaken`.
    first = Owner("first", Store(BOOK))
    before = first.work(log[:taken], ends)
    second = Owner("second", recovered(before))
    after = second.work(log, others)
    late = first.work(log[:overtaken], ends)

    # The two wrote to different keys, so their records may be mixed; each one's own stay in order.
    mixed = data.draw(merges(after, late))
    changelog = before + mixed
    assert recovered(changelog) == second.store
    assert recovered(data.draw(compactions(changelog))) == second.store


@st.composite
def merges(draw: st.DrawFn, one: list[Outgoing], other: list[Outgoing]) -> list[Outgoing]:
    """Both lists in one, each in its order."""
    turns = draw(st.permutations([True] * len(one) + [False] * len(other)))
    left, right = iter(one), iter(other)
    return [next(left) if turn else next(right) for turn in turns]


@st.composite
def compactions(draw: st.DrawFn, changelog: list[Outgoing]) -> list[Outgoing]:
    """The last record of each key stays; of the others any may be gone."""
    last = {found.key: n for n, found in enumerate(changelog)}
    kept = draw(st.lists(st.booleans(), min_size=len(changelog), max_size=len(changelog)))
    return [found for n, (found, keep) in enumerate(zip(changelog, kept, strict=True)) if keep or last[found.key] == n]


def test_older_state_that_is_written_later_does_not_hold() -> None:
    log = records(story("09:00 customer message\n09:01 ana message"))
    frozen, other = Owner("frozen", Store(BOOK)), Owner("other", Store(BOOK))
    changelog = other.work(log, set()) + frozen.work(log[:1], set())
    assert recovered(changelog) == other.store


def test_with_one_key_for_all_owners_compaction_would_keep_what_the_frozen_one_wrote() -> None:
    log = records(story("09:00 customer message\n09:01 ana message"))
    frozen, other = Owner("same", Store(BOOK)), Owner("same", Store(BOOK))
    changelog = other.work(log, set()) + frozen.work(log[:1], set())
    compacted = list({found.key: found for found in changelog}.values())
    assert recovered(changelog) == other.store
    assert recovered(compacted) != other.store


def test_what_was_erased_stays_erased_even_if_a_frozen_owner_writes_its_segments_again() -> None:
    told = long_story(150)
    log = records([*told, *story("12:00 system deleted id=eraser")])
    frozen, other = Owner("frozen", Store(BOOK)), Owner("other", Store(BOOK))
    changelog = other.work(log, {70, 140}) + frozen.work(log[:150], {30})
    store = recovered(changelog)
    assert store == other.store
    assert store.segments == {}


def test_a_chunk_that_was_written_in_part_is_done_again_to_the_same_end() -> None:
    log = records(long_story(150))
    whole = Owner("whole", Store(BOOK))
    written = whole.work(log, {50, 100})
    for kept in range(len(written)):
        successor = Owner("successor", recovered(written[:kept]))
        successor.work(log, {75})
        assert successor.store == whole.store


def test_applied_through_is_written_last() -> None:
    written = Owner("one", Store(BOOK)).work(records(long_story(70)), set())
    for kept in range(len(written)):
        assert recovered(written[:kept]).applied == -1
    assert recovered(written).applied == 69


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"\xc1", b"\x92\x01\xc0"),
        (b"\x93\xa1c\xc0\xa1o", b"?"),
        # "Applied through", at no time that can be read.
        (msgspec.msgpack.encode(["", None, "o"]), msgspec.msgpack.encode([1, b"\xc1"])),
    ],
)
def test_a_record_it_cannot_read_stops_the_recovery(key: bytes, value: bytes) -> None:
    with pytest.raises(ChangelogDamaged, match="record 1 of the changelog"):
        Recovery(Store(BOOK)).take(key, value)


def test_tombstones_and_records_without_a_key_are_passed_over() -> None:
    recovery = Recovery(Store(BOOK))
    recovery.take(None, b"x")
    recovery.take(msgspec.msgpack.encode(["c", None, "o"]), None)
    assert recovery.records == 0


async def test_a_store_comes_back_from_a_broker(broker: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(broker, "state", partitions=2, **{"cleanup.policy": "compact"})
    owner = Owner("owner", Store(BOOK))
    written = owner.work(records(long_story(200)), {60, 90})
    outbox = Outbox(broker.address)
    await outbox.start()
    try:
        assert await outbox.send_to(topic, 1, written) == len(written) - 1
    finally:
        await outbox.stop()
    store, empty = Store(BOOK), Store(BOOK)
    assert (await recover(broker.address, topic, 1, store)).records == len(written)
    assert store == owner.store
    assert (await recover(broker.address, topic, 0, empty)).records == 0
    assert empty == Store(BOOK)


async def test_what_arrives_behind_the_end_that_the_broker_named_is_read_as_well(
    broker: Broker, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A predecessor may have had it on its way when the partition was taken away. More than comes with one fetch."""
    topic = make_topic(broker, "state", **{"cleanup.policy": "compact"})
    large = [Entry("c", number, b"x" * 400_000, number) for number in range(25)]
    outbox = Outbox(broker.address)
    named = aiokafka.AIOKafkaConsumer.end_offsets

    async def ask(consumer: Any, partitions: Any) -> Any:
        ends = await named(consumer, partitions)
        await outbox.send_to(topic, 0, records_of(large, 24, "predecessor", 0))
        return ends

    monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "end_offsets", ask)
    await outbox.start()
    try:
        await outbox.send_to(topic, 0, records_of(large, 24, "one before it", 0))
        recovery = await recover(broker.address, topic, 0, Store(BOOK))
    finally:
        await outbox.stop()
    assert recovery.records == 2 * len([*records_of(large, 24, "any", 0)])


async def test_the_newest_state_is_recovered_behind_kafkas_own_cleaner(kafka: Broker, make_topic: MakeTopic) -> None:
    """A frozen owner wakes up behind its successor, and the cleaner removes whatever has a later record of its key."""
    log = records(long_story(200))
    for names, comes_back in ((("first", "second"), True), (("same", "same"), False)):
        topic = make_topic(kafka, "cleaned", partitions=1, **CLEANED_AT_ONCE)
        first = Owner(names[0], Store(BOOK))
        before = first.work(log[:70], {30, 50})
        second = Owner(names[1], recovered(before))
        changelog = [*before, *second.work(log, {100, 150}), *first.work(log[:100], {80, 90})]
        assert recovered(changelog) == second.store
        await written_and_cleaned(kafka, topic, changelog)
        store = Store(BOOK)
        recovery = await recover(kafka.address, topic, 0, store)
        assert recovery.records < len(changelog)
        assert (store == second.store) is comes_back


def dated(changelog: Sequence[Outgoing]) -> list[Outgoing]:
    """As if written now."""
    return [msgspec.structs.replace(found, timestamp_ms=time.time_ns() // 1_000_000) for found in changelog]


async def written_and_cleaned(kafka: Broker, topic: str, changelog: Sequence[Outgoing]) -> None:
    """Write it, and wait until no key but the last one's lies there twice."""
    outbox = Outbox(kafka.address)
    await outbox.start()
    try:
        await outbox.send_to(topic, 0, dated(changelog))
        deadline = time.monotonic() + 60
        while True:
            # A segment ends when a record is dated behind its time, and only what has ended is cleaned.
            await outbox.send_to(topic, 0, dated(changelog[-1:]))
            keys = [lying.key for lying in topic_reading.read(kafka.address, topic) if lying.key != changelog[-1].key]
            if len(keys) == len(set(keys)):
                return
            assert time.monotonic() < deadline, f"the cleaner left {len(keys)} records of {len(set(keys))} keys"
            await asyncio.sleep(0.3)
    finally:
        await outbox.stop()


# --- conversations that leave memory ----------------------------------------------------------------------------------


@dataclass
class LeavingOwner(Owner):
    """Its conversations leave as soon as they can, and come back from `archive`, the whole log."""

    archive: Sequence[SourceRecord] = ()

    def work(self, log: Sequence[SourceRecord], ends: set[int]) -> list[Outgoing]:
        partition = LeavingPartition(self.archive)
        partition.store = self.store
        self.store.leavers = Leavers(0)
        self.store.index_leavers()
        written: list[Outgoing] = []
        for piece in cut(log, ends):
            partition.returned.clear()
            outcome = partition.take_in(piece)
            entries = [*partition.returned, *outcome.entries]
            written += records_of(entries, outcome.through, self.name, now_ms=0)
            publish(self.store, outcome)
            self.store.leavers.push(LATER_MS, outcome.done)
        return written


@given(arrivals(), boundaries, boundaries, boundaries, st.integers(0, 40), st.integers(0, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_who_left_is_recovered_as_that_whoever_wrote_last_and_whatever_was_compacted(
    told: list[InteractionEvent],
    firsts: set[int],
    seconds: set[int],
    lates: set[int],
    taken: int,
    overtaken: int,
    data: st.DataObject,
) -> None:
    log = records(told)
    first = LeavingOwner("first", Store(BOOK), log)
    before = first.work(log[:taken], firsts)
    second = LeavingOwner("second", recovered(before), log)
    after = second.work(log, seconds)
    late = first.work(log[:overtaken], lates)
    changelog = before + data.draw(merges(after, late))
    straight = Owner("straight", Store(BOOK))
    straight.work(log, set())
    for written in (changelog, data.draw(compactions(changelog))):
        store = recovered(written)
        come_back_all(store, log, straight.store.heads)
        assert meaning(store) == meaning(straight.store)
        assert store.applied == straight.store.applied


def test_long_conversations_that_left_are_recovered_with_or_without_their_segments() -> None:
    told = [*long_story(150), *story("+1 09:00 ana resolved id=end"), *story("+1 10:00 customer message id=more")]
    log = records(told)
    straight = Owner("straight", Store(BOOK))
    straight.work(log, set())
    frozen, other = LeavingOwner("frozen", Store(BOOK), log), LeavingOwner("other", Store(BOOK), log)
    before = frozen.work(log[:100], {50})
    other.store = recovered(before)
    # The other one sees it leave; who was frozen never does, and goes on with the segments that it knows.
    left = other.work(log[:151], {120}) + other.work(log[:151], set())
    assert recovered(before + left).segments == {}
    assert len(recovered(before + left).left) == 1
    late = Owner("frozen", frozen.store).work(log, set())
    for changelog in (before + left + late, before + late + left):
        store = recovered(changelog)
        assert meaning(store) == meaning(straight.store)
