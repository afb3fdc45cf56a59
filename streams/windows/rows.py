"""Every counted fact of the last 24 h, by pane: what the windows need to let it go again.

A fact takes 8 bytes (value and group), 12 in a pane that holds a value of 50 days or more; a pane takes some 400 bytes
of its own, which is 7 MB for a full day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from streams.windows.deltas import Flags, Ints

#: Rows handed out at once: enough to make numpy's overhead vanish, few enough to stay in the cache.
CHUNK_ROWS = 32_768

_Narrow: TypeAlias = npt.NDArray[Any]
_NARROW_LIMIT = 1 << 32


@dataclass(frozen=True, slots=True)
class Rows:
    """Facts as columns of one length: the pane each lies in, its value, its group."""

    pane: Ints
    value_ms: Ints
    group: Ints

    def __len__(self) -> int:
        return len(self.pane)

    def where(self, chosen: Flags) -> Rows:
        """The chosen rows."""
        return Rows(self.pane[chosen], self.value_ms[chosen], self.group[chosen])

    def since(self, first_pane: int) -> Rows:
        """The rows of `first_pane` and later."""
        chosen = self.pane >= first_pane
        return self if chosen.all() else self.where(chosen)


class PaneStore:
    """Rows by pane."""

    __slots__ = ("_panes", "_size")

    def __init__(self) -> None:
        self._panes: dict[int, tuple[_Narrow, _Narrow]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, rows: Rows) -> None:
        """Store rows of any panes, in any order."""
        order = np.argsort(rows.pane, kind="stable")
        values, groups = _narrow(rows.value_ms[order]), rows.group[order].astype(np.int32)
        panes, sizes = np.unique(rows.pane, return_counts=True)
        ends = np.cumsum(sizes)
        for pane, start, end in zip(panes.tolist(), (ends - sizes).tolist(), ends.tolist(), strict=True):
            value, group = _narrow(values[start:end]), groups[start:end]
            there = self._panes.get(pane)
            # A slice would keep all of the rows.
            self._panes[pane] = (
                (value.copy(), group.copy())
                if there is None
                else (np.concatenate([there[0], value]), np.concatenate([there[1], group]))
            )
        self._size += len(rows)

    def remove(self, rows: Rows) -> Flags:
        """Take out one stored row equal to each of `rows`; the answer says for which of them there was one."""
        found = np.zeros(len(rows), dtype=np.bool_)
        for stored in self.of(np.unique(rows.pane).tolist()):
            chosen = (rows.pane >= stored.pane[0]) & (rows.pane <= stored.pane[-1])
            gone, found[chosen] = _pairs(stored, rows.where(chosen))
            self._take_out(stored.pane, gone)
        self._size -= int(found.sum())
        return found

    def between(self, first_pane: int, last_pane: int) -> Iterator[Rows]:
        """The rows of these panes, both included, some ten thousand at a time."""
        return self.of(self._within(first_pane, last_pane))

    def of(self, panes: Iterable[int]) -> Iterator[Rows]:
        """The rows of these panes, one pane after the other, some ten thousand rows at a time."""
        chunk: list[tuple[int, _Narrow, _Narrow]] = []
        size = 0
        for pane in panes:
            there = self._panes.get(pane)
            if there is None:
                continue
            chunk.append((pane, *there))
            size += len(there[0])
            if size >= CHUNK_ROWS:
                yield _join(chunk)
                chunk, size = [], 0
        if chunk:
            yield _join(chunk)

    def drop(self, first_pane: int, last_pane: int) -> None:
        """Forget these panes, both included."""
        for pane in self._within(first_pane, last_pane):
            self._size -= len(self._panes.pop(pane)[0])

    def _within(self, first_pane: int, last_pane: int) -> list[int]:
        if last_pane - first_pane > len(self._panes):
            return [pane for pane in self._panes if first_pane <= pane <= last_pane]
        return [pane for pane in range(first_pane, last_pane + 1) if pane in self._panes]

    def _take_out(self, stored: Ints, gone: Flags) -> None:
        """Forget what is `gone` of these rows, of which `stored` says the panes: ascending, and all rows of each."""
        panes = np.unique(stored[gone])
        for pane, start in zip(panes.tolist(), np.searchsorted(stored, panes).tolist(), strict=True):
            value, group = self._panes[pane]
            left = ~gone[start : start + len(value)]
            if left.any():
                self._panes[pane] = (value[left], group[left])
            else:
                del self._panes[pane]


def _pairs(stored: Rows, wanted: Rows) -> tuple[Flags, Flags]:
    """Pairs of equal rows, as many as there are: which of the stored and which of the wanted ones are in one."""
    columns = (stored.group, wanted.group), (stored.value_ms, wanted.value_ms), (stored.pane, wanted.pane)
    keys = [np.concatenate(column) for column in columns]
    # Equal ones are a run, in which the stored come first.
    order = np.lexsort(keys)
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = np.any([key[order[1:]] != key[order[:-1]] for key in keys], axis=0)
    starts = np.flatnonzero(begins)
    run = np.cumsum(begins) - 1
    asking = order >= len(stored)
    asked = np.add.reduceat(asking, starts, dtype=np.int64)
    held = np.diff(starts, append=len(order)) - asked
    # The first wanted of a run takes the first stored, the second the second.
    place = np.arange(len(order)) - starts[run] - np.where(asking, held[run], 0)
    paired = np.empty(len(order), dtype=np.bool_)
    paired[order] = place < np.minimum(asked, held)[run]
    return paired[: len(stored)], paired[len(stored) :]


def _narrow(value_ms: _Narrow) -> _Narrow:
    if value_ms.dtype == np.uint32 or not len(value_ms):
        return value_ms
    if value_ms.min() >= 0 and value_ms.max() < _NARROW_LIMIT:
        return value_ms.astype(np.uint32)
    return value_ms


def _join(chunk: list[tuple[int, _Narrow, _Narrow]]) -> Rows:
    panes = np.array([pane for pane, _, _ in chunk], dtype=np.int64)
    sizes = [len(value) for _, value, _ in chunk]
    return Rows(
        pane=np.repeat(panes, sizes),
        value_ms=np.concatenate([value for _, value, _ in chunk]).astype(np.int64),
        group=np.concatenate([group for _, _, group in chunk]).astype(np.int64),
    )
