"""A pile's batches are those that aiokafka makes of the same records."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.worker.pile import NATIVE, Pile

BATCH_BYTES = 4_096

Row = tuple[bytes, "bytes | None", int]
Builder = Callable[[int], Any]


def new_batch() -> BatchBuilder:
    return BatchBuilder(BATCH_BYTES, 0)


def rows(many: int) -> list[Row]:
    random = Random(many)
    return [
        (
            random.randbytes(random.randrange(1, 40)),
            None if random.random() < 0.1 else random.randbytes(random.randrange(900)),
            1_772_000_000_000 + random.randrange(-50_000, 50_000),
        )
        for _ in range(many)
    ]


def by_aiokafka(told: list[Row]) -> list[BatchBuilder]:
    batches = [new_batch()]
    for key, value, timestamp_ms in told:
        if batches[-1].append(key=key, value=value, timestamp=timestamp_ms) is None:
            batches.append(new_batch())
            assert batches[-1].append(key=key, value=value, timestamp=timestamp_ms) is not None
    return batches


@pytest.fixture(params=["aiokafka", "native"])
def native(request: pytest.FixtureRequest) -> Builder | None:
    if request.param == "aiokafka":
        return None
    if NATIVE is None:
        pytest.skip("there is one only where it is compiled")
    return NATIVE


def piled(told: list[Row], native: Builder | None) -> Pile:
    pile = Pile(new_batch, BATCH_BYTES, native)
    for row in told:
        pile.append(*row)
    return pile


def bodies(batches: list[BatchBuilder]) -> list[bytes]:
    return [bytes(batch._build()) for batch in batches]


@pytest.mark.parametrize("many", [1, 2, 7, 300])
def test_batches_are_the_same_to_the_byte(many: int, native: Builder | None) -> None:
    ours, theirs = piled(rows(many), native).batches(), by_aiokafka(rows(many))
    assert [batch.record_count() for batch in ours] == [batch.record_count() for batch in theirs]
    assert [batch.size() for batch in ours] == [batch.size() for batch in theirs]
    assert all(batch.closed() for batch in ours)
    assert bodies(ours) == bodies(theirs)


any_bytes = st.binary(max_size=300) | st.integers(0, 5_000).map(bytes)
any_row = st.tuples(any_bytes, st.none() | any_bytes, st.integers(0, 2**45))


@given(st.lists(any_row, min_size=1, max_size=200))
def test_batches_of_anything_are_the_same_to_the_byte(told: list[Row]) -> None:
    theirs = bodies(by_aiokafka(told))
    for builder in {None, NATIVE}:
        assert bodies(piled(told, builder).batches()) == theirs


def test_an_empty_pile_has_no_batches(native: Builder | None) -> None:
    assert piled([], native).batches() == []


def test_a_record_larger_than_a_batch_has_one_of_its_own(native: Builder | None) -> None:
    told: list[Row] = [(b"a", b"small", 1), (b"b", bytes(2 * BATCH_BYTES), 2), (b"c", b"small", 3)]
    ours = piled(told, native).batches()
    assert [batch.record_count() for batch in ours] == [1, 1, 1]
    assert bodies(ours) == bodies(by_aiokafka(told))


def test_what_is_full_at_any_length_is_full_for_both(native: Builder | None) -> None:
    for length in range(BATCH_BYTES - 120, BATCH_BYTES - 20):
        told: list[Row] = [(b"a", b"", 1), (b"b", bytes(length), 2)]
        assert bodies(piled(told, native).batches()) == bodies(by_aiokafka(told))
