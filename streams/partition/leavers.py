"""Who may leave memory next: hints in buckets, so that nobody has to be looked at before their time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush

from schemas.times import EpochMs

#: A conversation done for this long is not expected to change any more.
LEAVE_AFTER_MS = 7 * 86_400_000
#: Who came back stays for this long at least: news about the past often comes in one go.
_STAY_MS = 3_600_000
_BUCKETS = 168


class Leavers:
    """Hints that a conversation will have been done for `age_ms`. A name may be in it several times.

    A hint costs 8 bytes where its name is shared with the store, else the name as well.
    """

    def __init__(self, age_ms: int = LEAVE_AFTER_MS) -> None:
        self.age_ms = age_ms
        self._width_ms = max(1, age_ms // _BUCKETS)
        self._buckets: defaultdict[int, list[str]] = defaultdict(list)
        #: A heap of the numbers in `_buckets`.
        self._order: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def push(self, since_ms: EpochMs, names: Iterable[str]) -> None:
        """These have been done since then, or later."""
        self._push(since_ms + self.age_ms, names)

    def push_back(self, now_ms: EpochMs, name: str) -> None:
        """This one has just come back."""
        self._push(now_ms + min(self.age_ms, _STAY_MS), (name,))

    def push_again(self, names: Iterable[str]) -> None:
        """These were taken out, and have not left."""
        self._push(0, names)

    def ripe(self, until_ms: EpochMs, at_most: int) -> list[str]:
        """Take out at most so many whose time has come by `until_ms`."""
        found: list[str] = []
        while self._order and self._order[0] * self._width_ms <= until_ms and len(found) < at_most:
            bucket = self._buckets[self._order[0]]
            wanted = at_most - len(found)
            found += bucket[-wanted:]
            del bucket[-wanted:]
            if not bucket:
                del self._buckets[heappop(self._order)]
        return found

    def _push(self, at_ms: EpochMs, names: Iterable[str]) -> None:
        # Rounded up, never down: who is looked at too early has to be hinted at once more.
        number = -(-at_ms // self._width_ms)
        if number not in self._buckets:
            heappush(self._order, number)
        self._buckets[number].extend(names)
