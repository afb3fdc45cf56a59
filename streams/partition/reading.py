"""A record of `interactions` → what the fold needs of it, as fast as it goes."""

from __future__ import annotations

from typing import NamedTuple

from schemas import fast, wire
from streams.fold.events import LogEvent, remember


class Read(NamedTuple):
    """An event, and whose it is."""

    tenant: str
    conversation_id: str
    event: LogEvent


def read_plainly(payload: bytes) -> Read:
    """Decode the whole event, and keep what the fold needs. Raises `Refused`."""
    event = wire.decode_event(payload)
    return Read(event.tenant, event.conversation_id, remember(event))


_read_common = fast.event_reader(
    lambda tenant, conversation_id, *log: Read(tenant, conversation_id, LogEvent(*log)),
    ("tenant", "conversation_id", *LogEvent.__struct_fields__),
)


def read(payload: bytes) -> Read:
    """As `read_plainly`, but decodes only what is needed of events that have nothing unusual about them."""
    return _read_common(payload) or read_plainly(payload)
