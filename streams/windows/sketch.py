"""Counts by value, for quantiles: a bucket is at most 1/64 wide, so its middle is within 1/128 of all it holds.

Buckets are integers made by shifting: values below 128 ms have one each, after that every doubling has 64. Counts are
integers too, so what was added can be taken away again, and what is left is what would have been counted without it.
The 64 buckets of one doubling are a page, and a series has only the pages it has values in.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from streams.windows.deltas import Ints
from streams.windows.shape import PERCENTS

Floats: TypeAlias = npt.NDArray[np.float64]
_Counts: TypeAlias = npt.NDArray[np.int32]

_PAGE_BITS = 6
PAGE_BUCKETS = 1 << _PAGE_BITS
_PAGES_PER_SERIES = 40
#: 1,100 years: more than lies between the first and the last instant that the records can say.
_LARGEST = (1 << _PAGES_PER_SERIES + _PAGE_BITS - 1) - 1
_FIRST_PAGES = 64
_ONE = np.int32(1)


def bucket_of(value_ms: Ints) -> Ints:
    """The bucket of each value. Negative values are counted as 0, those above 1,100 years as that."""
    value = np.clip(value_ms, 0, _LARGEST)
    # Exact up to 2^53: the exponent is the number of bits.
    bits = np.frexp(value.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - _PAGE_BITS - 1, 0)
    bucket: Ints = (shift << _PAGE_BITS) + (value >> shift)
    return bucket


def middle_of(bucket: Ints) -> Floats:
    """The value that stands for each bucket."""
    shift = np.maximum((bucket >> _PAGE_BITS) - 1, 0)
    lowest = (bucket - (shift << _PAGE_BITS)) << shift
    middle: Floats = lowest + ((np.int64(1) << shift) - 1) / 2
    return middle


class Sketches:
    """The bucket counts of every series of one window."""

    __slots__ = ("_counts", "_free", "_owner", "_pages", "_totals")

    def __init__(self, capacity: int) -> None:
        #: The page of each series and doubling; 0 for none. Page 0 belongs to nobody and stays empty.
        self._pages: _Counts = np.zeros((capacity, _PAGES_PER_SERIES), dtype=np.int32)
        self._counts: _Counts = np.zeros((_FIRST_PAGES, PAGE_BUCKETS), dtype=np.int32)
        self._totals: _Counts = np.zeros(_FIRST_PAGES, dtype=np.int32)
        #: Where in `_pages`, flat, each page is entered.
        self._owner: Ints = np.zeros(_FIRST_PAGES, dtype=np.int64)
        self._free: list[int] = list(range(_FIRST_PAGES - 1, 0, -1))

    @property
    def pages(self) -> int:
        """Pages in use."""
        return len(self._totals) - 1 - len(self._free)

    def grow(self, capacity: int) -> None:
        """Make room for series below `capacity`."""
        more = np.zeros((capacity - len(self._pages), _PAGES_PER_SERIES), dtype=np.int32)
        self._pages = np.concatenate([self._pages, more])

    def add(self, series: Ints, bucket: Ints) -> None:
        """Count one more for each (series, bucket)."""
        place = series * _PAGES_PER_SERIES + (bucket >> _PAGE_BITS)
        page = self._pages.ravel()[place]
        missing = page == 0
        if missing.any():
            self._open(np.unique(place[missing]))
            page = self._pages.ravel()[place]
        page = page.astype(np.int64)
        np.add.at(self._counts.ravel(), (page << _PAGE_BITS) + (bucket & PAGE_BUCKETS - 1), _ONE)
        np.add.at(self._totals, page, _ONE)

    def subtract(self, series: Ints, bucket: Ints) -> None:
        """Count one less. Each must have been added before."""
        page = self._pages.ravel()[series * _PAGES_PER_SERIES + (bucket >> _PAGE_BITS)].astype(np.int64)
        np.subtract.at(self._counts.ravel(), (page << _PAGE_BITS) + (bucket & PAGE_BUCKETS - 1), _ONE)
        np.subtract.at(self._totals, page, _ONE)
        empty = np.unique(page[self._totals[page] == 0])
        self._pages.ravel()[self._owner[empty]] = 0
        self._free += empty.tolist()

    def quantiles(self, series: Ints, count: Ints) -> Floats:
        """Shape (percents, series): each quantile as `batch.quantile` defines it, to within 1/128.

        `count` is what each series holds, at least 1.
        """
        pages = self._pages[series].astype(np.int64)
        totals = self._totals[pages]
        ends = totals.cumsum(axis=1, dtype=np.int32)
        answers = np.empty((len(PERCENTS), len(series)))
        for row, percent in enumerate(PERCENTS):
            position = percent * (count - 1)
            rank, rest = position // 100, position % 100
            below, more = self._value_at(pages, totals, ends, rank)
            above = below.copy()
            further = np.flatnonzero((rest > 0) & (more == 0))
            above[further], _ = self._value_at(pages[further], totals[further], ends[further], rank[further] + 1)
            answers[row] = below + (above - below) * (rest / 100)
        return answers

    def _value_at(self, pages: Ints, totals: _Counts, ends: _Counts, rank: Ints) -> tuple[Floats, Ints]:
        """The value of each rank, from 0, and how many of the following ranks are in the same bucket."""
        every = np.arange(len(rank))
        doubling = np.argmax(ends > rank[:, None], axis=1)
        inside = rank - ends[every, doubling] + totals[every, doubling]
        counts = self._counts[pages[every, doubling]].cumsum(axis=1, dtype=np.int32)
        bucket = np.argmax(counts > inside.astype(np.int32)[:, None], axis=1)
        return middle_of((doubling << _PAGE_BITS) + bucket), counts[every, bucket] - inside - 1

    def _open(self, places: Ints) -> None:
        while len(self._free) < len(places):
            self._more_pages()
        new = [self._free.pop() for _ in range(len(places))]
        self._pages.ravel()[places] = new
        self._owner[new] = places

    def _more_pages(self) -> None:
        there = len(self._totals)
        self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._totals = np.concatenate([self._totals, np.zeros_like(self._totals)])
        self._owner = np.concatenate([self._owner, np.zeros_like(self._owner)])
        self._free += range(2 * there - 1, there - 1, -1)
