"""A record of `interactions` → what the fold needs of it, as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable

from schemas import fast, wire
from streams.fold.events import LogEvent, remember

#: Tenant, conversation_id, event.
Read = tuple[str, str, LogEvent]


def read_plainly(payload: bytes) -> Read:
    """Decode the whole event, and keep what the fold needs. Raises `Refused`."""
    event = wire.decode_event(payload)
    return event.tenant, event.conversation_id, remember(event)


#: As `read_plainly`, but decodes only what is needed of events that have nothing unusual about them.
read: Callable[[bytes], Read] = fast.event_reader(LogEvent, read_plainly, beside=("tenant", "conversation_id"))
