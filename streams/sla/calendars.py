"""Opening hours as sets of instants: how much open time lies in a stretch, and when a budget of it runs out.

riyadh = Calendar("Asia/Riyadh", {0: ((540, 780), (840, 1080))}, holidays=frozenset())
riyadh.open_ms(start_ms, end_ms)
riyadh.add(start_ms, 300_000)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.times import UTC, EpochMs, to_datetime, to_ms

#: Year → dates of that year on which no interval opens. Two that are equal give the same dates.
HolidayRule = Callable[[int], frozenset[date]]

#: Minutes after local midnight, half-open; an end at or before its start lies on the next date.
MinuteRange = tuple[int, int]

_DAY = timedelta(days=1)
#: How far `add` looks for enough open time before it says that there is none.
_HORIZON_YEARS = 30
#: An instant's year by looking it up: making a date of it takes ten times as long.
_FIRST_YEAR = 1800
_NEW_YEARS = [to_ms(datetime(year, 1, 1, tzinfo=UTC)) for year in range(_FIRST_YEAR, 2500)]
#: Before every instant there is.
_NEVER_MS = -(1 << 60)


class _Year:
    """The open stretches of one UTC year, [low_ms, high_ms), with the open time before each of them."""

    # With an underscore: the stretch that was looked at last, and the instants for which it is the right one.
    __slots__ = ("_before_ms", "_end_ms", "_from_ms", "_start_ms", "_to_ms", "before_ms", "ends", "high_ms", "low_ms",
                 "number", "starts", "total_ms")  # fmt: skip

    def __init__(self, number: int, stretches: Iterable[tuple[EpochMs, EpochMs]]) -> None:
        self.number = number
        self.low_ms = to_ms(datetime(number, 1, 1, tzinfo=UTC))
        self.high_ms = to_ms(datetime(number + 1, 1, 1, tzinfo=UTC))
        self.starts: list[EpochMs] = []
        self.ends: list[EpochMs] = []
        self.before_ms: list[int] = []
        self.total_ms = 0
        for start, end in merged((max(start, self.low_ms), min(end, self.high_ms)) for start, end in stretches):
            self.starts.append(start)
            self.ends.append(end)
            self.before_ms.append(self.total_ms)
            self.total_ms += end - start
        self._look_at(self.low_ms)

    def open_until(self, at_ms: EpochMs) -> int:
        """Open time of this year before `at_ms`."""
        if not self._from_ms <= at_ms < self._to_ms:
            self._look_at(at_ms)
        return self._before_ms + (at_ms if at_ms < self._end_ms else self._end_ms) - self._start_ms

    def instant_of(self, spent_ms: int) -> EpochMs:
        """The first instant by which `spent_ms` (0 < spent_ms ≤ total_ms) of this year's open time has passed."""
        if self._before_ms < spent_ms <= self._before_ms + self._end_ms - self._start_ms:
            return self._start_ms + spent_ms - self._before_ms
        index = bisect_right(self.before_ms, spent_ms - 1) - 1
        return self.starts[index] + spent_ms - self.before_ms[index]

    def _look_at(self, at_ms: EpochMs) -> None:
        """Keep the last stretch that begins by `at_ms` at hand: what is asked for next is nearly always close by."""
        index = bisect_right(self.starts, at_ms) - 1
        if index < 0:
            # Nothing is open before the first stretch.
            self._from_ms = self._start_ms = self._end_ms = _NEVER_MS
            self._before_ms = 0
        else:
            self._from_ms = self._start_ms = self.starts[index]
            self._end_ms = self.ends[index]
            self._before_ms = self.before_ms[index]
        self._to_ms = self.starts[index + 1] if index + 1 < len(self.starts) else -_NEVER_MS


class Calendar:
    """Weekly opening hours in a time zone, without holidays. Years are worked out when first asked for.

    Not for several threads: what was looked at last is kept at hand.
    """

    __slots__ = ("_latest", "_years", "_zone", "holidays", "holidays_of", "hours", "timezone")

    def __init__(
        self,
        timezone: str,
        hours: Mapping[int, tuple[MinuteRange, ...]],
        holidays: frozenset[date] = frozenset(),
        holidays_of: HolidayRule | None = None,
    ) -> None:
        """`hours`: weekday (0 is Monday) → ranges. `holidays_of`: further holidays, of the years that are asked for."""
        self.timezone = timezone
        # In one order, however a file has them: calendars that say the same are equal.
        self.hours = {day: tuple(sorted({*ranges})) for day, ranges in sorted(hours.items()) if ranges}
        self.holidays = holidays
        self.holidays_of = holidays_of
        self._zone = ZoneInfo(timezone)
        self._years: dict[int, _Year] = {}
        self._latest: _Year | None = None

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        # What was worked out so far does not make two of them differ.
        return isinstance(other, Calendar) and self._said() == other._said()

    def __repr__(self) -> str:
        return f"Calendar{self._said()!r}"

    def _said(self) -> tuple[object, ...]:
        return self.timezone, self.hours, self.holidays, self.holidays_of

    def open_ms(self, start_ms: EpochMs, end_ms: EpochMs) -> int:
        """Open time in [start_ms, end_ms), in milliseconds; 0 when the stretch is empty or turned around."""
        if end_ms <= start_ms:
            return 0
        first = self._year_at(start_ms)
        if end_ms < first.high_ms:
            return first.open_until(end_ms) - first.open_until(start_ms)
        last = self._year_at(end_ms)
        spent = last.open_until(end_ms) - first.open_until(start_ms)
        for number in range(first.number, last.number):
            spent += self._year(number).total_ms
        return spent

    def add(self, start_ms: EpochMs, open_ms: int) -> EpochMs | None:
        """The first instant by which `open_ms` of open time has passed since `start_ms`; None if it never does."""
        if open_ms <= 0:
            return start_ms
        year = self._year_at(start_ms)
        remaining = open_ms + year.open_until(start_ms)
        for _ in range(_HORIZON_YEARS):
            if remaining <= year.total_ms:
                return year.instant_of(remaining)
            remaining -= year.total_ms
            year = self._year(year.number + 1)
        return None

    def next_change(self, at_ms: EpochMs) -> tuple[bool, EpochMs | None]:
        """Whether it is open, and when that changes next; None if not within two years."""
        is_open = self.open_ms(at_ms, at_ms + 1) == 1
        number = _year_of(at_ms)
        for year in map(self._year, range(number, number + 3)):
            for start, end in zip(year.starts, year.ends, strict=True):
                if end <= at_ms:
                    continue
                if not is_open:
                    return False, start
                if start > at_ms:  # the next year begins where the last stretch ended, or it closed in between
                    return True, at_ms
                at_ms = end
                if end < year.high_ms:
                    return True, end
        return is_open, None

    def _year_at(self, at_ms: EpochMs) -> _Year:
        # Nearly always the one that was asked for last.
        year = self._latest
        if year is None or not year.low_ms <= at_ms < year.high_ms:
            year = self._latest = self._year(_year_of(at_ms))
        return year

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = _Year(number, self._intervals(number))
        return year

    def _intervals(self, number: int) -> Iterator[tuple[EpochMs, EpochMs]]:
        # Two days more on both sides: a local date is up to 14 h away from its UTC date, and may reach into the next.
        day, last = date(number, 1, 1) - 2 * _DAY, date(number + 1, 1, 1) + _DAY
        holidays = self._holidays(range(day.year, last.year + 1))
        while day <= last:
            if day not in holidays:
                for start, end in self.hours.get(day.weekday(), ()):
                    closing = end if end > start else end + 1440
                    yield self._instant(day, start), self._instant(day, closing)
            day += _DAY

    def _holidays(self, years: range) -> frozenset[date]:
        if self.holidays_of is None:
            return self.holidays
        return self.holidays.union(*map(self.holidays_of, years))

    def _instant(self, day: date, minutes: int) -> EpochMs:
        """A local time as an instant: the jump itself where the clocks skip it, the first where it comes twice."""
        local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
        early = local.replace(tzinfo=self._zone, fold=0)
        late = local.replace(tzinfo=self._zone, fold=1)
        before, after = to_ms(early), to_ms(late)
        if before <= after:  # plain, or repeated: fold=0 is the first
            return before
        return self._jump(after, before)

    def _jump(self, low_ms: EpochMs, high_ms: EpochMs) -> EpochMs:
        """The instant in (low_ms, high_ms] at which the zone's offset changes."""
        offset = self._offset(low_ms)
        while high_ms - low_ms > 1:
            middle = (low_ms + high_ms) // 2
            if self._offset(middle) == offset:
                low_ms = middle
            else:
                high_ms = middle
        return high_ms

    def _offset(self, at_ms: EpochMs) -> timedelta | None:
        return to_datetime(at_ms).astimezone(self._zone).utcoffset()


def merged(stretches: Iterable[tuple[EpochMs, EpochMs]]) -> list[tuple[EpochMs, EpochMs]]:
    """The same stretches in order; those that overlap or touch are one, and empty ones are none."""
    found: list[tuple[EpochMs, EpochMs]] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _year_of(at_ms: EpochMs) -> int:
    return _FIRST_YEAR - 1 + bisect_right(_NEW_YEARS, at_ms)
