"""Policies: which targets a clock has, which calendar it runs on, and what pauses it.

A `PolicyBook` holds every version of the policies. It is asked when a turn or an episode opens and answers with a
number, which is what conversations keep; `book[number]` is the policy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.times import EpochMs
from streams.sla.calendars import Calendar
from streams.sla.version_names import version_name

NO_POLICY = -1

#: Memory for remembered matches is bounded: tenants and teams come from outside.
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of one version. Durations in milliseconds."""

    name: str
    #: what must be said, by word: tenant, channel, team, priority
    match: tuple[tuple[str, frozenset[str]], ...] = ()
    calendar: Calendar | None = None
    #: metric → target
    targets_ms: dict[str, int] = field(default_factory=dict)
    pause_on: frozenset[str] = frozenset(("pending", "on_hold"))
    warn_at: tuple[float, ...] = (0.75, 0.9)
    alert_grace_ms: int = 0

    def deadline(self, start_ms: EpochMs, budget_ms: int) -> EpochMs | None:
        """When `budget_ms` will have run since `start_ms`; None if the calendar never opens for long enough."""
        if self.calendar is None:
            return start_ms + budget_ms
        return self.calendar.add(start_ms, budget_ms)

    def running_ms(self, start_ms: EpochMs, end_ms: EpochMs) -> int:
        """How much of the stretch counts against a target."""
        if self.calendar is None:
            return max(0, end_ms - start_ms)
        return self.calendar.open_ms(start_ms, end_ms)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """All policies in force from an instant on; None: since ever.

    Two versions are equal when they judge alike: where they stand and calendars nobody uses do not matter.
    """

    effective_from: EpochMs | None
    policies: tuple[Policy, ...]
    calendars: Mapping[str, Calendar] = field(default_factory=dict, compare=False)
    #: Lines of the file: of the document, and of each policy.
    line: int = field(default=1, compare=False)
    policy_lines: tuple[int, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """What facts that it judged call it (`streams.sla.version_names`)."""
        return version_name(self)


class Subject(NamedTuple):
    """What a policy is matched against, as known when the clock opens."""

    tenant: str
    channel: str
    team: str | None
    priority: str | None


#: Tenant, channel, team and priority.
Said = tuple[str, str, "str | None", "str | None"]


class PolicyBook:
    """Every version of the policies, in the order in which they came into force."""

    def __init__(self, versions: Sequence[PolicyVersion] = ()) -> None:
        #: In the order in which they come into force.
        self.versions = tuple(sorted(versions, key=lambda version: _since(version.effective_from)))
        self._since = [_since(version.effective_from) for version in self.versions]
        #: Number of a policy → the name of its version.
        self.version_names: list[str] = []
        self._policies: list[Policy] = []
        self._members: list[range] = []
        for version in self.versions:
            first = len(self._policies)
            self._policies.extend(version.policies)
            self.version_names.extend([version.name] * len(version.policies))
            self._members.append(range(first, len(self._policies)))
        self._remembered: dict[tuple[int, Said], int] = {}

    def __getitem__(self, number: int) -> Policy:
        return self._policies[number]

    def __len__(self) -> int:
        return len(self._policies)

    def match(self, at_ms: EpochMs, subject: Said) -> int:
        """The number of the first policy that matches, of the version in force at `at_ms`; NO_POLICY without one.

        `subject` is a `Subject` or a plain tuple of the same, which is quicker to make.
        """
        version = bisect_right(self._since, at_ms) - 1
        if version < 0:
            return NO_POLICY
        key = (version, subject)
        number = self._remembered.get(key)
        if number is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            number = self._remembered[key] = self._first(version, Subject(*subject))
        return number

    def _first(self, version: int, subject: Subject) -> int:
        for number in self._members[version]:
            if all(getattr(subject, word) in values for word, values in self._policies[number].match):
                return number
        return NO_POLICY


def _since(effective_from: EpochMs | None) -> float:
    return float("-inf") if effective_from is None else effective_from
