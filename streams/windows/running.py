"""One window size: what it holds of every series right now, kept by adding what enters and subtracting what leaves."""

from __future__ import annotations

import numpy as np

from streams.windows.deltas import Flags, Ints
from streams.windows.extremes import NO_GREATEST, NO_LEAST, Extremes
from streams.windows.groups import Shares
from streams.windows.shape import PANE_MS, PERCENTS
from streams.windows.sketch import Floats, Sketches

_ONE = np.int64(1)
#: The rows of `figures`: count, mean, least, greatest, the quantiles, met, breached.
_QUANTILES = slice(4, 4 + len(PERCENTS))
FIGURES = 4 + len(PERCENTS) + 2
_NEVER_SAID = -1.0
#: Up to two values, the extremes say it all.
_SKETCHED_FROM = 3


class RunningWindow:
    """The aggregates of one window size, in integers, one element per series."""

    __slots__ = ("_lost", "_said", "_touched", "breached", "count", "greatest", "least", "met", "panes", "seconds",
                 "sketches", "sum_ms")  # fmt: skip

    def __init__(self, seconds: int, capacity: int) -> None:
        self.seconds = seconds
        self.panes = seconds * 1000 // PANE_MS
        self.count: Ints = np.zeros(capacity, dtype=np.int64)
        self.sum_ms: Ints = np.zeros(capacity, dtype=np.int64)
        self.met: Ints = np.zeros(capacity, dtype=np.int64)
        self.breached: Ints = np.zeros(capacity, dtype=np.int64)
        self.least: Ints = np.full(capacity, NO_LEAST)
        self.greatest: Ints = np.full(capacity, NO_GREATEST)
        self.sketches = Sketches(capacity)
        #: Series that have lost a value as small as their least or as great as their greatest.
        self._lost: Flags = np.zeros(capacity, dtype=np.bool_)
        self._touched: Flags = np.zeros(capacity, dtype=np.bool_)
        self._said: Floats = np.full((FIGURES, capacity), _NEVER_SAID)

    def grow(self, capacity: int) -> None:
        """Make room for series below `capacity`."""
        fresh = RunningWindow(self.seconds, capacity - len(self.count))
        for name in ("count", "sum_ms", "met", "breached", "least", "greatest", "_lost", "_touched"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(fresh, name)]))
        self._said = np.concatenate([self._said, fresh._said], axis=1)
        self.sketches.grow(capacity)

    def add(self, shares: Shares) -> None:
        """These rows are inside now."""
        series, value_ms = shares.series, shares.value_ms
        np.add.at(self.count, series, _ONE)
        np.add.at(self.sum_ms, series, value_ms)
        np.add.at(self.met, shares.met, _ONE)
        np.add.at(self.breached, shares.breached, _ONE)
        np.minimum.at(self.least, series, value_ms)
        np.maximum.at(self.greatest, series, value_ms)
        self.sketches.add(series, shares.bucket)
        self._touched[series] = True

    def remove(self, shares: Shares) -> None:
        """These rows were inside and are no longer."""
        series, value_ms = shares.series, shares.value_ms
        np.subtract.at(self.count, series, _ONE)
        np.subtract.at(self.sum_ms, series, value_ms)
        np.subtract.at(self.met, shares.met, _ONE)
        np.subtract.at(self.breached, shares.breached, _ONE)
        self.sketches.subtract(series, shares.bucket)
        lost = (value_ms <= self.least[series]) | (value_ms >= self.greatest[series])
        self._lost[series[lost]] = True
        self._touched[series] = True

    def touch(self, series: list[int]) -> None:
        """Look at these series in the next `news`, whatever happened to them."""
        self._touched[series] = True

    def forget(self, series: list[int]) -> None:
        """These numbers, of series without facts, may be given to other series."""
        self._said[:, series] = _NEVER_SAID

    def settle(self, last_pane: int, extremes: Extremes) -> None:
        """Find the extremes of the series that lost theirs. To be called before `news`."""
        lost = np.flatnonzero(self._lost)
        if not len(lost):
            return
        self._lost[lost] = False
        empty = self.count[lost] == 0
        self.least[lost[empty]], self.greatest[lost[empty]] = NO_LEAST, NO_GREATEST
        lost = lost[~empty]
        if len(lost):
            self.least[lost], self.greatest[lost] = extremes.over(last_pane - self.panes + 1, last_pane, lost)

    def news(self) -> tuple[Ints, Floats]:
        """The series whose figures are not those of the last time, and these figures, one column per series."""
        touched = np.flatnonzero(self._touched)
        self._touched[touched] = False
        figures = self._figures(touched)
        changed = (figures != self._said[:, touched]).any(axis=0)
        series, figures = touched[changed], figures[:, changed]
        self._said[:, series] = figures
        return series, figures

    def _figures(self, series: Ints) -> Floats:
        figures = np.zeros((FIGURES, len(series)))
        count = self.count[series]
        held = np.flatnonzero(count)
        inside, count = series[held], count[held]
        least, greatest = self.least[inside], self.greatest[inside]
        figures[0, held] = count
        # Exact as long as the sum is below 2^53 ms, 285,000 years.
        figures[1, held] = self.sum_ms[inside] / count
        figures[2, held] = least
        figures[3, held] = greatest
        figures[_QUANTILES, held] = self._quantiles(inside, count, least, greatest)
        figures[-2, held] = self.met[inside]
        figures[-1, held] = self.breached[inside]
        return figures

    def _quantiles(self, series: Ints, count: Ints, least: Ints, greatest: Ints) -> Floats:
        # For one value and for two; the rest is overwritten.
        shares = np.array(PERCENTS)[:, None] / 100
        answers: Floats = least + (greatest - least) * shares
        many = np.flatnonzero(count >= _SKETCHED_FROM)
        if len(many):
            sketched = self.sketches.quantiles(series[many], count[many])
            answers[:, many] = np.clip(sketched, least[many], greatest[many])
        return answers
