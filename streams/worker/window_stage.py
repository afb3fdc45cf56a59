"""The second stage: window deltas of all partitions and workers in, rolling windows out.

A tenant's deltas lie in one partition of `window-deltas`, so one worker sees all of them. Its book is rebuilt by
reading that partition again, not from a changelog.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from faust.types import TP

from schemas import fast
from schemas.errors import Refused
from schemas.records import MetricWindow
from schemas.times import EpochMs
from streams.windows.book import WindowBook
from streams.windows.deltas import decode
from streams.worker.chunks import Chunk
from streams.worker.config import WorkerConfig
from streams.worker.outbox import Outbox, Outgoing
from streams.worker.ownership import Ownership
from streams.worker.unbroken import Unbroken


@dataclass(slots=True)
class _Held:
    """A partition of `window-deltas` in this worker's hands."""

    generation: int
    #: Where the partition ended when it was assigned: until then, windows would be missing what was there before the
    #: restart. None: the broker has not said.
    end: int | None = None
    book: WindowBook = field(default_factory=WindowBook)
    #: The next offset that is wanted; None: that with which the partition is read again.
    wanted: int | None = None


class WindowStage:
    """Keeps a book per assigned partition of `window-deltas`."""

    def __init__(self, config: WorkerConfig, outbox: Outbox, ownership: Ownership, unbroken: Unbroken) -> None:
        self._config = config
        self._topic = config.topics.window_deltas
        self._outbox = outbox
        self._ownership = ownership
        self._unbroken = unbroken
        self._held: dict[int, _Held] = {}

    def applied(self, partition: int) -> int:
        """The last offset of a partition that is in its book; -1 for none."""
        held = self._held.get(partition)
        return -1 if held is None or held.wanted is None else held.wanted - 1

    @property
    def caught_up(self) -> bool:
        """Whether every book has what was there before the assignment."""
        return all(self._has_caught_up(number, held) for number, held in self._held.items())

    def begin(self, partitions: Iterable[int], generation: int) -> None:
        """After a rebalance every assigned partition is read again."""
        self._held = {number: _Held(generation) for number in partitions}

    def catch_up(self, ends: Iterable[tuple[int, int]], generation: int) -> None:
        """Say no windows before the books are so far. `ends`: partition and its end offset when it was assigned."""
        for number, end in ends:
            held = self._held.get(number)
            if held is not None and held.generation == generation:
                held.end = end

    async def handle(self, tp: TP, chunk: Chunk, generation: int, now_ms: EpochMs) -> None:
        """Take a chunk of deltas into the book."""
        held = self._held.get(tp.partition)
        if held is None or held.generation != generation:
            return
        wanted = self._wanted(tp.partition, held)
        if wanted is None or not await self._unbroken.admits(tp, chunk, wanted, generation):
            return
        for record in chunk.records:
            try:
                held.book.apply(decode(record.value or b""), now_ms)
            except Refused as refused:
                # Only workers write here: a release that cannot read another one's deltas must not go on without.
                raise Refused(f"{tp.topic}/{tp.partition}/{record.offset}: {refused.detail}") from refused
        held.wanted = max(wanted, chunk.ends)

    def _wanted(self, number: int, held: _Held) -> int | None:
        return self._unbroken.first_wanted(TP(self._topic, number)) if held.wanted is None else held.wanted

    def _has_caught_up(self, number: int, held: _Held) -> bool:
        wanted = self._wanted(number, held)
        return held.end is not None and wanted is not None and wanted >= held.end

    async def refresh(self, now_ms: EpochMs) -> None:
        """Send the windows that have changed, of every partition that has caught up."""
        rows: list[MetricWindow] = []
        for number, held in self._held.items():
            if self._has_caught_up(number, held) and self._ownership.holds(TP(self._topic, number), held.generation):
                rows.extend(held.book.refresh(now_ms))
        records = [Outgoing(row.tenant.encode(), fast.encode_window(row), now_ms) for row in rows]
        await self._outbox.send(self._config.topics.windows, records)
