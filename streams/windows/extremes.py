"""The least and the greatest value of each series in each block of five minutes.

When a window loses its least value, the next one is found among the blocks that lie inside of it and the stored rows of
the one block that it cuts through, not among all its facts. Per series this takes 4.6 KB.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streams.windows.deltas import Flags, Ints
from streams.windows.groups import Groups, Shares
from streams.windows.rows import PaneStore, Rows
from streams.windows.shape import HORIZON_PANES

BLOCK_PANES = 60
#: A full day, the block it cuts through, and the one being filled.
_RING = HORIZON_PANES // BLOCK_PANES + 2
NO_LEAST = np.int64(2**63 - 1)
NO_GREATEST = np.int64(-(2**63))


class Extremes:
    """Covers the panes up to the last one that is over; later ones are not in here yet."""

    __slots__ = ("_doubtful", "_greatest", "_groups", "_last_block", "_least", "_store")

    def __init__(self, capacity: int, store: PaneStore, groups: Groups) -> None:
        self._least: Ints = np.full((_RING, capacity), NO_LEAST)
        self._greatest: Ints = np.full((_RING, capacity), NO_GREATEST)
        #: Where extremes may have been taken away: looked up again when they are needed.
        self._doubtful: Flags = np.zeros((_RING, capacity), dtype=np.bool_)
        self._last_block = 0
        self._store = store
        self._groups = groups

    def grow(self, capacity: int) -> None:
        """Make room for series below `capacity`."""
        more = capacity - self._least.shape[1]
        self._least = np.concatenate([self._least, np.full((_RING, more), NO_LEAST)], axis=1)
        self._greatest = np.concatenate([self._greatest, np.full((_RING, more), NO_GREATEST)], axis=1)
        self._doubtful = np.concatenate([self._doubtful, np.zeros((_RING, more), dtype=np.bool_)], axis=1)

    def advance(self, last_pane: int) -> None:
        """Time has come to `last_pane`: begin the blocks up to its own."""
        last_block = _block_of(last_pane)
        for block in range(max(self._last_block + 1, last_block - _RING + 1), last_block + 1):
            self._least[block % _RING] = NO_LEAST
            self._greatest[block % _RING] = NO_GREATEST
            self._doubtful[block % _RING] = False
        self._last_block = last_block

    def add(self, shares: Shares) -> None:
        """These rows are in now."""
        place = self._places(shares.pane, shares.series)
        np.minimum.at(self._least.ravel(), place, shares.value_ms)
        np.maximum.at(self._greatest.ravel(), place, shares.value_ms)

    def remove(self, shares: Shares) -> None:
        """These rows are out of the store now, by a revision."""
        place = self._places(shares.pane, shares.series)
        least, greatest = self._least.ravel()[place], self._greatest.ravel()[place]
        hit = (shares.value_ms == least) | (shares.value_ms == greatest)
        self._doubtful.ravel()[place[hit]] = True

    def clear(self, series: list[int]) -> None:
        """These numbers may be given to other series."""
        self._least[:, series] = NO_LEAST
        self._greatest[:, series] = NO_GREATEST
        self._doubtful[:, series] = False

    def over(self, first_pane: int, last_pane: int, series: Ints) -> tuple[Ints, Ints]:
        """The least and greatest value of each of `series` in these panes, both included.

        `last_pane` is the last one that is over.
        """
        first_block = -(-(first_pane - 1) // BLOCK_PANES)
        cut = min(first_block * BLOCK_PANES, last_pane)
        least, greatest = self._from_rows(first_pane, cut, series)
        blocks = np.arange(first_block, _block_of(last_pane) + 1)
        if len(blocks):
            within = np.ix_(blocks % _RING, series)
            doubtful = self._doubtful[within]
            if doubtful.any():
                self._look_again_where_it_matters(blocks, series, doubtful, last_pane, least, greatest)
            least = np.minimum(least, self._least[within].min(axis=0))
            greatest = np.maximum(greatest, self._greatest[within].max(axis=0))
        return least, greatest

    def _look_again_where_it_matters(
        self, blocks: Ints, series: Ints, doubtful: Flags, last_pane: int, least: Ints, greatest: Ints
    ) -> None:
        """What is doubtful is right or too extreme: the answer hangs on it only where it is beyond what is sure."""
        within = np.ix_(blocks % _RING, series)
        lows, highs = self._least[within], self._greatest[within]
        sure_least = np.minimum(least, np.where(doubtful, NO_LEAST, lows).min(axis=0))
        sure_greatest = np.maximum(greatest, np.where(doubtful, NO_GREATEST, highs).max(axis=0))
        matters = doubtful & ((lows < sure_least) | (highs > sure_greatest))
        if matters.any():
            self._look_again(blocks[np.any(matters, axis=1)], last_pane, series[np.any(matters, axis=0)])

    def _look_again(self, blocks: Ints, last_pane: int, series: Ints) -> None:
        within = np.ix_(blocks % _RING, series)
        doubtful = self._doubtful[within]
        self._least[within] = np.where(doubtful, NO_LEAST, self._least[within])
        self._greatest[within] = np.where(doubtful, NO_GREATEST, self._greatest[within])
        panes = (blocks[:, None] * BLOCK_PANES + np.arange(1, BLOCK_PANES + 1)).ravel()
        for of, rows, row in self._stored(panes[panes <= last_pane], series[np.any(doubtful, axis=0)]):
            place = self._places(rows.pane[row], of)
            # Some may be doubtful and not asked for: what is stored is there already.
            here = np.flatnonzero(self._doubtful.ravel()[place])
            place, value_ms = place[here], rows.value_ms[row[here]]
            np.minimum.at(self._least.ravel(), place, value_ms)
            np.maximum.at(self._greatest.ravel(), place, value_ms)
        self._doubtful[within] = False

    def _from_rows(self, first_pane: int, last_pane: int, series: Ints) -> tuple[Ints, Ints]:
        capacity = self._least.shape[1]
        least, greatest = np.full(capacity, NO_LEAST), np.full(capacity, NO_GREATEST)
        for of, rows, row in self._stored(np.arange(first_pane, last_pane + 1), series):
            value_ms = rows.value_ms[row]
            np.minimum.at(least, of, value_ms)
            np.maximum.at(greatest, of, value_ms)
        return least[series], greatest[series]

    def _stored(self, panes: Ints, series: Ints) -> Iterator[tuple[Ints, Rows, Ints]]:
        """The stored rows of these panes that belong to one of the series: all their series, the rows, and which row
        each series belongs to.
        """
        asked: Flags = np.zeros(self._least.shape[1], dtype=np.bool_)
        asked[series] = True
        asked_groups: Flags = np.any(asked[self._groups.series_of], axis=1)
        for rows in self._store.of(panes.tolist()):
            chosen = rows.where(asked_groups[rows.group])
            of, row = self._groups.spread(chosen.group)
            yield of, chosen, row

    def _places(self, pane: Ints, series: Ints) -> Ints:
        row = (pane - 1) // BLOCK_PANES % _RING
        places: Ints = row * self._least.shape[1] + series
        return places


def _block_of(pane: int) -> int:
    return (pane - 1) // BLOCK_PANES
