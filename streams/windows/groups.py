"""Numbers for groups of facts that share all their series, given out and taken back.

A fact belongs to up to five series. Facts of one kind (metric, and outcome if that is graded) and one profile (channel,
team, agent and priority) form a group, so that a stored fact needs one small number to name all its series. Which group
a kind and a profile make stands in a table: a batch has many facts, but few kinds and not many profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from streams.windows.deltas import DeltaBatch, Flags, Ints, Kind, Profile
from streams.windows.rows import Rows
from streams.windows.series import Series
from streams.windows.shape import DIMENSIONS
from streams.windows.sketch import bucket_of

#: The numbers of a group's profile and kind.
Place: TypeAlias = tuple[int, int]
_Key = TypeVar("_Key")

_FIRST_CAPACITY = 64
_FIRST_KINDS = 32
_GRADES = {"met": 1, "breached": 2}
_WIDTH = len(DIMENSIONS)
#: In place of a number that is not given.
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


class _Numbered(Generic[_Key]):
    """Keys by number. A number that is given back is given to somebody else, and its key stands there until then."""

    __slots__ = ("_free", "keys")

    def __init__(self) -> None:
        self._free: list[int] = []
        self.keys: list[_Key] = []

    def __len__(self) -> int:
        return len(self.keys) - len(self._free)

    def give(self, key: _Key) -> int:
        if self._free:
            number = self._free.pop()
            self.keys[number] = key
        else:
            number = len(self.keys)
            self.keys.append(key)
        return number

    def give_back(self, number: int) -> None:
        self._free.append(number)


class _Profiles:
    """Profiles of all tenants by number, and the table of groups: a line per profile, a column per kind."""

    __slots__ = ("_groups", "_ids", "_numbered", "table")

    def __init__(self) -> None:
        self._ids: dict[str, dict[Profile, int]] = {}
        self._numbered: _Numbered[tuple[str, Profile]] = _Numbered()
        #: How many groups each has.
        self._groups: list[int] = [0] * _FIRST_CAPACITY
        self.table: Ints = np.full((_FIRST_CAPACITY, _FIRST_KINDS), _FREE)

    def numbers(self, tenant: str, profiles: list[Profile]) -> list[int]:
        """Their numbers; who is new gets one, for which a group has to be entered."""
        known = self._ids.setdefault(tenant, {})
        return [
            self._give(tenant, known, profile) if (number := known.get(profile)) is None else number
            for profile in profiles
        ]

    def key(self, number: int) -> tuple[str, Profile]:
        """Whose it is, and the profile."""
        return self._numbered.keys[number]

    def enter(self, places: list[Place], groups: list[int]) -> None:
        """Facts of these profiles and kinds are those groups."""
        numbers, kinds = zip(*places, strict=True)
        self.table[numbers, kinds] = groups
        for number in numbers:
            self._groups[number] += 1

    def strike(self, number: int, kind: int) -> None:
        """There is no such group any more; with the last one, the profile is forgotten."""
        self.table[number, kind] = _FREE
        self._groups[number] -= 1
        if not self._groups[number]:
            tenant, profile = self.key(number)
            known = self._ids[tenant]
            del known[profile]
            if not known:
                del self._ids[tenant]
            self._numbered.give_back(number)

    def widen(self, kinds: int) -> None:
        """Make room for kinds below `kinds`."""
        lines, width = self.table.shape
        if kinds > width:
            self.table = np.concatenate([self.table, np.full((lines, width), _FREE)], axis=1)

    def _give(self, tenant: str, known: dict[Profile, int], profile: Profile) -> int:
        channel, team, agent, priority = profile
        # What many profiles and their series share is kept once.
        key = (intern(channel), team and intern(team), agent and intern(agent), priority and intern(priority))
        number = self._numbered.give((tenant, key))
        if number == len(self.table):
            self.table = np.concatenate([self.table, np.full_like(self.table, _FREE)])
            self._groups += [0] * number
        known[key] = number
        return number


class Groups:
    """Groups by number, and how many stored rows each has."""

    __slots__ = ("_grade", "_kind_keys", "_kinds", "_places", "_profiles", "_rows", "_series", "series_of")

    def __init__(self, series: Series) -> None:
        self._series = series
        self._kinds: dict[Kind, int] = {}
        self._kind_keys: list[Kind] = []
        self._profiles = _Profiles()
        self._places: _Numbered[Place] = _Numbered()
        #: The five series of each group, 0 where it has none for a dimension.
        self.series_of: Ints = np.zeros((_FIRST_CAPACITY, _WIDTH), dtype=np.int64)
        self._grade: Ints = np.zeros(_FIRST_CAPACITY, dtype=np.int64)
        self._rows: Ints = np.zeros(_FIRST_CAPACITY, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._places)

    def numbers(self, batch: DeltaBatch, chosen: Flags) -> Ints:
        """The group of each of the chosen rows of a batch; new groups get a number."""
        kinds = np.array([self._kind(kind) for kind in batch.kinds], dtype=np.int64)
        profile = batch.profile[chosen]
        # Not np.unique, which sorts the rows.
        used = np.flatnonzero(np.bincount(profile))
        profiles = np.zeros(len(batch.profiles), dtype=np.int64)
        profiles[used] = self._profiles.numbers(batch.tenant, [batch.profiles[place] for place in used.tolist()])
        line, column = profiles[profile], kinds[batch.kind[chosen]]
        found: Ints = self._profiles.table[line, column]
        missing = found == _FREE
        if missing.any():
            self._new(sorted(set(zip(line[missing].tolist(), column[missing].tolist(), strict=True))))
            found = self._profiles.table[line, column]
        return found

    def hold(self, groups: Ints) -> None:
        """These rows are stored now."""
        np.add.at(self._rows, groups, np.int64(1))

    def let_go(self, groups: Ints) -> None:
        """These rows are stored no longer."""
        np.subtract.at(self._rows, groups, np.int64(1))

    def spread(self, groups: Ints) -> tuple[Ints, Ints]:
        """The series of rows of these groups: each series, and which row it belongs to."""
        flat = np.take(self.series_of, groups, axis=0).ravel()
        kept = np.flatnonzero(flat)
        return flat[kept], kept // _WIDTH

    def shares(self, rows: Rows) -> Shares:
        """Rows spread over their series."""
        series, row = self.spread(rows.group)
        grade = self._grade[rows.group]
        if grade.any():
            grade = grade[row]
            met, breached = series[grade == 1], series[grade == 2]
        else:
            met = breached = series[:0]
        return Shares(series, rows.value_ms[row], bucket_of(rows.value_ms)[row], rows.pane[row], met, breached)

    def drop_unused(self) -> None:
        """Forget the groups without stored rows; series that lose their last group keep their number for now."""
        for group in np.flatnonzero(self._rows[: len(self._places.keys)] == 0).tolist():
            self._profiles.strike(*self._places.keys[group])
            self._rows[group] = _FREE
            self._places.give_back(group)
            for series in self.series_of[group].tolist():
                self._series.leave(series)

    def _kind(self, kind: Kind) -> int:
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._kinds)
            self._kind_keys.append(kind)
            self._profiles.widen(number + 1)
        return number

    def _new(self, places: list[Place]) -> None:
        """Groups that there are not yet."""
        groups = [self._give(place) for place in places]
        keys = [(self._kind_keys[kind], self._profiles.key(profile)) for profile, kind in places]
        self._rows[groups] = 0
        self._grade[groups] = [_GRADES.get(outcome or "", 0) for (_, outcome), _ in keys]
        self.series_of[groups] = [self._join(metric, tenant, profile) for (metric, _), (tenant, profile) in keys]
        self._profiles.enter(places, groups)

    def _give(self, place: Place) -> int:
        group = self._places.give(place)
        if group == len(self._rows):
            self._grow()
        return group

    def _join(self, metric: str, tenant: str, profile: Profile) -> list[int]:
        """The series of a group, one for each dimension: 0 where it has none."""
        found = [self._series.number(tenant, metric, "all", "")]
        for dimension, value in zip(DIMENSIONS[1:], profile, strict=True):
            found.append(0 if value is None else self._series.number(tenant, metric, dimension, value))
        for series in found:
            self._series.join(series)
        return found

    def _grow(self) -> None:
        more = len(self._rows)
        self.series_of = np.concatenate([self.series_of, np.zeros((more, _WIDTH), dtype=np.int64)])
        self._grade = np.concatenate([self._grade, np.zeros(more, dtype=np.int64)])
        self._rows = np.concatenate([self._rows, np.zeros(more, dtype=np.int64)])
