"""The book of those that left, and the hints at who may leave, against what is plainly true of them."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.fold.state import FoldState
from streams.partition import left as module
from streams.partition.head import Head
from streams.partition.leavers import Leavers
from streams.partition.left import Left, LeftBook, pack_left, says_left, unpack_left
from streams.partition.packing import pack
from streams.timers.kept import Raised

NAMES = [f"4:acme/{n}" for n in range(60)]
lefts = st.one_of(
    st.integers(1, 1 << 30).map(Left),
    st.builds(
        Left,
        st.integers(1, 500),
        st.none() | st.integers(0, 1 << 42),
        st.dictionaries(st.sampled_from(["1/0/resolution", "0/0/full_resolution"]), st.integers(2, 9)),
        st.dictionaries(st.just("1/1/sla_first_response"), st.just([Raised(7, 1.0, True)])),
    ),
)
steps = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | lefts), max_size=150)


def check(taken: list[tuple[str, Left | None]]) -> None:
    book, plain = LeftBook(), dict[str, Left]()
    for name, left in taken:
        if left is None:
            book.discard(name)
            plain.pop(name, None)
        else:
            book.put(name, left)
            plain[name] = left
        assert len(book) == len(plain)
    assert {name: book.get(name) for name in NAMES} == {name: plain.get(name) for name in NAMES}


@given(steps)
@settings(deadline=None)
def test_the_book_is_a_dictionary(taken: list[tuple[str, Left | None]]) -> None:
    check(taken)


@given(steps)
@settings(deadline=None)
def test_names_with_the_same_hash_are_told_apart(taken: list[tuple[str, Left | None]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_hash", lambda name: len(name) % 2 + 1)
        check(taken)


def test_a_hundred_thousand_cost_a_few_bytes_each() -> None:
    book = LeftBook()
    for n in range(100_000):
        book.put(f"4:acme/{n}", Left(6))
    size = sum(sys.getsizeof(shard.keys) + sys.getsizeof(shard.values) for shard in book._shards)
    assert size / len(book) < 48
    assert all(book.get(f"4:acme/{n}") == Left(6) for n in range(0, 100_000, 997))
    assert all(book.get(f"4:acme/{n}") is None for n in range(100_000, 101_000))


@given(lefts)
def test_it_is_packed_as_something_that_no_head_is(left: Left) -> None:
    assert says_left(pack_left(left))
    assert unpack_left(pack_left(left)) == left
    assert not says_left(pack(Head(FoldState())))


@given(st.lists(st.tuples(st.integers(0, 2_000), st.sampled_from(NAMES)), max_size=60), st.integers(0, 700))
def test_everybody_is_hinted_at_once_and_never_too_early(pushed: list[tuple[int, str]], age_ms: int) -> None:
    hints = Leavers(age_ms)
    for since_ms, name in pushed:
        hints.push(since_ms, (name,))
    found: list[str] = []
    for until_ms in range(0, 3_000, 100):
        while ripe := hints.ripe(until_ms, 3):
            assert len(ripe) <= 3
            found += ripe
            early = [since_ms for since_ms, name in pushed if name in ripe]
            assert min(early) + age_ms <= until_ms
    assert sorted(found) == sorted(name for _, name in pushed)
    assert len(hints) == 0
