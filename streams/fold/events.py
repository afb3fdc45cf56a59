"""What the fold needs of an event, and what a conversation remembers of it for as long as it may be folded again."""

from __future__ import annotations

import msgspec

from schemas.records import ActorKind, Call, Channel, EventType, InteractionEvent, Priority, Status, Survey
from schemas.times import EpochMs

#: (occurred_at, sequence or 0, event_id, source): the order of a conversation (SPEC §1). Python compares text by code
#: points, which is the order of its UTF-8 bytes.
OrderKey = tuple[int, int, str, str]


class LogEvent(msgspec.Struct, frozen=True, array_like=True, gc=False, omit_defaults=True):
    """An event without what its conversation knows anyway (tenant, conversation) and what no fact depends on.

    Fields are only ever added at the end, with a default, so that a log written by an older release still reads.
    """

    event_id: str
    source: str
    occurred_at: EpochMs
    type: EventType
    channel: Channel
    actor_kind: ActorKind
    actor_id: str | None = None
    sequence: int | None = None
    automated: bool = False
    ack: bool = False
    team: str | None = None
    priority: Priority | None = None
    status: Status | None = None
    assignee_id: str | None = None
    survey: Survey | None = None
    call: Call | None = None
    #: Backfill: the clocks it starts have no timers and no alerts.
    historical: bool = False


def remember(event: InteractionEvent) -> LogEvent:
    """What stays of an event in its conversation's log."""
    return LogEvent(
        event.event_id,
        event.source,
        event.occurred_at,
        event.type,
        event.channel,
        event.actor_kind,
        event.actor_id,
        event.sequence,
        event.automated,
        event.ack,
        event.team,
        event.priority,
        event.status,
        event.assignee_id,
        event.survey,
        event.call,
        event.historical,
    )
