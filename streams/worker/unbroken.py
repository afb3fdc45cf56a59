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

log = structlog.get_logger()


class Unbroken:
    """Sends a partition back to where its last chunk ended. Asks Faust's consumer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def start(self, tp: TP, chunk: Chunk) -> int:
        """Where a partition is read from that is read again after every assignment; where the chunk begins, while that
        has not been decided.
        """
        found: int = self._app.consumer.starts.get(tp, chunk.begins)
        return found

    async def follows(self, tp: TP, chunk: Chunk, reached: int) -> bool:
        """Whether nothing that Kafka still has lies between `reached`, the next offset that is wanted, and the chunk.

        If something does, the partition is read again from there, and the chunk must not be processed.
        """
        if chunk.begins <= reached:
            return True
        first = await self._first_offset(tp)
        if first is not None and first >= chunk.begins:
            if reached:
                log.error(
                    "records were deleted before they were processed",
                    topic=tp.topic,
                    partition=tp.partition,
                    from_offset=reached,
                    to_offset=chunk.begins,
                    remedy="keep records for longer than workers may stay away (retention.ms), then import these again",
                )
            return True
        log.warning(
            "reads again what was thrown away on its way here",
            topic=tp.topic,
            partition=tp.partition,
            from_offset=reached,
            to_offset=chunk.begins,
        )
        # A partition that has gone is read by whoever has it now.
        with suppress(IllegalStateError):
            await self._app.consumer.read_again(tp, max(reached, first or 0))
        return False

    async def _first_offset(self, tp: TP) -> int | None:
        """Where the log begins; None while no broker says."""
        try:
            found = await self._app.consumer.earliest_offsets(tp)
        except KafkaError:
            return None
        return next(iter(found.values()), None)
