"""Random conversations: every type of event, close enough together to meet, tie and overtake each other."""

from __future__ import annotations

import typing
from typing import Any

from hypothesis import strategies as st

from schemas.records import ActorKind, Call, EventType, InteractionEvent, Priority, Status, Survey
from streams.sla import policy_file
from tests.streams.stories import MIDNIGHT

MINUTE_MS = 60_000

#: Short targets, pauses of both kinds, a calendar with a gap, a version that comes into force in the middle.
POLICIES = """
calendars:
  office: {timezone: Europe/Berlin, hours: {tue: ["08:00-10:30", "10:50-24:00"], wed: ["00:00-12:00"]}}
policies:
  - name: chat
    match: {channel: [live_chat]}
    calendar: office
    targets: {first_response: 5m, next_response: 3m, resolution: 25m}
    pause_on: [pending]
  - name: vip
    match: {team: [vip]}
    targets: {first_response: 2m, resolution: 10m}
---
effective_from: 2026-03-10T10:20:00Z
policies:
  - name: rest
    match: {tenant: [acme]}
    targets: {first_response: 4m, next_response: 4m, resolution: 20m}
"""
BOOK = policy_file.parse(POLICIES)

FIRST_MS = MIDNIGHT + 9 * 60 * MINUTE_MS
LAST_MS = FIRST_MS + 150 * MINUTE_MS
#: Any instant at which somebody may look: before, while and after things happen.
instants = st.integers(-10, 24 * 60).map(lambda minutes: FIRST_MS + minutes * MINUTE_MS)

_names = st.sampled_from(("ana", "bo"))
_teams = st.sampled_from((None, None, None, "vip", "tier1"))
_priorities = st.sampled_from((None, None, *typing.get_args(Priority)))
# Erasing and merging end a story, and most stories should go on for a while.
_types = st.sampled_from(
    [*(["message"] * 14), *(["status_changed"] * 5), *(["assigned"] * 3), *typing.get_args(EventType)]
)
_statuses = st.sampled_from(["open", "pending", "on_hold", "resolved"] * 4 + list(typing.get_args(Status)))
_surveys = st.builds(
    Survey,
    st.sampled_from(("csat", "nps", "ces")),
    st.integers(0, 10).map(float),
    survey_id=st.sampled_from((None, "s1", "e1")),
)
_calls = st.builds(Call, talk_seconds=st.integers(0, 300).map(float))
_moments = st.one_of(
    st.integers(0, 150).map(lambda minute: FIRST_MS + minute * MINUTE_MS), st.integers(FIRST_MS, LAST_MS)
)


@st.composite
def events(draw: st.DrawFn, conversation_ids: tuple[str, ...] = ("c",)) -> InteractionEvent:
    """An event of one of these conversations."""
    kind: EventType = draw(_types)
    actor: ActorKind = draw(st.sampled_from(("customer", "customer", "human", "human", "bot", "system")))
    fields: dict[str, Any] = {}
    if kind == "status_changed":
        fields["status"] = draw(_statuses)
    elif kind == "assigned":
        # Somebody may be called what an event is called.
        fields["assignee_id"] = draw(st.none() | _names | st.just("e1"))
    elif kind == "survey_answered":
        fields["survey"] = draw(_surveys)
    elif kind == "call_ended":
        fields["call"] = draw(_calls)
    elif kind == "message":
        fields["automated"] = draw(st.integers(0, 9)) == 0
        fields["ack"] = draw(st.integers(0, 9)) == 0
    return InteractionEvent(
        event_id=f"e{draw(st.integers(1, 40))}",
        tenant="acme",
        source=draw(st.sampled_from(("chat", "chat", "pbx"))),
        channel=draw(st.sampled_from(("live_chat", "live_chat", "email", "voice"))),
        type=kind,
        occurred_at=draw(_moments),
        conversation_id=draw(st.sampled_from(conversation_ids)),
        actor_kind=actor,
        actor_id=draw(_names) if actor == "human" else actor,
        team=draw(_teams),
        priority=draw(_priorities),
        sequence=draw(st.none() | st.integers(0, 2)),
        **fields,
    )


def _identity(event: InteractionEvent) -> tuple[str, str, str]:
    return event.conversation_id, event.source, event.event_id


def conversations(max_size: int = 24) -> st.SearchStrategy[list[InteractionEvent]]:
    """Distinct events of one conversation, in any order of arrival."""
    return st.lists(events(), min_size=1, max_size=max_size, unique_by=_identity)


def partitions(max_size: int = 40) -> st.SearchStrategy[list[InteractionEvent]]:
    """Distinct events of three conversations, in any order of arrival."""
    return st.lists(events(("c", "c/1", "d")), min_size=1, max_size=max_size, unique_by=_identity)
