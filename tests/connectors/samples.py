"""Events and files made for these tests."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec

from schemas.documents import render_event
from schemas.records import InteractionEvent
from schemas.times import parse

T0 = parse("2026-03-10T09:00:00.000Z")


class EventList(list[InteractionEvent]):
    """A publisher that keeps what it is given."""

    def publish(self, event: InteractionEvent) -> None:
        """Append the event."""
        self.append(event)


def event(number: int = 0, **fields: Any) -> InteractionEvent:
    """The `number`th event, with `fields` changed."""
    plain = InteractionEvent(
        event_id=f"e{number}",
        tenant="acme",
        source="chat",
        channel="live_chat",
        type="message",
        occurred_at=T0 + number,
        conversation_id=f"c{number % 7}",
        actor_kind="customer",
    )
    return msgspec.structs.replace(plain, **fields)


def line(number: int = 0, **fields: Any) -> bytes:
    """The same as a line of a `.jsonl` file, without its end."""
    return render_event(event(number, **fields))


def write(path: Path, content: bytes, *, packed: bool = False) -> Path:
    """A file with this content, gzipped if asked."""
    path.write_bytes(gzip.compress(content) if packed else content)
    return path
