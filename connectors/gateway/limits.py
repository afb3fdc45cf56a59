"""How often a source may call."""

from __future__ import annotations


class TokenBucket:
    """A rate with a burst of one second's worth. `now_seconds` is any clock that only goes forward."""

    __slots__ = ("_capacity", "_left", "_per_second", "_seen_seconds")

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._capacity = max(1.0, per_second)
        self._left = self._capacity
        self._seen_seconds: float | None = None

    def wait_seconds(self, now_seconds: float) -> float:
        """0.0 and one call used up, or how long until there is one."""
        if self._seen_seconds is not None:
            earned = (now_seconds - self._seen_seconds) * self._per_second
            self._left = min(self._capacity, self._left + earned)
        self._seen_seconds = now_seconds
        if self._left < 1.0:
            return (1.0 - self._left) / self._per_second
        self._left -= 1.0
        return 0.0
