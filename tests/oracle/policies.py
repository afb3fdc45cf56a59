"""Policies as the YAML has them: which one a clock gets, and when that clock has run for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import yaml

from schemas.times import EpochMs
from tests.oracle.calendars import Calendar, Stretch, ms_of

UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Policy:
    """One policy of one version."""

    def __init__(self, said: dict[str, Any], calendars: dict[str, Calendar], since_ms: EpochMs | None) -> None:
        self.name: str = said["name"]
        #: Since when its version is in force; None: since ever.
        self.since_ms = since_ms
        self.match: dict[str, list[str]] = said.get("match", {})
        self.calendar = calendars[said["calendar"]] if "calendar" in said else None
        self.targets_ms = {clock: duration_ms(text) for clock, text in said["targets"].items()}
        self.pause_on: list[str] = said.get("pause_on", ["pending", "on_hold"])

    def matches(self, words: dict[str, str | None]) -> bool:
        """Whether everything it asks for is what was said."""
        return all(words[word] in values for word, values in self.match.items())

    def runs_ms(self, start_ms: EpochMs, end_ms: EpochMs) -> int:
        """For how long its clocks run from one instant to another: always, unless it has a calendar."""
        return end_ms - start_ms if self.calendar is None else self.calendar.open_ms(start_ms, end_ms)

    def business_ms(self, stretches: Sequence[Stretch]) -> int | None:
        """The open time in these stretches; None without a calendar."""
        calendar = self.calendar
        return None if calendar is None else sum(calendar.open_ms(since, until) for since, until in stretches)

    def deadline(self, start_ms: EpochMs, budget_ms: int) -> EpochMs | None:
        """The first instant by which a clock that starts now has run for so long."""
        return start_ms + budget_ms if self.calendar is None else self.calendar.add(start_ms, budget_ms)


class Policies:
    """Every version of a policies file."""

    def __init__(self, text: str) -> None:
        self.versions: list[tuple[EpochMs | None, list[Policy]]] = []
        for document in yaml.safe_load_all(text):
            since_ms = instant_of(document.get("effective_from"))
            calendars = {name: Calendar(said) for name, said in document.get("calendars", {}).items()}
            policies = [Policy(said, calendars, since_ms) for said in document["policies"]]
            self.versions.append((since_ms, policies))

    def match(self, at_ms: EpochMs, words: dict[str, str | None]) -> Policy | None:
        """The first that matches, of the version that came into force last before `at_ms` or then."""
        in_force: list[Policy] = []
        latest: float = float("-inf")
        for since_ms, policies in self.versions:
            since = float("-inf") if since_ms is None else since_ms
            if latest <= since <= at_ms:
                latest, in_force = since, policies
        return next((policy for policy in in_force if policy.matches(words)), None)


def duration_ms(text: str) -> int:
    """`5m` or `1.5h`."""
    return round(Fraction(text[:-1]) * UNITS_MS[text[-1]])


def instant_of(said: datetime | str | None) -> EpochMs | None:
    """When a version comes into force. YAML makes an instant of what stands there without quotes."""
    if said is None:
        return None
    return ms_of(datetime.fromisoformat(said.replace("Z", "+00:00")) if isinstance(said, str) else said)
