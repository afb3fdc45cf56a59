"""What may be committed: the finished prefix, and nothing behind an unfinished chunk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.worker.offsets import OffsetBook

#: deliver a chunk of so many records; finish the chunk at this position of those delivered; commit; start over
steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.just("finish"), st.integers(0, 12)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=40,
)


class Naive:
    """Every offset by itself: delivered, and finished or not."""

    def __init__(self) -> None:
        self.finished: dict[int, bool] = {}
        self.chunks: list[range] = []
        self.committed: int | None = None

    def to_commit(self) -> int | None:
        safe = None
        for offset in sorted(self.finished):
            if not self.finished[offset]:
                break
            safe = offset + 1
        return None if safe == self.committed else safe


@given(steps)
@settings(max_examples=200, deadline=None)
def test_a_commit_never_passes_an_unfinished_record_and_misses_no_finished_one(told: list[tuple[str, int]]) -> None:
    book, naive, end = OffsetBook(), Naive(), 0
    for what, number in told:
        if what == "deliver":
            chunk = range(end, end + number)
            naive.chunks.append(chunk)
            naive.finished |= dict.fromkeys(chunk, False)
            end = chunk.stop
            book.delivered(chunk[-1])
        elif what == "finish" and number < len(naive.chunks):
            chunk = naive.chunks[number]
            naive.finished |= dict.fromkeys(chunk, True)
            book.finished(chunk[-1])
        elif what == "commit" and (offset := book.to_commit()) is not None:
            book.committed(offset)
            naive.committed = offset
        elif what == "clear":
            book.clear()
            naive = Naive()
        assert book.to_commit() == naive.to_commit()


def test_a_chunk_from_before_a_seek_that_finishes_late_is_not_taken_for_a_new_one() -> None:
    book = OffsetBook()
    book.delivered(9)
    book.clear()
    book.delivered(4)
    book.finished(9)
    assert book.to_commit() is None


def test_a_chunk_that_is_delivered_again_counts_once_it_is_finished_again() -> None:
    book = OffsetBook()
    book.delivered(9)
    book.finished(9)
    book.clear()
    book.delivered(9)
    assert book.to_commit() is None
    book.finished(9)
    assert book.to_commit() == 10
