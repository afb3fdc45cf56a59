"""Which events are the same, in which order they stand, and which leave nothing behind (SPEC §1)."""

from __future__ import annotations

from streams.fold.events import LogEvent, OrderKey


def identity_of(event: LogEvent) -> tuple[str, str]:
    """Within its conversation: a second event with the same is a duplicate."""
    return event.source, event.event_id


def order_of(event: LogEvent) -> OrderKey:
    """Where it stands in its conversation."""
    return event.occurred_at, event.sequence or 0, event.event_id, event.source


def erases(event: LogEvent) -> bool:
    """Whether, anywhere in the set, it leaves the conversation without any facts."""
    return event.type == "deleted" or (event.type == "status_changed" and event.status == "spam")
