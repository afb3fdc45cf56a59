"""Opening hours as a list of stretches of time that nobody has made fast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from schemas.times import EpochMs

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

#: [since, until)
Stretch = tuple[EpochMs, EpochMs]


class Calendar:
    """The opening hours of one calendar of a policies file."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.zone = ZoneInfo(said["timezone"])
        self.hours: dict[str, list[str]] = said["hours"]
        self.holidays = {str(day) for day in said.get("holidays", [])}
        self._days: dict[date, list[Stretch]] = {}

    def open_ms(self, start_ms: EpochMs, end_ms: EpochMs) -> int:
        """How much of the time from `start_ms` to `end_ms` is open."""
        found = 0
        for since, until in self.stretches(start_ms):
            if since >= end_ms:
                break
            found += min(until, end_ms) - since
        return found

    def add(self, start_ms: EpochMs, budget_ms: int) -> EpochMs | None:
        """The first instant by which so much open time has passed; None for a calendar that never opens."""
        if budget_ms == 0:
            return start_ms
        for since, until in self.stretches(start_ms):
            if since + budget_ms <= until:
                return since + budget_ms
            budget_ms -= until - since
        return None

    def stretches(self, from_ms: EpochMs) -> Iterator[Stretch]:
        """What is open from an instant on: in its order, apart from each other, without an end."""
        if not any(self.hours.values()):
            return
        # What began on the day before may still be open, and the zone may have skipped a day since.
        day = moment_of(from_ms).astimezone(self.zone).date() - 2 * DAY
        since, until = from_ms, from_ms
        while True:
            for next_since, next_until in self._opened_on(day):
                if next_since <= until:
                    until = max(until, next_until)
                    continue
                if since < until:
                    yield since, until
                since, until = next_since, next_until
            day += DAY

    def _opened_on(self, day: date) -> list[Stretch]:
        """The stretches that begin on this local date, each as it is written."""
        if day not in self._days:
            written = [] if day.isoformat() in self.holidays else self.hours.get(WEEKDAYS[day.weekday()], [])
            self._days[day] = sorted(self._stretch(day, text) for text in written)
        return self._days[day]

    def _stretch(self, day: date, text: str) -> Stretch:
        opens, closes = (clock_of(clock) for clock in text.split("-"))
        # 22:00-06:00 ends on the next date, and so does 08:00-08:00.
        closes_on = day + DAY if closes <= opens else day
        return self._instant(day, opens), self._instant(closes_on, closes)

    def _instant(self, day: date, clock: timedelta) -> EpochMs:
        """The first instant at which the clocks of the zone show this time, or have jumped over it."""
        local = datetime(day.year, day.month, day.day) + clock
        moment = min(local.replace(tzinfo=self.zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
        while moment.astimezone(self.zone).replace(tzinfo=None) < local:
            moment += MINUTE
        return ms_of(moment)


def clock_of(text: str) -> timedelta:
    """`09:30`, or `24:00`, as the time since midnight."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def moment_of(at_ms: EpochMs) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)


def ms_of(moment: datetime) -> EpochMs:
    return (moment - EPOCH) // timedelta(milliseconds=1)
