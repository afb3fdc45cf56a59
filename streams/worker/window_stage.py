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
    #: Until this offset has been applied, windows would be missing what was there before the restart.
    catch_up_through: int
    book: WindowBook = field(default_factory=WindowBook)
    applied: int = -1
    #: The next offset that is wanted; None: whatever it is read from.
    reached: int | None = None

    @property
    def caught_up(self) -> bool:
        return self.applied >= self.catch_up_through


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
        return -1 if held is None else held.applied

    @property
    def caught_up(self) -> bool:
        """Whether every book has what was there before the assignment."""
        return all(held.caught_up for held in self._held.values())

    def begin(self, ends: Iterable[tuple[int, int]], generation: int) -> None:
        """After a rebalance every assigned partition is read again. `ends`: partition and its end offset by now."""
        self._held = {number: _Held(generation, end - 1) for number, end in ends}

    async def handle(self, tp: TP, chunk: Chunk, generation: int, now_ms: EpochMs) -> None:
        """Take a chunk of deltas into the book."""
        held = self._held.get(tp.partition)
        if held is None or held.generation != generation:
            return
        reached = self._unbroken.start(tp, chunk) if held.reached is None else held.reached
        if not await self._unbroken.follows(tp, chunk, reached):
            return
        for record in chunk.records:
            try:
                held.book.apply(decode(record.value or b""), now_ms)
            except Refused as refused:
                # Only workers write here: a release that cannot read another one's deltas must not go on without.
                raise Refused(f"{tp.topic}/{tp.partition}/{record.offset}: {refused.detail}") from refused
            held.applied = max(held.applied, record.offset)
        held.reached = max(reached, chunk.ends)

    async def refresh(self, now_ms: EpochMs) -> None:
        """Send the windows that have changed, of every partition that has caught up."""
        rows: list[MetricWindow] = []
        for number, held in self._held.items():
            if held.caught_up and self._ownership.holds(TP(self._topic, number), held.generation):
                rows.extend(held.book.refresh(now_ms))
        records = [Outgoing(row.tenant.encode(), fast.encode_window(row), now_ms) for row in rows]
        await self._outbox.send(self._config.topics.windows, records)
