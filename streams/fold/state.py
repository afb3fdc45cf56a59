"""What the fold remembers of a conversation between two events.

Arrays on the wire (msgspec `array_like`): a worker keeps hundreds of thousands of these packed. Fields are only ever
added at the end, with a default, so that a state written by an older release still reads.
"""

from __future__ import annotations

import msgspec

from schemas.records import Channel, Priority, Status
from schemas.times import EpochMs
from streams.fold.events import OrderKey
from streams.sla.policy import NO_POLICY


class Turn(msgspec.Struct, array_like=True, gc=False):
    """A customer waits."""

    number: int
    started: EpochMs
    channel: Channel
    policy: int
    #: The wait for a human; None while it has not started.
    clock: EpochMs | None
    #: Somebody, bot or human, has answered.
    any_over: bool
    #: No human has answered a turn of the episode before this one: its target is first_response.
    is_first: bool
    #: Its clock was started by backfill: no timers, no alerts.
    historical: bool = False


class Pause(msgspec.Struct, array_like=True, gc=False):
    """A stretch in status pending or on_hold; `until` is None while it lasts."""

    status: Status
    since: EpochMs
    until: EpochMs | None = None


class Episode(msgspec.Struct, array_like=True):
    """Opened, and not yet resolved."""

    number: int
    started: EpochMs
    channel: Channel
    policy: int = NO_POLICY
    #: nobody, then "bot" or "human"
    owner: str | None = None
    human_replies: int = 0
    bot_replies: int = 0
    turns: int = 0
    turn: Turn | None = None
    #: first_response and first_response_any are measured once an episode.
    response_done: bool = False
    any_done: bool = False
    transfers: int = 0
    human_wait_ms: int = 0
    pauses: list[Pause] = []
    #: assignee → milliseconds assigned while open, up to `assigned_since`
    assigned_open_ms: dict[str, int] = {}
    assigned_since: EpochMs = 0
    #: It was begun by backfill: no timers, no alerts.
    historical: bool = False


class FoldState(msgspec.Struct, array_like=True):
    """A conversation after its last event."""

    last: OrderKey | None = None
    team: str | None = None
    priority: Priority | None = None
    assignee: str | None = None
    done: bool = False
    #: When the last episode ended, or when the status made a conversation without any done.
    done_since: EpochMs | None = None
    episodes: int = 0
    first_started: EpochMs | None = None
    episode: Episode | None = None
    #: "kind/survey_id" → the episode of its first answer
    surveys: dict[str, int] = {}
    #: Merged into another one: what follows is ignored.
    merged: bool = False
