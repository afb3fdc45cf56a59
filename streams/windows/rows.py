"""Every counted fact of the last 24 h, by pane: what the windows need to let it go again.

A fact takes 8 bytes (value and group), 12 in a pane that holds a value of 50 days or more; a pane takes some 400 bytes
of its own, which is 7 MB for a full day.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        values, groups = _narrow(rows.value_ms), rows.group.astype(np.int32)
        for pane, chosen in _by_pane(rows.pane):
            value, group = _narrow(values[chosen]), groups[chosen]
            there = self._panes.get(pane)
            if there is not None:
                value, group = np.concatenate([there[0], value]), np.concatenate([there[1], group])
            self._panes[pane] = (value, group)
        self._size += len(rows)

    def remove(self, rows: Rows) -> Flags:
        """Take out one stored row equal to each of `rows`; the answer says for which of them there was one."""
        found = np.zeros(len(rows), dtype=np.bool_)
        for pane, chosen in _by_pane(rows.pane):
            there = self._panes.get(pane)
            if there is not None:
                found[chosen] = self._remove(pane, there, rows.value_ms[chosen], rows.group[chosen])
        self._size -= int(found.sum())
        return found

    def between(self, first_pane: int, last_pane: int) -> Iterator[Rows]:
        """The rows of these panes, both included, some ten thousand at a time."""
        chunk: list[tuple[int, _Narrow, _Narrow]] = []
        size = 0
        for pane in self._within(first_pane, last_pane):
            value, group = self._panes[pane]
            chunk.append((pane, value, group))
            size += len(value)
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

    def _remove(self, pane: int, there: tuple[_Narrow, _Narrow], value_ms: Ints, group: Ints) -> Flags:
        values, groups = there
        stored, wanted = _names(values, groups, value_ms, group)
        order = np.argsort(stored, kind="stable")
        ordered = stored[order]
        # The first wanted of a kind takes the first stored of its kind, the second the second.
        asking = np.argsort(wanted, kind="stable")
        queue = wanted[asking]
        turn = np.arange(len(queue)) - np.searchsorted(queue, queue)
        place = np.searchsorted(ordered, queue) + turn
        held = np.take(ordered, place, mode="clip") == queue
        held &= place < len(ordered)
        found = np.zeros(len(wanted), dtype=np.bool_)
        found[asking] = held
        gone = order[place[held]]
        if len(gone) == len(values):
            del self._panes[pane]
        elif len(gone):
            self._panes[pane] = (np.delete(values, gone), np.delete(groups, gone))
        return found


def _names(values: _Narrow, groups: _Narrow, value_ms: Ints, group: Ints) -> tuple[Ints, Ints]:
    """One number for each stored and each wanted pair of value and group; the same for the same pair."""
    _, rank = np.unique(np.concatenate([values, value_ms]), return_inverse=True)
    name = (rank.reshape(-1).astype(np.int64) << 32) + np.concatenate([groups, group])
    return name[: len(values)], name[len(values) :]


def _by_pane(pane: Ints) -> Iterator[tuple[int, Ints]]:
    if not len(pane):
        return
    order = np.argsort(pane, kind="stable")
    ordered = pane[order]
    starts = np.flatnonzero(np.diff(ordered)) + 1
    for chosen in np.split(order, starts):
        yield int(pane[chosen[0]]), chosen


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
