"""ClickHouse as the archive of a worker: the events of conversations that left its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from schemas.records import InteractionEvent
from sinks.clickhouse.database import Database
from sinks.clickhouse.restore import events_of
from sinks.clickhouse.rows import log_position
from sinks.errors import DatabaseError
from streams.worker.archive import ArchiveAway, Name


class ClickHouseArchive:
    """A `streams.worker.archive.Archive`. Connects when it is asked first, and again after an error.

    `epoch`: the incarnation of the broker, as the sink counts it.
    """

    def __init__(self, connect: Callable[[], Database], epoch: int = 0) -> None:
        self._connect = connect
        self._epoch = epoch
        self._database: Database | None = None
        self._turn = asyncio.Lock()

    async def events(self, names: Sequence[Name], through: int) -> Mapping[Name, Sequence[InteractionEvent]]:
        """See `Archive`."""
        # A partition that has applied nothing of this incarnation has what the ones before it left behind.
        position = log_position(self._epoch, 0) + through
        if position < 0:
            return {}
        async with self._turn:
            try:
                return await asyncio.to_thread(self._ask, names, position)
            except DatabaseError as exc:
                self.close()
                raise ArchiveAway(f"ClickHouse does not give the events of past conversations: {exc}") from exc

    def close(self) -> None:
        """Let go of the connection."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _ask(self, names: Sequence[Name], position: int) -> dict[Name, list[InteractionEvent]]:
        if self._database is None:
            self._database = self._connect()
        return events_of(self._database, names, position)
