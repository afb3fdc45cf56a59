"""What a delivery says of one conversation, with everything that is the same for each event of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.channels.base import Delivery, Parsed, Source
from schemas.records import ActorKind, Channel, EventType, InteractionEvent
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
        conversation_id = said.pop("conversation_id", self.conversation_id)
        channel = said.pop("channel", self.channel)
        if "customer_id" not in said:
            said["customer_id"] = self.customer_id or (actor_id if actor == "customer" else None)
        self.parsed.events.append(
            InteractionEvent(
                event_id=event_id,
                tenant=self.source.tenant,
                source=self.source.name,
                channel=channel,
                type=type,
                occurred_at=at_ms,
                ingested_at=self.delivery.received_at,
                conversation_id=conversation_id,
                actor_kind=actor,
                actor_id=actor_id,
                **said,
            )
        )
