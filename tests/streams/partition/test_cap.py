"""A worker parks what is refused now and then, and stops where that is too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from schemas.ticks import tick_key
from streams.partition import chunk
from streams.partition.cap import CapLimits, RefusalCap, TooManyRefused
from streams.partition.chunk import SourceRecord
from tests.streams.partition.harness import Partition, Published, cut, publish, record
from tests.streams.partition.test_chunk import long_story

WHERE = "interactions/3"
GOOD = long_story(2)[0]
NEVER = CapLimits(run=0, share=1)


def log(pattern: str, first: int = 0) -> list[SourceRecord]:
    """One record for each character: `.` is fine, `x` is not, `?` is of an unknown schema, `t` is a tick."""
    return [
        record(offset, GOOD)
        if kind == "."
        else Published(offset, 0, tick_key() if kind == "t" else b"acme/secret", _BAD[kind])
        for offset, kind in enumerate(pattern, start=first)
    ]


_BAD = {"t": None, "x": b"hello, my card is 4111", "?": b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08"}


def take(cap: RefusalCap, pieces: Sequence[Sequence[SourceRecord]], where: str = WHERE) -> Iterator[int]:
    """Work through a partition; yields how many records every chunk had."""
    store = Partition().store
    for piece in pieces:
        outcome = chunk.process(store, piece, where, now_ms=0)
        weighed = cap.check(where, piece, outcome, store.applied)
        publish(store, outcome)
        cap.count(weighed)
        yield len(piece)


def read(pattern: str, limits: CapLimits, ends: set[int] | None = None) -> int:
    """How many records are processed, in chunks that end at `ends`."""
    done = 0
    try:
        for count in take(RefusalCap(limits), cut(log(pattern), ends or set())):
            done += count
    except TooManyRefused:
        return done
    return -1


RUN_OF_3 = CapLimits(run=3, share=1)


@pytest.mark.parametrize("ends", [set(), {1}, {2}, {3}, {1, 2, 3, 4, 5, 6}])
def test_a_run_stops_it_wherever_chunks_end(ends: set[int]) -> None:
    assert read("..xx.xx.", RUN_OF_3, ends) == -1
    assert read("..x?x...", RUN_OF_3, ends) == max((end for end in ends if end <= 4), default=0)


def test_ticks_neither_end_a_run_nor_belong_to_one() -> None:
    assert read("xtxttt.xx", RUN_OF_3) == -1
    assert read(".xtxtx..", RUN_OF_3, {1, 3, 5}) == 5


def test_a_run_is_of_one_partition() -> None:
    cap = RefusalCap(RUN_OF_3)
    assert list(take(cap, [log("xx")], "interactions/1")) == [2]
    assert list(take(cap, [log("xx")], "interactions/2")) == [2]
    with pytest.raises(TooManyRefused, match="3 records of interactions/1 in a row"):
        list(take(cap, [log("x", first=2)], "interactions/1"))


def test_records_that_have_had_their_effect_do_not_count_again() -> None:
    cap = RefusalCap(RUN_OF_3)
    assert list(take(cap, [log("xx"), log("xx"), log("xx")])) == [2, 2, 2]


SHARE = CapLimits(run=0, share=0.2, window=100, least=10)


def test_a_share_stops_it_once_there_are_enough_to_speak_of_one() -> None:
    pieces = {10 * n for n in range(1, 60)}
    assert read("x........." * 50, SHARE, pieces) == -1
    assert read("x." * 4 + "." * 92, SHARE, pieces) == -1, "few are no share"
    assert read("." * 500 + "x." * 50, SHARE, pieces) == 540, "of the last 100, not of all"
    assert read("x" * 30, SHARE) == 0


def test_a_chunk_that_is_not_committed_counts_when_it_comes_again() -> None:
    for limits, pattern in ((RUN_OF_3, "xx"), (SHARE, "." * 22 + "x" * 6)):
        cap, store, piece = RefusalCap(limits), Partition().store, log(pattern)
        for _ in range(5):
            weighed = cap.check(WHERE, piece, chunk.process(store, piece, WHERE, now_ms=0), store.applied)
        cap.count(weighed)
        with pytest.raises(TooManyRefused, match=r"3 records of|12 of the last 56 records"):
            list(take(cap, [log(pattern, first=len(pattern))]))


def test_a_chunk_without_refusals_never_stops_it() -> None:
    cap = RefusalCap(SHARE)
    pieces = [log("." * 90), log("x" * 19, first=90), *(log("." * 20, first=109 + 20 * n) for n in range(6))]
    assert sum(take(cap, pieces)) == 229


def test_it_can_be_switched_off() -> None:
    assert read("x" * 1000, NEVER) == -1


def test_it_says_what_where_and_what_to_do_and_nothing_that_people_wrote() -> None:
    with pytest.raises(TooManyRefused) as caught:
        list(take(RefusalCap(RUN_OF_3), [log(".x?x")]))
    says = str(caught.value)
    wanted = ("3 records of interactions/3 in a row", "malformed 2, unknown_schema 1", "interactions/3/3", "committed")
    assert [words for words in (*wanted, "SUPPORTPULSE_REFUSED_RUN=0") if words not in says] == []
    assert "4111" not in says
    assert "secret" not in says


def test_by_default_a_bad_deploy_is_stopped_and_a_bad_producer_among_many_is_not() -> None:
    assert read("x" * 60, CapLimits()) == 0
    assert read(("." * 9 + "x") * 1_000, CapLimits(), {4_000, 8_000}) == -1
    assert read(("..x") * 2_000, CapLimits(), {100 * n for n in range(60)}) == 1_400
