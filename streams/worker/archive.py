"""Bringing conversations back that left memory, as far as a chunk needs them.

Nothing is ever guessed: while the archive does not answer, or has fewer events than a conversation had, the partition
waits, and everything behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import structlog

from schemas.errors import SupportpulseError
from schemas.records import InteractionEvent
from streams.partition.leaving import WrongEvents, away, come_back
from streams.partition.store import Entry, Store

log = structlog.get_logger()

_AT_ONCE = 200
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0

#: Tenant and conversation_id.
Name = tuple[str, str]


class ArchiveAway(SupportpulseError):
    """The archive does not answer. It is asked again; says what keeps it from answering."""


class Archive(Protocol):
    """What has all events, and is asked for those of conversations that left memory."""

    async def events(self, names: Sequence[Name], through: int) -> Mapping[Name, Sequence[InteractionEvent]]:
        """The distinct events of these conversations in the records of their partition up to the offset `through`, in
        the order in which the log first had them. What has none may be missing. Raises `ArchiveAway`.
        """


async def bring_back(
    archive: Archive,
    store: Store,
    records: Sequence[Any],
    keep: Callable[[Sequence[Entry]], None],
    still_wanted: Callable[[], bool],
) -> bool:
    """Bring back every conversation of these records that has left; False once they are not wanted any more.

    `keep` receives the entries to commit with the chunk. `still_wanted` is asked before every attempt.
    """
    missing = away(store, records)
    log_ms = records[-1].timestamp
    wait_seconds = _FIRST_WAIT_SECONDS
    while missing:
        if not still_wanted():
            return False
        wanted = dict(islice(missing.items(), _AT_ONCE))
        try:
            found = await archive.events(list(wanted.values()), store.applied)
            # What was read in the meantime is of no use to a partition that has gone to somebody else.
            if not still_wanted():
                return False
            for key, name in wanted.items():
                keep(come_back(store, key, found.get(name, ()), log_ms))
                del missing[key]
        except (ArchiveAway, WrongEvents) as exc:
            log.warning(
                "waiting for conversations that left memory",
                conversations=len(missing),
                applied=store.applied,
                reason=str(exc),
                remedy="check that ClickHouse answers and that the sink keeps up; the worker goes on by itself",
            )
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
        else:
            wait_seconds = _FIRST_WAIT_SECONDS
    return True
