from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import MAX_MS, MIN_MS
from streams.windows.sketch import Sketches, bucket_of, middle_of

LONGEST_MS = MAX_MS - MIN_MS


@given(st.lists(st.integers(0, LONGEST_MS), min_size=1, max_size=200))
def test_a_buckets_middle_is_within_one_part_in_128_of_all_it_holds(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert (np.abs(middle_of(bucket_of(array)) - array) * 128 <= array).all()


def test_small_values_have_buckets_of_their_own() -> None:
    array = np.arange(128, dtype=np.int64)
    assert (middle_of(bucket_of(array)) == array).all()


@given(st.lists(st.integers(0, LONGEST_MS), min_size=2, max_size=200))
def test_buckets_are_in_the_order_of_their_values(values: list[int]) -> None:
    buckets = bucket_of(np.array(sorted(values), dtype=np.int64))
    assert (np.diff(buckets) >= 0).all()


def test_the_edges_of_every_doubling_fall_into_the_right_bucket() -> None:
    for bits in range(7, 44):
        edge = 1 << bits
        below, at = bucket_of(np.array([edge - 1, edge], dtype=np.int64)).tolist()
        assert at == below + 1
        assert at % 64 == 0


def test_what_was_added_and_subtracted_leaves_no_page() -> None:
    sketches = Sketches(16)
    rng = np.random.default_rng(5)
    series, bucket = rng.integers(1, 16, 5_000), rng.integers(0, 2_500, 5_000)
    sketches.add(series, bucket)
    assert sketches.pages > 0
    order = rng.permutation(5_000)
    sketches.subtract(series[order[:2_500]], bucket[order[:2_500]])
    sketches.subtract(series[order[2_500:]], bucket[order[2_500:]])
    assert sketches.pages == 0
