"""The public holidays of a country, from the `holidays` package: the same dates whenever they are asked for.

Slow to import, so only read where a calendar names a country.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import holidays

from schemas.errors import SupportpulseError


class UnknownCountry(SupportpulseError):
    """The package has no such country or subdivision. Says which there are."""


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """A `HolidayRule`. Equal ones give the same dates.

    `subdivision`: what is celebrated there as well. `years`: the first and the last year that it is asked for, None for
    all. `worked`: days among them on which intervals open all the same.
    """

    country: str
    subdivision: str | None = None
    years: tuple[int, int] | None = None
    worked: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        known = _known()
        if self.country not in known:
            raise UnknownCountry(f"no public holidays are known of {self.country!r}: write an ISO 3166 code, like SA")
        if self.subdivision is not None and self.subdivision not in known[self.country]:
            choices = ", ".join(known[self.country]) or "none"
            raise UnknownCountry(f"{self.subdivision!r} is no subdivision of {self.country}; there are: {choices}")

    def __call__(self, year: int) -> frozenset[date]:
        """The dates of one year."""
        if self.years is not None and not self.years[0] <= year <= self.years[1]:
            return frozenset()
        return _dates(self.country, self.subdivision, year) - self.worked


@cache
def _known() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


@cache
def _dates(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    # Of exactly this year: asked for one, the package grows to others when it is looked up for them.
    found = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    return frozenset(day for day in found if day.year == year)
