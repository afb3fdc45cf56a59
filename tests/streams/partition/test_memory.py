"""What a partition keeps takes the room it needs, and what it needed for a chunk is gone with the chunk."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from streams.partition.chunk import process
from streams.partition.packing import pack, unpack
from streams.partition.store import Store
from tests.streams.partition.harness import publish, records, tick
from tests.streams.partition.test_chunk import long_story
from tests.streams.stories import story
from tests.streams.strategies import BOOK


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_chunk_leaves_nothing_for_the_garbage_collector() -> None:
    store = Store(BOOK)
    told = [*long_story(150), *story("+1 09:00 customer message\n+1 08:00 ana message id=late", conversation_id="c2")]
    log = [*records(told), tick(len(told), told[-1].occurred_at + 86_400_000)]
    for first in range(0, len(log), 20):
        publish(store, process(store, log[first : first + 20], "interactions/0", 0))
    assert gc.collect() == 0


def test_a_packed_conversation_has_no_room_left_behind_it() -> None:
    store = Store(BOOK)
    publish(store, process(store, records(long_story(60)), "interactions/0", 0))
    (head,) = map(unpack, store.heads.values())
    tracemalloc.start()
    try:
        packed = [pack(head) for _ in range(200)]
        taken_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken_bytes < 1.05 * (sys.getsizeof(packed) + sum(map(sys.getsizeof, packed)))
