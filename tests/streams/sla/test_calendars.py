"""Opening hours: the rules one by one, and a reference that walks minute by minute."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.times import UTC, parse, to_datetime, to_ms
from streams.sla.calendars import Calendar, MinuteRange

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)
EVERY_DAY = range(7)


def at(text: str) -> int:
    return parse(f"{text}Z")


def hm(hours: int, minutes: int = 0) -> int:
    return hours * 60 + minutes


def open_hours(calendar: Calendar, since: str, until: str) -> float:
    return calendar.open_ms(at(since), at(until)) / HOUR_MS


def nine_to_five(zone: str = "UTC", holidays: frozenset[date] = frozenset()) -> Calendar:
    return Calendar(zone, dict.fromkeys(EVERY_DAY, ((hm(9), hm(17)),)), holidays)


# --- intervals -------------------------------------------------------------------------------------------------------


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    calendar = nine_to_five()
    opening, closing = at("2026-03-10T09:00:00"), at("2026-03-10T17:00:00")
    assert calendar.open_ms(opening, opening + 1) == 1
    assert calendar.open_ms(opening - 1, opening) == 0
    assert calendar.open_ms(closing - 1, closing) == 1
    assert calendar.open_ms(closing, closing + 1) == 0


def test_a_stretch_that_is_empty_or_turned_around_has_no_open_time() -> None:
    calendar = nine_to_five()
    noon = at("2026-03-10T12:00:00")
    assert calendar.open_ms(noon, noon) == 0
    assert calendar.open_ms(noon, noon - HOUR_MS) == 0


@pytest.mark.parametrize(
    ("ranges", "hours"),
    [
        pytest.param(((hm(20), hm(6)),), 10, id="over midnight"),
        pytest.param(((hm(9), hm(9)),), 24, id="an end equal to its start is on the next date"),
        pytest.param(((0, hm(24)),), 24, id="until 24:00"),
        pytest.param(((0, 0),), 24, id="from 00:00 to 00:00"),
        pytest.param(((hm(22), hm(24)),), 2, id="until 24:00 from the evening"),
        pytest.param(((hm(9), hm(12)), (hm(11), hm(15))), 6, id="overlapping ones merge"),
        pytest.param(((hm(9), hm(12)), (hm(12), hm(15))), 6, id="touching ones merge"),
        pytest.param(((hm(11), hm(12)), (hm(9), hm(15))), 6, id="one within another merges, in any order"),
        pytest.param((), 0, id="none"),
    ],
)
def test_a_weekday_opens_for_as_long_as_its_intervals_cover(ranges: tuple[MinuteRange, ...], hours: int) -> None:
    calendar = Calendar("UTC", {TUE: ranges})
    assert open_hours(calendar, "2026-03-09T00:00:00", "2026-03-12T00:00:00") == hours


def test_an_interval_over_midnight_merges_with_the_next_days() -> None:
    calendar = Calendar("UTC", {MON: ((hm(20), hm(6)),), TUE: ((hm(5), hm(7)),)})
    assert open_hours(calendar, "2026-03-09T00:00:00", "2026-03-11T00:00:00") == 11
    assert calendar.add(at("2026-03-09T20:00:00"), 11 * HOUR_MS) == at("2026-03-10T07:00:00")


# --- holidays --------------------------------------------------------------------------------------------------------


def test_no_interval_opens_on_a_holiday_and_one_from_the_day_before_runs_on() -> None:
    nights = dict.fromkeys(EVERY_DAY, ((hm(20), hm(6)),))
    calendar = Calendar("Europe/Berlin", nights, frozenset({date(2026, 4, 6)}))
    # Local time is UTC + 2 h. Sunday night runs into the holiday; Monday night, which would open on it, is missing.
    assert open_hours(calendar, "2026-04-05T18:00:00", "2026-04-06T04:00:00") == 10
    assert open_hours(calendar, "2026-04-06T04:00:00", "2026-04-07T18:00:00") == 0


def test_a_holiday_is_a_local_date() -> None:
    calendar = Calendar("Pacific/Auckland", dict.fromkeys(EVERY_DAY, ((0, hm(24)),)), frozenset({date(2026, 2, 6)}))
    # Auckland is 13 h ahead: its 6th is the 5th from 11:00Z to the 6th, 11:00Z.
    assert open_hours(calendar, "2026-02-05T00:00:00", "2026-02-07T00:00:00") == 24
    assert open_hours(calendar, "2026-02-05T11:00:00", "2026-02-06T11:00:00") == 0


# --- the clocks change -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "hours"),
    [
        pytest.param(((hm(2, 15), hm(4)),), 1, id="a skipped start is the jump"),
        pytest.param(((hm(1), hm(2, 30)),), 1, id="a skipped end is the jump"),
        pytest.param(((hm(2, 10), hm(2, 50)),), 0, id="an interval that was skipped whole is empty"),
        pytest.param(((0, hm(24)),), 23, id="the day has 23 hours"),
    ],
)
def test_a_local_time_that_is_skipped_is_the_instant_of_the_jump(ranges: tuple[MinuteRange, ...], hours: int) -> None:
    # Berlin, 2026-03-29: 02:00 becomes 03:00, at 01:00Z.
    calendar = Calendar("Europe/Berlin", {SUN: ranges})
    assert open_hours(calendar, "2026-03-28T00:00:00", "2026-03-30T12:00:00") == hours


@pytest.mark.parametrize(
    ("ranges", "hours"),
    [
        pytest.param(((hm(2, 30), hm(4)),), 2.5, id="a start counts from its first occurrence"),
        pytest.param(((hm(1), hm(2, 30)),), 1.5, id="an end counts at its first occurrence"),
        pytest.param(((hm(2), hm(3)),), 2, id="an hour that comes twice is two"),
        pytest.param(((0, hm(24)),), 25, id="the day has 25 hours"),
    ],
)
def test_a_local_time_that_comes_twice_is_its_first_occurrence(ranges: tuple[MinuteRange, ...], hours: float) -> None:
    # Berlin, 2026-10-25: 03:00 becomes 02:00, at 01:00Z.
    calendar = Calendar("Europe/Berlin", {SUN: ranges})
    assert open_hours(calendar, "2026-10-24T00:00:00", "2026-10-26T12:00:00") == hours


def test_a_day_that_a_zone_skipped_has_no_hours() -> None:
    # Samoa crossed the date line: after Thursday 2011-12-29 came Saturday the 31st, at 10:00Z on the 30th.
    all_day = Calendar("Pacific/Apia", {FRI: ((0, hm(24)),)})
    assert open_hours(all_day, "2011-12-28T00:00:00", "2012-01-02T00:00:00") == 0
    into_saturday = Calendar("Pacific/Apia", {FRI: ((hm(20), hm(6)),)})
    assert open_hours(into_saturday, "2011-12-28T00:00:00", "2012-01-02T00:00:00") == 6
    thursday_on = Calendar("Pacific/Apia", {THU: ((hm(22), hm(2)),)})
    assert open_hours(thursday_on, "2011-12-28T00:00:00", "2012-01-02T00:00:00") == 2


@pytest.mark.parametrize(
    ("zone", "opening"),
    [
        ("Asia/Kolkata", "03:30"),
        ("Asia/Kathmandu", "03:15"),
        ("Australia/Eucla", "00:15"),
        ("America/St_Johns", "12:30"),
        ("Pacific/Kiritimati", "19:00"),
        ("Etc/GMT+12", "21:00"),
    ],
)
def test_offsets_of_any_size_count(zone: str, opening: str) -> None:
    calendar = Calendar(zone, dict.fromkeys(EVERY_DAY, ((hm(9), hm(10)),)))
    opens = at(f"2026-01-14T{opening}:00")
    assert calendar.open_ms(opens, opens + HOUR_MS) == HOUR_MS
    assert calendar.open_ms(opens - DAY_MS + HOUR_MS, opens) == 0


# --- adding ----------------------------------------------------------------------------------------------------------


def test_add_gives_the_first_instant_by_which_the_time_has_passed() -> None:
    calendar = nine_to_five()
    assert calendar.add(at("2026-03-10T16:00:00"), HOUR_MS) == at("2026-03-10T17:00:00"), "not the next morning"
    assert calendar.add(at("2026-03-10T16:00:00"), HOUR_MS + 1) == at("2026-03-11T09:00:00.001")
    assert calendar.add(at("2026-03-10T20:00:00"), HOUR_MS) == at("2026-03-11T10:00:00")
    assert calendar.add(at("2026-03-10T20:00:00"), 0) == at("2026-03-10T20:00:00"), "no time has passed at once"


def test_add_finds_nothing_in_a_calendar_that_never_opens() -> None:
    assert Calendar("UTC", {}).add(at("2026-03-10T16:00:00"), 1) is None
    assert Calendar("UTC", {}).open_ms(at("2020-01-01T00:00:00"), at("2030-01-01T00:00:00")) == 0


def test_years_join_without_a_seam() -> None:
    round_the_clock = Calendar("Asia/Tokyo", dict.fromkeys(EVERY_DAY, ((0, hm(24)),)))
    since, until = at("2019-06-01T00:00:00"), at("2026-06-01T12:34:56.789")
    assert round_the_clock.open_ms(since, until) == until - since
    assert round_the_clock.add(since, until - since) == until
    new_year = Calendar(
        "America/New_York", {THU: ((hm(18), hm(23)),)}
    )  # 2025-12-31 is a Wednesday, 2026-01-01 a Thursday
    assert new_year.open_ms(at("2025-12-31T00:00:00"), at("2026-01-03T00:00:00")) == 5 * HOUR_MS
    over_it = Calendar("America/New_York", {WED: ((hm(18), hm(2)),)})
    assert over_it.add(at("2025-12-31T23:00:00"), 8 * HOUR_MS) == at("2026-01-01T07:00:00")


# --- what comes next -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "now", "is_open", "changes"),
    [
        (nine_to_five(), "2026-03-10T08:00:00", False, "2026-03-10T09:00:00"),
        (nine_to_five(), "2026-03-10T09:00:00", True, "2026-03-10T17:00:00"),
        (nine_to_five(), "2026-03-10T17:00:00", False, "2026-03-11T09:00:00"),
        (nine_to_five(), "2026-12-31T17:00:00", False, "2027-01-01T09:00:00"),
        (nine_to_five(holidays=frozenset({date(2027, 1, 1)})), "2026-12-31T18:00:00", False, "2027-01-02T09:00:00"),
        # Over the turn of the year without a break.
        (Calendar("UTC", {THU: ((hm(20), hm(6)),)}), "2026-12-31T23:00:00", True, "2027-01-01T06:00:00"),
        (Calendar("UTC", {THU: ((hm(20), hm(24)),)}), "2026-12-31T23:00:00", True, "2027-01-01T00:00:00"),
        (Calendar("UTC", dict.fromkeys(EVERY_DAY, ((0, hm(24)),))), "2026-03-10T08:00:00", True, None),
        (Calendar("UTC", {}), "2026-03-10T08:00:00", False, None),
    ],
)
def test_a_calendar_says_when_it_opens_or_closes_next(
    calendar: Calendar, now: str, is_open: bool, changes: str | None
) -> None:
    assert calendar.next_change(at(now)) == (is_open, None if changes is None else at(changes))


# --- laws ------------------------------------------------------------------------------------------------------------

# Clocks that change on other days than Europe's and by half an hour; offsets of 45 minutes; a skipped day.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "Asia/Riyadh", "America/Sao_Paulo"),
)
SOME_DAYS = (
    "2011-12-30",
    "2018-11-04",
    "2024-02-29",
    "2025-12-31",
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-10-25",
)

minutes = st.integers(0, 24 * 4 - 1).map(lambda quarter: quarter * 15)
ranges = st.tuples(minutes, st.one_of(minutes, st.just(24 * 60)))
hours = st.dictionaries(
    st.sampled_from(list(EVERY_DAY)), st.lists(ranges, min_size=1, max_size=3).map(tuple), max_size=7
)
days = st.sampled_from(SOME_DAYS).map(date.fromisoformat)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, int]:
    """A calendar and an instant on a day at which something may happen in it."""
    day = draw(days)
    near = [day + timedelta(days=n) for n in (-1, 0, 1)]
    holidays = draw(st.frozensets(st.sampled_from(near), max_size=2))
    calendar = Calendar(draw(st.sampled_from(ZONES)), draw(hours), holidays)
    noon = to_ms(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    return calendar, noon + draw(st.integers(-36 * 60, 36 * 60)) * MINUTE_MS


stretches = st.integers(0, 20 * DAY_MS)


@given(calendars(), stretches, stretches)
@settings(max_examples=100, deadline=None)
def test_open_time_is_additive(found: tuple[Calendar, int], first_ms: int, second_ms: int) -> None:
    calendar, start = found
    middle, end = start + first_ms, start + first_ms + second_ms
    assert calendar.open_ms(start, end) == calendar.open_ms(start, middle) + calendar.open_ms(middle, end)
    assert 0 <= calendar.open_ms(start, end) <= end - start


@given(calendars(), st.integers(1, 60 * HOUR_MS))
@settings(max_examples=100, deadline=None)
def test_add_inverts_open_time(found: tuple[Calendar, int], budget_ms: int) -> None:
    calendar, start = found
    end = calendar.add(start, budget_ms)
    if end is None:
        assert calendar.open_ms(start, start + 400 * DAY_MS) == 0
        return
    assert calendar.open_ms(start, end) == budget_ms
    assert calendar.open_ms(start, end - 1) == budget_ms - 1, "an earlier instant would have done"


@given(calendars(), st.lists(st.tuples(st.integers(-9 * DAY_MS, 9 * DAY_MS), st.integers(0, 60 * HOUR_MS)), max_size=9))
@settings(max_examples=100, deadline=None)
def test_a_calendar_that_was_asked_before_answers_as_a_new_one(
    found: tuple[Calendar, int], questions: list[tuple[int, int]]
) -> None:
    asked, start = found
    for offset_ms, length_ms in questions:
        new, since = Calendar(asked.timezone, asked.hours, asked.holidays), start + offset_ms
        assert asked.open_ms(since, since + length_ms) == new.open_ms(since, since + length_ms)
        new = Calendar(asked.timezone, asked.hours, asked.holidays)
        assert asked.add(since, length_ms) == new.add(since, length_ms)


def by_the_minute(calendar: Calendar, start_ms: int, end_ms: int) -> set[int]:
    """The open minutes, from nothing but the specification: a local time is the first minute at which the clock on the
    wall shows it or something later. A day of zeros and ones, looked at minute by minute.
    """
    zone = ZoneInfo(calendar.timezone)
    scanned = range(start_ms - 3 * DAY_MS, end_ms + 3 * DAY_MS, MINUTE_MS)
    wall = [(to_datetime(minute).astimezone(zone).replace(tzinfo=None), minute) for minute in scanned]

    def instant(local: datetime) -> int:
        return next(minute for shown, minute in wall if shown >= local)

    found: set[int] = set()
    day = to_datetime(start_ms).date() - timedelta(days=2)
    while day <= to_datetime(end_ms).date() + timedelta(days=1):
        for opening, closing in () if day in calendar.holidays else calendar.hours.get(day.weekday(), ()):
            midnight = datetime(day.year, day.month, day.day)
            ends = closing if closing > opening else closing + 24 * 60
            since = instant(midnight + timedelta(minutes=opening))
            until = instant(midnight + timedelta(minutes=ends))
            found.update(range(since, until, MINUTE_MS))
        day += timedelta(days=1)
    return {minute for minute in found if start_ms <= minute < end_ms}


ALL_NIGHT = Calendar("Pacific/Apia", dict.fromkeys(EVERY_DAY, ((hm(20), hm(6)),)))


@given(calendars(), st.integers(0, 2 * 24 * 60))
@example((ALL_NIGHT, at("2011-12-29T00:00:00")), 4 * 24 * 60)
@settings(max_examples=40, deadline=None)
def test_open_time_is_that_of_a_walk_minute_by_minute(found: tuple[Calendar, int], length_minutes: int) -> None:
    calendar, start = found
    end = start + length_minutes * MINUTE_MS
    assert calendar.open_ms(start, end) == len(by_the_minute(calendar, start, end)) * MINUTE_MS
