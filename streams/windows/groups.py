"""Numbers for series and for groups of facts that share all their series, given out and taken back.

A fact belongs to up to five series. Facts with the same metric, channel, team, agent and priority (and outcome, if that
is graded) form a group, so that a stored fact needs one small number to name all its series.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern

import numpy as np

from schemas.records import Dimension
from streams.windows.deltas import GroupKey, Ints
from streams.windows.rows import Rows
from streams.windows.shape import DIMENSIONS, SeriesKey
from streams.windows.sketch import bucket_of

_FIRST_CAPACITY = 64
_GRADES = {"met": 1, "breached": 2}
_WIDTH = len(DIMENSIONS)
#: The row count of a number that is not given.
_FREE = -1


@dataclass(frozen=True, slots=True)
class Shares:
    """Rows spread over their series: one element per row and series, all columns of one length."""

    series: Ints
    value_ms: Ints
    bucket: Ints
    pane: Ints
    #: The series of rows whose clock was met, and of those whose clock was breached; shorter than the rest.
    met: Ints
    breached: Ints


class Series:
    """Series by number, from 1. Number 0 is never given: it stands for "none"."""

    __slots__ = ("_free", "_idle", "_ids", "_unsaid", "groups", "keys")

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, str, str], int] = {}
        self._free: list[int] = []
        self._unsaid: list[int] = []
        self._idle: set[int] = set()
        self.keys: list[SeriesKey | None] = [None]
        #: How many groups belong to each series.
        self.groups: list[int] = [0]

    def __len__(self) -> int:
        return len(self._ids)

    def number(self, tenant: str, metric: str, dimension: Dimension, value: str) -> int:
        """The series' number; a new series gets one."""
        # A plain tuple finds a named one, and is made in a quarter of the time.
        series = self._ids.get((tenant, metric, dimension, value))
        if series is None:
            key = SeriesKey(tenant, metric, dimension, value)
            if self._free:
                series = self._free.pop()
                self.keys[series] = key
            else:
                series = len(self.keys)
                self.keys.append(key)
                self.groups.append(0)
            self._ids[key] = series
            self._unsaid.append(series)
            self._idle.add(series)
        return series

    @property
    def highest(self) -> int:
        """The highest number given so far."""
        return len(self.keys) - 1

    def take_unsaid(self) -> list[int]:
        """The series that are new since the last call."""
        unsaid, self._unsaid = self._unsaid, []
        return unsaid

    def take_idle(self) -> list[int]:
        """The series that have no group any more, or never had one, in no order."""
        idle, self._idle = self._idle, set()
        return [series for series in idle if not self.groups[series] and self.keys[series] is not None]

    def join(self, series: int) -> None:
        """One more group belongs to the series."""
        self.groups[series] += 1

    def leave(self, series: int) -> None:
        """One group less belongs to the series."""
        self.groups[series] -= 1
        if not self.groups[series]:
            self._idle.add(series)

    def release(self, series: int) -> None:
        """Give the number back. Whoever keeps something under it has to clear it first."""
        key = self.keys[series]
        if key is not None:
            del self._ids[key]
            self.keys[series] = None
            self._free.append(series)


class Groups:
    """Groups by number, and how many stored rows each has."""

    __slots__ = ("_free", "_grade", "_ids", "_keys", "_rows", "_series", "series_of")

    def __init__(self, series: Series) -> None:
        self._series = series
        self._ids: dict[str, dict[GroupKey, int]] = {}
        self._keys: list[tuple[str, GroupKey]] = []
        self._free: list[int] = []
        #: The five series of each group, 0 where it has none for a dimension.
        self.series_of: Ints = np.zeros((_FIRST_CAPACITY, _WIDTH), dtype=np.int64)
        self._grade: Ints = np.zeros(_FIRST_CAPACITY, dtype=np.int64)
        self._rows: Ints = np.zeros(_FIRST_CAPACITY, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._keys) - len(self._free)

    def numbers(self, tenant: str, keys: list[GroupKey]) -> Ints:
        """The groups' numbers; new groups get one."""
        known = self._ids.setdefault(tenant, {})
        found = np.array([known.get(key, _FREE) for key in keys], dtype=np.int64)
        new = np.flatnonzero(found == _FREE)
        if len(new):
            found[new] = self._new(tenant, known, [keys[place] for place in new.tolist()])
        return found

    def hold(self, groups: Ints) -> None:
        """These rows are stored now."""
        np.add.at(self._rows, groups, np.int64(1))

    def let_go(self, groups: Ints) -> None:
        """These rows are stored no longer."""
        np.subtract.at(self._rows, groups, np.int64(1))

    def shares(self, rows: Rows) -> Shares:
        """Rows spread over their series."""
        flat = np.take(self.series_of, rows.group, axis=0).ravel()
        kept = np.flatnonzero(flat)
        series, row = flat[kept], kept // _WIDTH
        grade = self._grade[rows.group]
        if grade.any():
            grade = grade[row]
            met, breached = series[grade == 1], series[grade == 2]
        else:
            met = breached = series[:0]
        return Shares(series, rows.value_ms[row], bucket_of(rows.value_ms)[row], rows.pane[row], met, breached)

    def drop_unused(self) -> None:
        """Forget the groups without stored rows; series that lose their last group keep their number for now."""
        for group in np.flatnonzero(self._rows[: len(self._keys)] == 0).tolist():
            tenant, key = self._keys[group]
            known = self._ids[tenant]
            del known[key]
            if not known:
                del self._ids[tenant]
            self._rows[group] = _FREE
            self._free.append(group)
            for series in self.series_of[group].tolist():
                self._series.leave(series)

    def _new(self, tenant: str, known: dict[GroupKey, int], keys: list[GroupKey]) -> list[int]:
        """Numbers for groups that are not known, all of them different."""
        numbers = [self._give(tenant, _interned(key)) for key in keys]
        known.update((self._keys[group][1], group) for group in numbers)
        self._rows[numbers] = 0
        self._grade[numbers] = [_GRADES.get(outcome or "", 0) for _, outcome, *_ in keys]
        self.series_of[numbers] = [self._join(tenant, key) for key in keys]
        return numbers

    def _give(self, tenant: str, key: GroupKey) -> int:
        if self._free:
            group = self._free.pop()
            self._keys[group] = (tenant, key)
        else:
            group = len(self._keys)
            self._keys.append((tenant, key))
            if group == len(self._rows):
                self._grow()
        return group

    def _join(self, tenant: str, key: GroupKey) -> list[int]:
        """The series of a group, one for each dimension: 0 where it has none."""
        metric, _, *said = key
        found = [self._series.number(tenant, metric, "all", "")]
        for dimension, value in zip(DIMENSIONS[1:], said, strict=True):
            found.append(0 if value is None else self._series.number(tenant, metric, dimension, value))
        for series in found:
            self._series.join(series)
        return found

    def _grow(self) -> None:
        more = len(self._rows)
        self.series_of = np.concatenate([self.series_of, np.zeros((more, _WIDTH), dtype=np.int64)])
        self._grade = np.concatenate([self._grade, np.zeros(more, dtype=np.int64)])
        self._rows = np.concatenate([self._rows, np.zeros(more, dtype=np.int64)])


def _interned(key: GroupKey) -> GroupKey:
    """What many groups and their series share is kept once."""
    metric, outcome, channel, team, agent, priority = key
    return (
        intern(metric),
        outcome and intern(outcome),
        intern(channel),
        team and intern(team),
        agent and intern(agent),
        priority and intern(priority),
    )
