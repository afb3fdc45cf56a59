"""The product's calendars and the oracle's are open at the same times."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.times import EpochMs, to_ms
from streams.sla import policy_file
from tests.oracle.calendars import WEEKDAYS, Calendar

QUARTER_MS = 15 * 60_000
#: Clocks that move by an hour or half of one, at night or at midnight; a day that was skipped; offsets of quarters.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo"),
)
#: Some of them moved on these, and years end.
DAYS = ("2011-12-30", "2018-11-04", "2025-12-31", "2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01")

_clocks = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
_ranges = st.tuples(_clocks, _clocks | st.just("24:00")).map("-".join)
_weeks = st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(_ranges, min_size=1, max_size=3), min_size=4)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[dict[str, Any], EpochMs]:
    """A calendar as YAML has it, and an instant about which something may happen in it."""
    day = date.fromisoformat(draw(st.sampled_from(DAYS)))
    near = [(day + timedelta(days=days)).isoformat() for days in (-1, 0, 1)]
    said = {"timezone": draw(st.sampled_from(ZONES)), "hours": draw(_weeks)}
    said["holidays"] = draw(st.lists(st.sampled_from(near), max_size=2))
    noon = to_ms(datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc))
    return said, noon + draw(st.integers(-36 * 4, 36 * 4)) * QUARTER_MS + draw(st.integers(-1, 1))


@given(calendars(), st.integers(0, 5 * 96), st.integers(1, 96))
@settings(max_examples=250, deadline=None)
def test_a_calendar_is_open_when_the_oracles_is(
    found: tuple[dict[str, Any], EpochMs], length: int, budget: int
) -> None:
    said, since = found
    until, budget_ms = since + length * QUARTER_MS, budget * QUARTER_MS
    [version] = policy_file.parse(yaml.safe_dump({"calendars": {"it": said}, "policies": []})).versions
    product, oracle = version.calendars["it"], Calendar(said)
    assert product.open_ms(since, until) == oracle.open_ms(since, until)
    assert product.add(since, budget_ms) == oracle.add(since, budget_ms)
