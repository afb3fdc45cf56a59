"""Who is at work when: shifts as a table of the local week."""

from __future__ import annotations

from random import Random

from connectors.simulator.profiles import HOURS_PER_DAY, Team, TenantProfile
from schemas.times import EpochMs

HOUR_MS = 3_600_000
HOURS_PER_WEEK = 7 * HOURS_PER_DAY

#: 1970-01-01 was a Thursday; hour 0 of a week is Monday 00:00.
_EPOCH_HOUR_OF_WEEK = 3 * HOURS_PER_DAY


def hour_of_week(local_ms: EpochMs) -> int:
    """0 is Monday 00:00 to 01:00, local time."""
    return (local_ms // HOUR_MS + _EPOCH_HOUR_OF_WEEK) % HOURS_PER_WEEK


class Roster:
    """One team's week: whom a conversation goes to, and how long until somebody is there."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self._on_duty: list[tuple[str, ...]] = _week(team)
        self._hours_until_staffed = _waits(self._on_duty)

    def agent(self, random: Random, local_ms: EpochMs) -> str:
        """Somebody who is at work then, or the first who will be."""
        hour = hour_of_week(local_ms)
        people = self._on_duty[(hour + self._hours_until_staffed[hour]) % HOURS_PER_WEEK]
        return people[int(random.random() * len(people))]

    def staffed(self, hour: int) -> bool:
        """Whether anybody works in this hour of the week."""
        return bool(self._on_duty[hour])

    def wait_ms(self, local_ms: EpochMs) -> int:
        """0 while somebody is at work, else until the next shift begins."""
        hours = self._hours_until_staffed[hour_of_week(local_ms)]
        return hours * HOUR_MS - local_ms % HOUR_MS if hours else 0


class Staff:
    """A tenant's teams."""

    def __init__(self, tenant: TenantProfile) -> None:
        rosters = [Roster(team) for team in tenant.teams]
        first = tuple(roster for roster in rosters if roster.team.takes_first)
        #: Those that others transfer to; may be empty.
        self.second: tuple[Roster, ...] = tuple(roster for roster in rosters if not roster.team.takes_first)
        self._taking = [
            tuple(roster for roster in first if roster.staffed(hour)) or first for hour in range(HOURS_PER_WEEK)
        ]

    def taking(self, local_ms: EpochMs) -> tuple[Roster, ...]:
        """Where new conversations go: the teams that are at work, or all of them while none is."""
        return self._taking[hour_of_week(local_ms)]


def _week(team: Team) -> list[tuple[str, ...]]:
    week: list[list[str]] = [[] for _ in range(HOURS_PER_WEEK)]
    for number in range(team.agents):
        begin, end = team.shifts[number % len(team.shifts)]
        length = (end - begin) % HOURS_PER_DAY or HOURS_PER_DAY
        for day in team.days:
            for hour in range(length):
                week[(day * HOURS_PER_DAY + begin + hour) % HOURS_PER_WEEK].append(f"{team.name}-{number + 1:02d}")
    return [tuple(people) for people in week]


def _waits(on_duty: list[tuple[str, ...]]) -> list[int]:
    waits = [0] * HOURS_PER_WEEK
    # Twice around, so that Sunday night knows of Monday morning.
    for hour in reversed(range(2 * HOURS_PER_WEEK)):
        at = hour % HOURS_PER_WEEK
        waits[at] = 0 if on_duty[at] else waits[(at + 1) % HOURS_PER_WEEK] + 1
    return waits
