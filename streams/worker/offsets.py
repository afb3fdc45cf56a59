"""Which offsets of a partition may be committed: never past a chunk that is not finished."""

from __future__ import annotations

from collections import deque


class OffsetBook:
    """Chunks of one partition, in the order of delivery. A chunk may be finished out of order; a commit waits."""

    __slots__ = ("_committed", "_open", "_safe")

    def __init__(self) -> None:
        #: [last offset, finished] of the delivered chunks that the safe offset has not passed
        self._open: deque[list[int]] = deque()
        self._safe: int | None = None
        self._committed: int | None = None

    def delivered(self, last_offset: int) -> None:
        """A chunk that ends at `last_offset` was handed out."""
        self._open.append([last_offset, 0])

    def finished(self, last_offset: int) -> None:
        """That chunk has had all of its effect. Chunks that are not known (handed out before a seek) are ignored."""
        for chunk in self._open:
            if chunk[0] == last_offset:
                chunk[1] = 1
                break
        while self._open and self._open[0][1]:
            self._safe = self._open.popleft()[0] + 1

    def to_commit(self) -> int | None:
        """The next offset to read after everything that is finished; None if there is nothing new to commit."""
        return None if self._safe == self._committed else self._safe

    def committed(self, offset: int) -> None:
        """The broker has taken the commit."""
        self._committed = offset

    def clear(self) -> None:
        """The partition is read from its committed offset again, or is somebody else's."""
        self._open.clear()
        self._safe = self._committed = None
