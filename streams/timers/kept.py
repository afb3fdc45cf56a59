"""What is kept of a conversation's timers: records without behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from schemas.times import EpochMs

#: The last step of a clock, as the share of the target that is used up.
BREACH = 1.0


class Raised(msgspec.Struct, array_like=True, gc=False):
    """What a clock has raised for one deadline: everything up to this share of its target."""

    deadline: EpochMs
    upto: float = 0.0
    #: Late news showed that the breach was none.
    taken_back: bool = False


#: What is behind the conversation in a clock's fact_id → what it raised, by deadline.
RaisedByClock = Mapping[str, Sequence[Raised]]


class Dues(msgspec.Struct, array_like=True, gc=False):
    """Behind when the open turn, and the episode, have to be looked at next; None for never."""

    turn_due: EpochMs | None = None
    episode_due: EpochMs | None = None

    def is_due(self, at_ms: EpochMs) -> bool:
        """Whether something was due before `at_ms`."""
        turn, episode = self.turn_due, self.episode_due
        return (turn is not None and turn < at_ms) or (episode is not None and episode < at_ms)


class Timers(Dues, array_like=True, gc=False):
    """What is kept of a conversation's timers. New fields go to the end, with a default."""

    #: What is behind the conversation in a clock's fact_id → what it raised, by deadline.
    raised: dict[str, list[Raised]] = {}
    #: Behind when the first of both clocks raises something: what an event has to be compared with.
    alert_due: EpochMs | None = None
    #: Sources with a word in the conversation that the last tick held: until they are heard of it raises nothing.
    held: list[str] = []
