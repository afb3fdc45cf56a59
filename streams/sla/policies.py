"""Which policy judges a clock, and how long that clock runs.

A `PolicyBook` holds every version of the policies. It is asked when a turn or an episode opens and answers with a
number, which is what conversations keep; `book[number]` is the policy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from schemas.times import EpochMs
from streams.sla.policy import NO_POLICY, Policy, PolicyVersion

#: Memory for remembered matches is bounded: tenants and teams come from outside.
_REMEMBERED = 100_000


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

    __slots__ = ("_members", "_policies", "_remembered", "_since", "version_names", "versions")

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


def deadline(policy: Policy, start_ms: EpochMs, budget_ms: int) -> EpochMs | None:
    """When `budget_ms` will have run since `start_ms`; None if the calendar never opens for long enough."""
    calendar = policy.calendar
    if calendar is None:
        return start_ms + budget_ms
    return calendar.add(start_ms, budget_ms)


def running_ms(policy: Policy, start_ms: EpochMs, end_ms: EpochMs) -> int:
    """How much of the stretch counts against a target."""
    calendar = policy.calendar
    if calendar is None:
        return max(0, end_ms - start_ms)
    return calendar.open_ms(start_ms, end_ms)


def _since(effective_from: EpochMs | None) -> float:
    return float("-inf") if effective_from is None else effective_from
