"""An episode and its turns: what happened from its beginning to its end, and nothing that is worked out of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.records import Status
from schemas.times import EpochMs
from tests.oracle.calendars import Stretch
from tests.oracle.moments import Moment
from tests.oracle.policies import Policy


@dataclass
class Turn:
    """A customer waits."""

    number: int
    opened: Moment
    #: The match when it opened.
    policy: Policy | None
    #: A human had ended a turn of the episode before.
    is_later: bool
    #: Since when the customer waits for a human; None: there is a bot to talk to.
    human_since: EpochMs | None
    #: Nobody waits for just anyone: a hand-off opened it, or somebody has answered.
    anyone_over: bool = False
    #: Whose answer ended the wait for just anyone.
    anyone: Moment | None = None
    ended: Moment | None = None
    ended_by: Literal["human", "bot", "end"] | None = None


@dataclass
class Episode:
    """From the opening to the end."""

    number: int
    opened: Moment
    policy: Policy | None
    #: What had made the conversation done; None: it was not.
    reopens: Moment | None
    #: Since when it had which status.
    statuses: list[tuple[EpochMs, Status]]
    #: Since when it was assigned to whom.
    assignees: list[tuple[EpochMs, str | None]]
    owner: Literal["human", "bot"] | None = None
    human_replied: bool = False
    bot_replied: bool = False
    turns: list[Turn] = field(default_factory=list)
    #: Assignments that moved it from one to another, and what they moved it between.
    transfers: list[tuple[Moment, Literal["agent", "team"]]] = field(default_factory=list)
    ended: Moment | None = None
    merged: bool = False

    @property
    def turn(self) -> Turn | None:
        """The open one."""
        return self.turns[-1] if self.turns and self.turns[-1].ended is None else None

    @property
    def status(self) -> Status:
        return self.statuses[-1][1]

    def stretches_in(self, statuses: Sequence[str], until_ms: EpochMs) -> list[Stretch]:
        """The times at which the status was one of these, up to an instant."""
        ends = [since for since, _ in self.statuses[1:]] + [until_ms]
        return [(since, end) for (since, status), end in zip(self.statuses, ends, strict=True) if status in statuses]

    def assigned_to(self, who: str, until_ms: EpochMs) -> list[Stretch]:
        """The times at which it was assigned to somebody, up to an instant."""
        ends = [since for since, _ in self.assignees[1:]] + [until_ms]
        return [(since, end) for (since, one), end in zip(self.assignees, ends, strict=True) if one == who]
