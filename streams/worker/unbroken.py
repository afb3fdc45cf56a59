"""No chunk is processed before everything that lies in front of it.

Between the broker and a stage there are a fetcher in a thread of its own, aiokafka's and Faust's ideas of a rebalance,
and queues that are emptied in one. Whatever of a partition was thrown away there is noticed here, by where the next
chunk begins, and read again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP

from streams.worker.chunks import Chunk
from streams.worker.ownership import Ownership

log = structlog.get_logger()

_KEEP_LONGER = "keep records for longer than workers may stay away (retention.ms), and import again what is missing"


class Unbroken:
    """Lets a chunk pass that goes on where the last one of its partition ended. Asks Faust's consumer."""

    def __init__(self, app: Any, ownership: Ownership) -> None:
        self._app = app
        self._ownership = ownership

    def first_wanted(self, tp: TP) -> int | None:
        """Where a partition begins that is read again after every assignment; None: that is yet to be decided."""
        found: int | None = self._app.consumer.starts.get(tp)
        return found

    async def admits(self, tp: TP, chunk: Chunk, wanted: int, generation: int) -> bool:
        """Whether nothing that Kafka still has lies between the next offset that is wanted and the chunk.

        If something does, the chunk must not be processed, and the partition is read again from there, unless it is
        not any more what it was in `generation`.
        """
        if chunk.begins <= wanted:
            return True
        first = await self._first_offset(tp)
        if not self._ownership.holds(tp, generation):
            return False
        place = {"topic": tp.topic, "partition": tp.partition, "from_offset": wanted, "to_offset": chunk.begins}
        if first is not None and first >= chunk.begins:
            if wanted:
                log.error("records were deleted before they were processed", **place, remedy=_KEEP_LONGER)
            return True
        log.warning("reads again what was thrown away on its way here", **place)
        # A partition that has gone meanwhile is read by whoever has it now.
        with suppress(IllegalStateError):
            await self._app.consumer.read_again(tp, max(wanted, first or 0))
        return False

    async def _first_offset(self, tp: TP) -> int | None:
        """Where the log begins; None while no broker says."""
        try:
            found = await self._app.consumer.earliest_offsets(tp)
        except KafkaError:
            return None
        return next(iter(found.values()), None)
