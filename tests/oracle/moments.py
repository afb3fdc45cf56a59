"""The events of a conversation in their order, each with what had been said by then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.records import InteractionEvent, Priority
from schemas.times import EpochMs

#: Tenant and conversation_id.
ConversationKey = tuple[str, str]


@dataclass(frozen=True)
class Moment:
    """An event, and what everybody knew of the conversation then: what it says itself is part of that."""

    #: Counted from 0, in the order of the conversation.
    place: int
    event: InteractionEvent
    team: str | None
    priority: Priority | None
    assignee: str | None
    #: Before the event.
    team_before: str | None
    assignee_before: str | None

    @property
    def at_ms(self) -> EpochMs:
        return self.event.occurred_at

    @property
    def words(self) -> dict[str, str | None]:
        """What a policy is matched against."""
        event = self.event
        return {"tenant": event.tenant, "channel": event.channel, "team": self.team, "priority": self.priority}

    @property
    def handler(self) -> str | None:
        """Whom it is put down to: the human who did it, and if it was none, the assignee."""
        return self.event.actor_id if self.event.actor_kind == "human" else self.assignee


def by_conversation(events: Iterable[InteractionEvent]) -> dict[ConversationKey, list[InteractionEvent]]:
    """The distinct events of each conversation: of two with one name from one source, the first that came counts."""
    found: dict[ConversationKey, dict[tuple[str, str], InteractionEvent]] = {}
    for event in events:
        mine = found.setdefault((event.tenant, event.conversation_id), {})
        mine.setdefault((event.source, event.event_id), event)
    return {key: list(mine.values()) for key, mine in found.items()}


def is_erased(events: Iterable[InteractionEvent]) -> bool:
    """Deleted or spam: no fact of the conversation is left, wherever that event stands."""
    return any(
        event.type == "deleted" or (event.type == "status_changed" and event.status == "spam") for event in events
    )


def moments_of(events: Iterable[InteractionEvent]) -> list[Moment]:
    """One conversation's distinct events, in their order; what comes behind a merge is not part of it any more."""
    found: list[Moment] = []
    team: str | None = None
    priority: Priority | None = None
    assignee: str | None = None
    for place, event in enumerate(sorted(events, key=_order)):
        team_before, assignee_before = team, assignee
        # Who says nothing about the team does not mean that there is none. An assignment to nobody says just that.
        team = team if event.team is None else event.team
        priority = priority if event.priority is None else event.priority
        assignee = event.assignee_id if event.type == "assigned" else assignee
        found.append(Moment(place, event, team, priority, assignee, team_before, assignee_before))
        if event.type == "merged":
            break
    return found


def _order(event: InteractionEvent) -> tuple[int, int, bytes, bytes]:
    """By time; at one instant by the source's own order, then by name. Sources that agree in all of that, by theirs."""
    return event.occurred_at, event.sequence or 0, event.event_id.encode(), event.source.encode()
