"""Writes ticks into partitions in which something is due. Judging happens where they are read.

docs/decisions/0006-timers.md says why the clock goes through the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from faust.types import TP

from schemas.ticks import SourceName, tick_key
from schemas.times import EpochMs
from streams.worker.config import WorkerConfig
from streams.worker.heard import Heard
from streams.worker.interactions import InteractionsStage
from streams.worker.outbox import Outbox, Outgoing
from streams.worker.ownership import Ownership
from streams.worker.stats import WorkerStats

log = structlog.get_logger()

#: How long to look away while nothing is due: what has just become due soon is found that much later at worst.
_NAP_MS = 200
#: While a tick is on its way, the next one waits for it.
_SHORT_NAP_MS = 15
#: A tick that was not seen by then is not waited for any longer.
_LOST_MS = 30_000


@dataclass(frozen=True, slots=True)
class _UnderWay:
    generation: int
    offset: int
    written_ms: EpochMs


@dataclass(slots=True)
class Ticker:
    """One per worker. `run` ends with what failed."""

    config: WorkerConfig
    stage: InteractionsStage
    outbox: Outbox
    ownership: Ownership
    stats: WorkerStats
    heard: Heard
    now_ms: Callable[[], EpochMs]
    _under_way: dict[int, _UnderWay] = field(default_factory=dict)
    #: partition → the sources that the last tick held there
    _holding: dict[int, frozenset[SourceName]] = field(default_factory=dict)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            nap_ms = await self.look()
            await asyncio.sleep(nap_ms / 1000)

    async def look(self) -> int:
        """Write the ticks that are due now; in how many milliseconds to look again."""
        now_ms = self.now_ms()
        held = self.heard.silent(now_ms)
        self.stats.held(self._by_source(held))
        nap_ms, wanted = _NAP_MS, []
        for number, queue in self.stage.queues():
            due_ms = queue.next_ms(now_ms)
            released = self._holding.get(number, frozenset()) - held
            rewriting = self.stage.next_rewrite(number) is not None
            if not released and not rewriting and (due_ms is None or due_ms >= now_ms):
                nap_ms = nap_ms if due_ms is None else min(nap_ms, due_ms + 1 - now_ms)
            elif self._waits(number, now_ms):
                nap_ms = min(nap_ms, _SHORT_NAP_MS)
            else:
                wanted.append(number)
        if wanted:
            await asyncio.gather(*(self._tick(number, now_ms, held) for number in wanted))
            nap_ms = _SHORT_NAP_MS
        return nap_ms

    async def rewrite(self, at_ms: EpochMs) -> Mapping[int, int]:
        """Write the next tick of every partition whose policies are being rewritten; offsets by partition, empty when
        all is done. `at_ms`: what the ticks say of the time.
        """
        wanted = [number for number in sorted(self.stage.partitions) if self.stage.next_rewrite(number)]
        return {number: await self._write(number, at_ms, frozenset()) for number in wanted}

    async def _tick(self, number: int, now_ms: EpochMs, held: frozenset[SourceName]) -> None:
        topic, generation = self.config.topics.interactions, self.ownership.generation
        # Not for correctness, but for quiet: the tick of somebody who has lost the partition does no harm.
        if not self.ownership.holds(TP(topic, number), generation):
            return
        offset = await self._write(number, now_ms, held)
        self._under_way[number] = _UnderWay(generation, offset, now_ms)
        self._holding[number] = held

    async def _write(self, number: int, now_ms: EpochMs, held: frozenset[SourceName]) -> int:
        """Write a tick; its offset."""
        edition, upto = self.stage.next_rewrite(number) or (0, "")
        key = tick_key(held, edition=edition, upto=upto)
        return await self.outbox.send_to(self.config.topics.interactions, number, [Outgoing(key, None, now_ms)])

    def _waits(self, number: int, now_ms: EpochMs) -> bool:
        """Whether a tick is on its way through the partition."""
        last = self._under_way.get(number)
        return (
            last is not None
            and last.generation == self.ownership.generation
            and self.stage.applied(number) < last.offset
            and now_ms - last.written_ms < _LOST_MS
        )

    def _by_source(self, held: frozenset[SourceName]) -> Mapping[SourceName, bool]:
        return {source: source in held for source in self.heard.sources}
