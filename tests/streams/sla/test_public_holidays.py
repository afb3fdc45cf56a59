"""Public holidays by country: the dates of the years that are asked for, whatever year it is now."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from schemas.times import parse as instant
from streams.sla import policy_file
from streams.sla.calendars import Calendar
from streams.sla.policy_file import PolicyFileError
from streams.sla.public_holidays import PublicHolidays

ROOT = Path(__file__).parents[3]
HOUR_MS = 3_600_000


def calendar(holidays_of: str, holidays: str = "[]", zone: str = "Europe/Berlin") -> Calendar:
    hours = ", ".join(f"{day}: ['09:00-17:00']" for day in policy_file.WEEKDAYS)
    book = policy_file.parse(
        f"calendars:\n  c:\n    timezone: {zone}\n    hours: {{{hours}}}\n"
        f"    holidays: {holidays}\n    holidays_of: {holidays_of}\n"
        "policies: [{name: p, calendar: c, targets: {resolution: 1h}}]\n"
    )
    found = book[0].calendar
    assert found is not None
    return found


def hours(found: Calendar, day: str) -> float:
    return found.open_ms(instant(f"{day}T00:00:00Z"), instant(f"{day}T23:00:00Z")) / HOUR_MS


def test_no_interval_opens_on_a_public_holiday_of_any_year() -> None:
    germany = calendar("{country: DE}")
    assert [hours(germany, f"{year}-10-03") for year in (1995, 2024, 2026, 2080)] == [0, 0, 0, 0]
    assert [hours(germany, f"{year}-10-04") for year in (1995, 2024, 2026, 2080)] == [8, 8, 8, 8]


def test_the_explicit_list_is_added_and_exceptions_are_worked() -> None:
    found = calendar("{country: DE, except: ['2026-10-03']}", "['2026-10-05']")
    assert [hours(found, day) for day in ("2026-10-03", "2026-10-05", "2025-10-03")] == [8, 0, 0]


def test_a_subdivision_celebrates_more() -> None:
    # Epiphany: in Bavaria, not everywhere in Germany.
    assert hours(calendar("{country: DE}"), "2026-01-06") == 8
    assert hours(calendar("{country: DE, subdivision: BY}"), "2026-01-06") == 0


def test_years_bound_what_is_asked_for() -> None:
    found = calendar("{country: DE, years: [2025, 2026]}")
    assert [hours(found, f"{year}-10-03") for year in (2024, 2025, 2026, 2027)] == [8, 0, 0, 8]


def test_a_night_that_began_before_a_holiday_runs_on() -> None:
    rule = PublicHolidays("DE")
    nights = Calendar("Europe/Berlin", dict.fromkeys(range(7), ((1200, 360),)), holidays_of=rule)
    # New Year's Day belongs to another year than the night that runs into it.
    since, until = instant("2025-12-31T12:00:00Z"), instant("2026-01-02T12:00:00Z")
    assert nights.open_ms(since, until) == 10 * HOUR_MS


def test_years_may_be_asked_for_in_any_order() -> None:
    once, again = PublicHolidays("SA"), PublicHolidays("SA")
    forwards = [once(year) for year in range(2020, 2030)]
    backwards = [again(year) for year in reversed(range(2020, 2030))]
    assert forwards == backwards[::-1]
    assert all(day.year == 2020 + number for number, days in enumerate(forwards) for day in days)
    assert date(2026, 9, 23) in once(2026)


def test_the_version_that_knows_the_days_is_pinned() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'"holidays==([\d.]+)"', text) == [version("holidays")]


def test_equal_rules_make_equal_calendars() -> None:
    assert calendar("{country: DE}") == calendar("{country: DE}")
    assert calendar("{country: DE}") != calendar("{country: DE, subdivision: BY}")
    assert calendar("{country: DE}") != calendar("{country: FR}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{country: XX}", "no public holidays are known of 'XX'"),
        ("{country: Germany}", "write an ISO 3166 code"),
        ("{country: DE, subdivision: ZZ}", "no subdivision of DE; there are: BB, BE"),
        ("{subdivision: BY}", "country is missing"),
        ("{country: DE, year: 2026}", "write one of country, subdivision, years, except"),
        ("{country: DE, years: 2026}", "expected a list"),
        ("{country: DE, years: [2027, 2026]}", r"like \[2025, 2027\]"),
        ("{country: DE, years: [true, 2026]}", r"like \[2025, 2027\]"),
        ("{country: DE, except: [someday]}", "like 2026-09-23"),
        ("{country: no}", "expected text, got False"),
        ("DE", "expected a mapping"),
    ],
)
def test_a_refusal_names_the_line(text: str, says: str) -> None:
    with pytest.raises(PolicyFileError, match=rf"^policies:6: calendars\.c\.holidays_of.*{says}"):
        calendar(text)


def test_who_does_not_ask_for_a_country_does_not_wait_for_the_package() -> None:
    code = (
        "import sys; from pathlib import Path; from streams.sla import policy_file; "
        "policy_file.load(Path('deploy/policies.yaml')); sys.exit('holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
