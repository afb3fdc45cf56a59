"""A record of `interactions` → what the fold needs of it, as fast as it goes."""

from __future__ import annotations

from schemas import fast, wire
from streams.fold.events import LogEvent, remember

#: Tenant, conversation_id, event.
Read = tuple[str, str, LogEvent]


def read_plainly(payload: bytes) -> Read:
    """Decode the whole event, and keep what the fold needs. Raises `Refused`."""
    event = wire.decode_event(payload)
    return event.tenant, event.conversation_id, remember(event)


_read_common = fast.event_reader(
    f"(_tenant, _conversation_id, log({fast.arguments(LogEvent, by_name=False)}))", {"log": LogEvent}
)


def read(payload: bytes) -> Read:
    """As `read_plainly`, but decodes only what is needed of events that have nothing unusual about them."""
    return _read_common(payload) or read_plainly(payload)
