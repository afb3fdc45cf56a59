"""The windows of all tenants of one partition of `window-deltas`.

    book = WindowBook()
    book.apply(decode(payload), now_ms)     # per message
    for window in book.refresh(now_ms):     # every 5 s or less
        ...

After a restart the book is rebuilt by applying the last 25 h of the topic again. What is applied before the first
refresh may be older than the windows: it then tells the book which series there were, so that it says of each what it
holds now, were it nothing.

Cost: a fact is added once and subtracted once per window size, whatever the size, in columns. Memory: 8 bytes per fact
of the last 24 h (`rows`), 4.6 KB per series (`extremes`), 256 bytes per series, window and doubling of values
(`sketch`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from schemas.records import MetricWindow
from schemas.times import EpochMs
from streams.windows.deltas import DeltaBatch, Flags, Ints
from streams.windows.extremes import Extremes
from streams.windows.groups import Groups, Shares
from streams.windows.rows import CHUNK_ROWS, PaneStore, Rows
from streams.windows.running import RunningWindow
from streams.windows.series import Series
from streams.windows.shape import (
    GRADED,
    HORIZON_PANES,
    PANE_MS,
    WINDOW_SECONDS,
    SeriesKey,
    last_pane,
)
from streams.windows.sketch import Floats

_FIRST_CAPACITY = 64


class WindowBook:
    """Applies batches, and says what changed. Not for several threads.

    A `now_ms` before one already given counts as that one.
    """

    def __init__(self) -> None:
        self._series = Series()
        self._groups = Groups(self._series)
        self._store = PaneStore()
        self._capacity = _FIRST_CAPACITY
        self._windows = [RunningWindow(seconds, _FIRST_CAPACITY) for seconds in WINDOW_SECONDS]
        self._extremes = Extremes(_FIRST_CAPACITY, self._store, self._groups)
        self._begun = False
        #: The pane the windows end with.
        self._end = 0
        #: The last pane that is over, by the latest `now_ms`.
        self._present = 0
        self._recovering = True
        self._epoch = 0
        #: The highest source offset applied, per tenant and source partition.
        self._applied: dict[tuple[str, int], int] = {}
        self._waiting: list[tuple[Rows, Flags]] = []
        self._waiting_rows = 0

    @property
    def facts(self) -> int:
        """Facts held: those of the last 24 h, and those that are yet to come."""
        self._absorb()
        return len(self._store)

    @property
    def series(self) -> int:
        """Series known."""
        return len(self._series)

    def apply(self, batch: DeltaBatch, now_ms: EpochMs) -> int:
        """Take in what is new in a batch, and say how many rows that was.

        Rows of offsets that were applied before, and batches of an earlier epoch, change nothing. A later epoch begins
        the offsets anew and keeps what the windows hold.
        """
        if batch.epoch < self._epoch or not len(batch):
            return 0
        if batch.epoch > self._epoch:
            self._epoch = batch.epoch
            self._applied.clear()
        log = (batch.tenant, batch.source_partition)
        done = self._applied.get(log, -1)
        fresh = batch.source_offset > done
        self._applied[log] = max(done, int(np.max(batch.source_offset)))
        return self._take(batch, fresh, now_ms)

    def refresh(self, now_ms: EpochMs) -> list[MetricWindow]:
        """Move all windows to the last whole 5 s of `now_ms`; those whose figures are not those last returned.

        A series that is new to the book is returned in all sizes, empty ones too; a window that became empty is
        returned once, with count 0.
        """
        self._see(now_ms)
        self._absorb()
        begin, end = self._end, self._present
        self._advance(begin, end)
        self._end = end
        new = self._series.take_unsaid()
        self._make_room()
        windows: list[MetricWindow] = []
        for window in self._windows:
            window.touch(new)
            window.settle(end, self._extremes)
            windows += self._records(window, *window.news())
        self._drop(begin - HORIZON_PANES + 1, end - HORIZON_PANES)
        self._recovering = False
        return windows

    def _see(self, now_ms: EpochMs) -> None:
        present = last_pane(now_ms)
        if not self._begun:
            self._begun = True
            self._end = self._present = present
            self._extremes.advance(present)
        self._present = max(self._present, present)

    def _take(self, batch: DeltaBatch, fresh: Flags, now_ms: EpochMs) -> int:
        self._see(now_ms)
        pane = -(-batch.ended_at // PANE_MS)
        kept = fresh & (pane > self._present - HORIZON_PANES)
        # A series is made known by what is kept; in recovery, also by what left the longest window up to a day ago.
        known = fresh & (pane > self._present - 2 * HORIZON_PANES) if self._recovering else kept
        groups = np.zeros(len(batch), dtype=np.int64)
        groups[known] = self._groups.numbers(batch, known)
        rows = Rows(pane[kept], batch.value_ms[kept], groups[kept])
        self._waiting.append((rows, batch.added[kept]))
        self._waiting_rows += len(rows)
        if self._waiting_rows >= CHUNK_ROWS:
            self._absorb()
        return int(fresh.sum())

    def _absorb(self) -> None:
        """Bring the waiting rows into the store, and those that are due into the windows."""
        if not self._waiting:
            return
        self._make_room()
        rows = _joined([rows for rows, _ in self._waiting])
        added = np.concatenate([flags for _, flags in self._waiting])
        self._waiting, self._waiting_rows = [], 0
        for part in _parts(rows.where(added)):
            self._store.add(part)
            self._groups.hold(part.group)
            self._enter(part)
        removed = rows.where(~added)
        if len(removed):
            # A removal without its addition is one of a fact from before this book's time: nothing to take away.
            removed = removed.where(self._store.remove(removed))
            self._groups.let_go(removed.group)
            self._revoke(removed)

    def _enter(self, rows: Rows) -> None:
        due = rows.where(rows.pane <= self._end)
        if len(due):
            self._add(due, self._end)

    def _revoke(self, rows: Rows) -> None:
        due = rows.where(rows.pane <= self._end)
        if len(due):
            shares = self._groups.shares(due)
            self._extremes.remove(shares)
            for window, inside in self._inside(due, shares, self._end):
                window.remove(inside)

    def _add(self, rows: Rows, end: int) -> None:
        shares = self._groups.shares(rows)
        self._extremes.add(shares)
        for window, inside in self._inside(rows, shares, end):
            window.add(inside)

    def _inside(self, rows: Rows, shares: Shares, end: int) -> Iterator[tuple[RunningWindow, Shares]]:
        for window in self._windows:
            inside = rows.since(end - window.panes + 1)
            if len(inside):
                yield window, shares if inside is rows else self._groups.shares(inside)

    def _advance(self, begin: int, end: int) -> None:
        self._extremes.advance(end)
        for rows in self._store.between(max(begin, end - HORIZON_PANES) + 1, end):
            self._add(rows, end)
        for window in self._windows:
            for rows in self._store.between(begin - window.panes + 1, min(begin, end - window.panes)):
                window.remove(self._groups.shares(rows))

    def _make_room(self) -> None:
        if self._series.highest < self._capacity:
            return
        while self._series.highest >= self._capacity:
            self._capacity *= 2
        self._extremes.grow(self._capacity)
        for window in self._windows:
            window.grow(self._capacity)

    def _drop(self, first_pane: int, last_pane: int) -> None:
        for rows in self._store.between(first_pane, last_pane):
            self._groups.let_go(rows.group)
        self._store.drop(first_pane, last_pane)
        self._groups.drop_unused()
        idle = self._series.take_idle()
        if idle:
            self._extremes.clear(idle)
            for window in self._windows:
                window.forget(idle)
            for series in idle:
                self._series.release(series)

    def _records(self, window: RunningWindow, series: Ints, figures: Floats) -> Iterator[MetricWindow]:
        end_ms = self._end * PANE_MS
        for number, column in zip(series.tolist(), figures.T.tolist(), strict=True):
            key = self._series.keys[number]
            if key is not None:
                yield _record(key, window.seconds, end_ms, column)


def _joined(parts: list[Rows]) -> Rows:
    return Rows(
        pane=np.concatenate([part.pane for part in parts]),
        value_ms=np.concatenate([part.value_ms for part in parts]),
        group=np.concatenate([part.group for part in parts]),
    )


def _parts(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        yield Rows(rows.pane[part], rows.value_ms[part], rows.group[part])


def _record(key: SeriesKey, seconds: int, end_ms: EpochMs, figures: list[float]) -> MetricWindow:
    count, mean, least, greatest, p50, p90, p95, p99, met, breached = figures
    graded, held = key.metric in GRADED, count > 0
    return MetricWindow(
        tenant=key.tenant,
        metric=key.metric,
        dimension=key.dimension,
        dimension_value=key.value,
        window_seconds=seconds,
        window_start=end_ms - seconds * 1000,
        window_end=end_ms,
        count=int(count),
        mean_ms=mean if held else None,
        min_ms=int(least) if held else None,
        max_ms=int(greatest) if held else None,
        p50_ms=p50 if held else None,
        p90_ms=p90 if held else None,
        p95_ms=p95 if held else None,
        p99_ms=p99 if held else None,
        met=int(met) if graded else None,
        breached=int(breached) if graded else None,
        attainment=met / (met + breached) if graded and met + breached else None,
    )
