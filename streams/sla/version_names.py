"""What a version of the policies is called: when it comes into force, and a fingerprint of what it says.

    version_name(version)    # "2027-01-01T00:00:00.000Z#1f0c9a7", or "initial#1f0c9a7" of one in force since ever

Two versions have one name if and only if they judge alike (`PolicyVersion` is equal). Facts carry these names, so they
are the same in every process and every release: what is said by default is left out, and a field that is added later
has a default. `tests/streams/sla/test_version_names.py` pins some.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from schemas import times
from streams.sla.calendars import Calendar, HolidayRule

if TYPE_CHECKING:
    from streams.sla.policy import Policy, PolicyVersion

INITIAL = "initial"
#: With an instant in front 32 bytes, up to which the sink takes repeated texts together. It tells the editions of one
#: version apart, of which there is a handful.
_DIGITS = 7


def version_name(version: PolicyVersion) -> str:
    """What facts that the version judged call it."""
    since = INITIAL if version.effective_from is None else times.render(version.effective_from)
    said = json.dumps([_policy(policy) for policy in version.policies], sort_keys=True, separators=(",", ":"))
    return f"{since}#{sha256(said.encode()).hexdigest()[:_DIGITS]}"


def _policy(policy: Policy) -> dict[str, Any]:
    said: dict[str, Any] = {"name": policy.name}
    if policy.match:
        said["match"] = {word: sorted(values) for word, values in policy.match}
    if policy.calendar is not None:
        said["calendar"] = _calendar(policy.calendar)
    if policy.targets_ms:
        said["targets_ms"] = policy.targets_ms
    if policy.pause_on != {"pending", "on_hold"}:
        said["pause_on"] = sorted(policy.pause_on)
    if policy.warn_at != (0.75, 0.9):
        said["warn_at"] = policy.warn_at
    if policy.alert_grace_ms:
        said["alert_grace_ms"] = policy.alert_grace_ms
    return said


def _calendar(calendar: Calendar) -> dict[str, Any]:
    said: dict[str, Any] = {"timezone": calendar.timezone, "hours": {str(day): r for day, r in calendar.hours.items()}}
    if calendar.holidays:
        said["holidays"] = [day.isoformat() for day in sorted(calendar.holidays)]
    if calendar.holidays_of is not None:
        said["holidays_of"] = _holidays(calendar.holidays_of)
    return said


def _holidays(rule: HolidayRule) -> dict[str, Any]:
    # Slow to import, and whoever has such a rule has imported it.
    from streams.sla.public_holidays import PublicHolidays  # noqa: PLC0415

    if not isinstance(rule, PublicHolidays):
        raise TypeError(f"a rule of holidays that has no name: {rule!r}")
    said: dict[str, Any] = {"country": rule.country}
    if rule.subdivision is not None:
        said["subdivision"] = rule.subdivision
    if rule.years is not None:
        said["years"] = rule.years
    if rule.worked:
        said["worked"] = [day.isoformat() for day in sorted(rule.worked)]
    return said
