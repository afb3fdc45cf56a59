"""Who is due next, among any number of conversations, at a cost that follows from how many are due.

What lies in the queue are hints: the conversation itself knows whether it is due. A conversation may be in it several
times; it must be in it at least once for each instant at which it is due.
"""

from __future__ import annotations

from array import array
from heapq import heapify, heappop, heappush

from schemas.times import EpochMs

#: Far hints wait in buckets of this width, as 16 bytes each; a tuple in a heap costs eight times as much.
_BUCKET_MS = 64_000


class _Bucket:
    """Hints of one stretch of time, in no order."""

    __slots__ = ("instants", "names")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.instants = array("q")


class DueQueue:
    """Hints (instant, name). Names are shared with their owner, not copied."""

    __slots__ = ("_buckets", "_near", "_order", "_ripe")

    def __init__(self) -> None:
        #: bucket number → bucket; those that have begun are in `_near`
        self._buckets: dict[int, _Bucket] = {}
        #: A heap of the numbers in `_buckets`.
        self._order: list[int] = []
        self._near: list[tuple[EpochMs, str]] = []
        self._ripe: set[str] = set()

    def __len__(self) -> int:
        return sum(len(bucket.names) for bucket in self._buckets.values()) + len(self._near) + len(self._ripe)

    def push(self, due_ms: EpochMs, name: str) -> None:
        """Hint that `name` is due behind `due_ms`."""
        number = due_ms // _BUCKET_MS
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = _Bucket()
            heappush(self._order, number)
        bucket.names.append(name)
        bucket.instants.append(due_ms)

    def next_ms(self, now_ms: EpochMs) -> EpochMs | None:
        """The first instant behind which somebody is due, or a bit earlier when it lies far ahead; None for never.

        What `ripe` has handed out does not count.
        """
        self._begin(now_ms)
        if self._near:
            return self._near[0][0]
        return self._order[0] * _BUCKET_MS if self._order else None

    def ripe(self, until_ms: EpochMs) -> set[str]:
        """All whose hint lies before `until_ms`, those handed out earlier and not `discard`ed included."""
        self._begin(until_ms)
        near = self._near
        while near and near[0][0] < until_ms:
            self._ripe.add(heappop(near)[1])
        return self._ripe

    def discard(self, name: str) -> None:
        """It has turned out that a ripe one is not due."""
        self._ripe.discard(name)

    def _begin(self, now_ms: EpochMs) -> None:
        """Sort in the buckets that have begun by now."""
        while self._order and self._order[0] * _BUCKET_MS <= now_ms:
            bucket = self._buckets.pop(heappop(self._order))
            self._near.extend(zip(bucket.instants, bucket.names, strict=True))
            heapify(self._near)
