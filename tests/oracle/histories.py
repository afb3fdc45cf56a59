"""Random histories: a few hours in which everything meets everything else."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from schemas.records import ActorKind, Call, Channel, EventType, InteractionEvent, Priority, Status, Survey
from schemas.times import EpochMs
from tests.oracle.books import FAR, NIGHTS, SHORT, Setting

#: A history is as long as this many steps. As small as that, many things happen at one instant.
STEPS = 24

#: How often somebody does what. What ends a history in the middle comes to some of them only: most are to go on.
_TYPES: dict[EventType, int] = {
    "message": 20,
    "status_changed": 7,
    "assigned": 4,
    "handoff_requested": 2,
    "conversation_started": 2,
    "call_answered": 2,
    "call_ended": 2,
    "survey_answered": 3,
    "note": 1,
}
_ACTORS: dict[ActorKind, int] = {"customer": 4, "human": 3, "bot": 2, "system": 1}
_CHANNELS: tuple[Channel, ...] = ("live_chat", "email", "voice")
_STATUSES: dict[Status, int] = {"open": 1, "pending": 2, "on_hold": 2}
_TEAMS = (None, None, None, "vip", "tier1")
_PRIORITIES = (None, None, None, *typing.get_args(Priority))
#: Events have a name each, mostly. Some share theirs, also with a survey and with somebody who has work to do.
_SHARED = ("1", "2", "3")
#: Bytes put these into another order than UTF-16 does.
_FOREIGN = ("\uffff", "\U0001f600") * 2
_ASSIGNEES = (None, "ana", "ana", "bo", *_SHARED[:2])
_SURVEYS = (None, None, "s", *_SHARED[:2])


class History(NamedTuple):
    """Events in the order in which they come, and policies that judge them."""

    setting: Setting
    begins: EpochMs
    events: list[InteractionEvent]
    as_of_ms: EpochMs


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Of two tenants and two conversations, mostly of one; some names come twice, with another content.

    Every event is made of one number. Drawn field by field they resemble each other, and few of them make a story.
    """
    setting = draw(st.sampled_from((SHORT, NIGHTS, FAR)))
    begins = draw(st.sampled_from(setting.begins))
    # Some conversations have hardly an end, so that their episodes have time for many turns.
    ends = draw(st.sampled_from((0.2, 3.0)))
    size = draw(st.integers(1, 36))
    numbers = draw(st.lists(st.integers(0, 2**48), min_size=size, max_size=size))
    told = [_event(Random(number), place, begins, setting.step_ms, ends) for place, number in enumerate(numbers)]
    if draw(st.integers(0, 9)) == 9:
        told.append(
            _ending(draw(st.sampled_from(told)), draw(st.sampled_from(("merged", "merged", "deleted", "spam"))))
        )
    steps = draw(st.integers(0, STEPS + 12) | st.just(400 * STEPS))
    # What runs out at a step has run out just behind it.
    beside_ms = draw(st.sampled_from((0, 1, 1)))
    return History(setting, begins, told, begins + steps * setting.step_ms + beside_ms)


def _event(rng: Random, place: int, begins: EpochMs, step_ms: int, ends: float) -> InteractionEvent:
    """The event that a number means. `ends`: how often a status is one that ends an episode."""
    kind = _one_of(rng, _TYPES)
    actor = _one_of(rng, _ACTORS)
    conversation = rng.choice("cccccccd")
    name = str(100 + place) if rng.random() < 0.7 else rng.choice(_SHARED + _FOREIGN)
    if kind == "survey_answered":
        name = rng.choice(_SHARED)
    # Just before and just behind what happens at a step, here and there.
    at_ms = begins + rng.randint(0, STEPS) * step_ms + rng.choice((0,) * 10 + (-1, 1, 30_000))
    return InteractionEvent(
        # A source gives a name once, whatever the conversation.
        event_id=name if conversation == "c" else f"{conversation}{name}",
        tenant=rng.choice(("acme",) * 9 + ("bank",)),
        source=rng.choice(("chat", "chat", "pbx")),
        channel=rng.choice(_CHANNELS),
        type=kind,
        occurred_at=at_ms,
        conversation_id=conversation,
        actor_kind=actor,
        actor_id=rng.choice(("ana", "bo", None)) if actor == "human" else actor,
        team=rng.choice(_TEAMS),
        priority=rng.choice(_PRIORITIES),
        sequence=rng.choice((None, None, -1, 0, 1)),
        historical=rng.random() < 0.01,
        **_particulars(rng, kind, ends),
    )


def _particulars(rng: Random, kind: EventType, ends: float) -> dict[str, Any]:
    """What only events of this type have."""
    if kind in ("message", "call_answered"):
        return {"automated": rng.random() < 0.1, "ack": rng.random() < 0.1}
    if kind == "status_changed":
        return {"status": _one_of(rng, {**_STATUSES, "resolved": ends, "closed": ends})}
    if kind == "assigned":
        return {"assignee_id": rng.choice(_ASSIGNEES)}
    if kind == "survey_answered":
        return {
            "survey": Survey(rng.choice(("csat", "nps")), float(rng.randint(0, 5)), None, 5.0, rng.choice(_SURVEYS))
        }
    if kind == "call_ended":
        return {"call": Call(rng.choice((0.0, 0.5, 90.0)), 15.0, 5.0)}
    return {}


def _ending(event: InteractionEvent, how: str) -> InteractionEvent:
    """Something that ends its conversation, at the instant of this event."""
    kind, status = ("status_changed", how) if how == "spam" else (how, None)
    return msgspec.structs.replace(event, event_id=f"{event.event_id}{how}", type=kind, status=status)


Word = typing.TypeVar("Word")


def _one_of(rng: Random, often: Mapping[Word, float]) -> Word:
    """One of these, each as often as it says."""
    return rng.choices(list(often), list(often.values()))[0]
