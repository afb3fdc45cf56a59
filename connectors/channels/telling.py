"""What a delivery says of one conversation, with everything that is the same for each event of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.channels.base import Delivery, Parsed, Source, event
from schemas.records import ActorKind, Channel, EventType
from schemas.times import EpochMs

#: The `sequence` of a status and of a merge: at one instant, what somebody wrote comes before what it was sent with. A
#: reply in a conversation that is done would count for nothing.
LAST = 1 << 53


@dataclass(slots=True)
class Telling:
    """Collects the events of a delivery about one conversation in `parsed`."""

    delivery: Delivery
    source: Source[Any]
    parsed: Parsed
    conversation_id: str
    channel: Channel
    customer_id: str | None = None

    def tell(
        self,
        event_id: str,
        type: EventType,  # noqa: A002  named like the field
        at_ms: EpochMs,
        actor: ActorKind,
        actor_id: str | None = None,
        **said: Any,
    ) -> None:
        """One event more. `said` are further fields of it; they win over what the conversation says."""
        self.parsed.events.append(
            event(
                self.source,
                self.delivery,
                event_id=event_id,
                type=type,
                occurred_at=at_ms,
                actor=actor,
                actor_id=actor_id,
                **{
                    "conversation_id": self.conversation_id,
                    "channel": self.channel,
                    "customer_id": self.customer_id or (actor_id if actor == "customer" else None),
                    **said,
                },
            )
        )
