"""A pile's batches are those that aiokafka makes of the same records."""

from __future__ import annotations

from random import Random

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.worker.pile import Pile

BATCH_BYTES = 4_096

Row = tuple[bytes, "bytes | None", int]


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


def piled(told: list[Row]) -> Pile:
    pile = Pile(new_batch)
    for row in told:
        pile.append(*row)
    return pile


@pytest.mark.parametrize("many", [1, 2, 7, 300])
def test_batches_are_the_same_to_the_byte(many: int) -> None:
    ours, theirs = piled(rows(many)).batches(), by_aiokafka(rows(many))
    assert [batch.record_count() for batch in ours] == [batch.record_count() for batch in theirs]
    assert all(batch.closed() for batch in ours)
    assert [bytes(batch._build()) for batch in ours] == [bytes(batch._build()) for batch in theirs]


def test_an_empty_pile_has_no_batches() -> None:
    assert Pile(new_batch).batches() == []


def test_a_record_larger_than_a_batch_has_one_of_its_own() -> None:
    told: list[Row] = [(b"a", b"small", 1), (b"b", bytes(2 * BATCH_BYTES), 2), (b"c", b"small", 3)]
    ours = piled(told).batches()
    assert [batch.record_count() for batch in ours] == [1, 1, 1]
    assert [bytes(batch._build()) for batch in ours] == [bytes(batch._build()) for batch in by_aiokafka(told)]
