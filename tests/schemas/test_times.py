"""Instants: one place parses, one place prints, and they agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import times
from schemas.errors import InvalidEvent
from tests.schemas.strategies import instants

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_the_present_lies_between_before_and_behind() -> None:
    before = times.to_ms(datetime.now(timezone.utc))
    assert before <= times.now_ms() <= times.to_ms(datetime.now(timezone.utc))


@given(at_ms=instants)
def test_what_is_printed_parses_to_the_same_instant(at_ms: int) -> None:
    assert times.parse(times.render(at_ms)) == at_ms


@given(first=instants, second=instants)
def test_text_sorts_as_instants_do(first: int, second: int) -> None:
    assert (times.render(first) < times.render(second)) == (first < second)


@given(at_ms=instants)
def test_datetimes_carry_the_same_instant(at_ms: int) -> None:
    moment = times.to_datetime(at_ms)
    assert moment.tzinfo is timezone.utc
    assert times.to_ms(moment) == at_ms


@given(at_ms=instants, zone=offsets)
def test_an_offset_changes_the_text_not_the_instant(at_ms: int, zone: timezone) -> None:
    assert times.parse(times.to_datetime(at_ms).astimezone(zone).isoformat()) == at_ms


@given(at_ms=instants, micros=st.integers(0, 999))
def test_what_is_finer_than_a_millisecond_is_rounded_down(at_ms: int, micros: int) -> None:
    assert times.to_ms(times.to_datetime(at_ms) + timedelta(microseconds=micros)) == at_ms


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_773_133_200_007, "2026-03-10T09:00:00.007Z"),
        (times.MIN_MS, "1900-01-01T00:00:00.000Z"),
        (times.MAX_MS, "2299-12-31T23:59:59.999Z"),
    ],
)
def test_instants_print_as_the_contract_says(at_ms: int, text: str) -> None:
    assert times.render(at_ms) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "5", "2026-03-10", "2026-03-10T09:00:00", "2026-13-01T00:00:00Z", "2026-03-10T25:00:00Z"),
        *("2026-02-29T00:00:00Z", "2026-03-10T09:00:00+25:00", "0000-01-01T00:00:00Z", "2026-03-10T09:00:00Z trailing"),
    ],
)
def test_what_is_no_time_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        times.parse(text)
    assert repr(text) in str(refused.value)


@given(text=st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        at_ms = times.parse(text)
    except InvalidEvent:
        return
    assert isinstance(at_ms, int)


def test_the_bounds_are_whole_years() -> None:
    assert times.to_datetime(times.MIN_MS) == datetime(1900, 1, 1, tzinfo=timezone.utc)
    assert times.to_datetime(times.MAX_MS + 1) == datetime(2300, 1, 1, tzinfo=timezone.utc)


def test_people_read_an_instant_in_their_own_time() -> None:
    at_ms = times.parse("2026-03-29T01:30:00.250Z")
    assert times.render_in(at_ms, ZoneInfo("Europe/Berlin")) == "2026-03-29T03:30:00.250+02:00"
    assert times.render_in(at_ms - 3_600_000, ZoneInfo("Europe/Berlin")) == "2026-03-29T01:30:00.250+01:00"
    assert times.parse(times.render_in(at_ms, ZoneInfo("America/St_Johns"))) == at_ms
