"""A policies file (YAML) → `PolicyBook`. Every refusal names the file, the line and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from schemas import times, yaml_lines
from schemas.errors import InvalidEvent, SupportpulseError
from schemas.yaml_lines import Node
from streams.sla.calendars import Calendar, HolidayRule, MinuteRange
from streams.sla.policies import PolicyBook
from streams.sla.policy import Policy, PolicyVersion

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TARGETS = ("first_response", "next_response", "resolution")
MATCHABLE = ("tenant", "channel", "team", "priority")
PAUSES = ("pending", "on_hold")
#: Longer ones are slips of the pen, and would reach beyond what calendars look ahead.
LONGEST_TARGET_DAYS = 3650
LONGEST_GRACE_DAYS = 1

_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


class PolicyFileError(SupportpulseError):
    """The policies file cannot be used. Says where and what to write; correct the file and try again."""


def load(path: Path) -> PolicyBook:
    """Read and check a policies file. Raises `PolicyFileError`."""
    return parse(yaml_lines.read(path, PolicyFileError), str(path))


def parse(text: str, name: str = "policies") -> PolicyBook:
    """As `load`, from text; `name` is what errors call it."""
    return PolicyBook([_version(root) for root in yaml_lines.documents(text, name, PolicyFileError)])


def _version(root: Node) -> PolicyVersion:
    fields = root.fields({"effective_from": False, "calendars": False, "policies": True})
    calendars = {name: _calendar(node) for name, node in fields["calendars"].items()} if "calendars" in fields else {}
    policies: list[Policy] = []
    nodes = fields["policies"].elements()
    for node in nodes:
        policy = _policy(node, calendars)
        if any(policy.name == other.name for other in policies):
            raise node.refuse(f"a second policy named {policy.name!r}: facts could not tell them apart")
        policies.append(policy)
    since = _instant(fields["effective_from"]) if "effective_from" in fields else None
    return PolicyVersion(since, tuple(policies), calendars, root.line, tuple(node.line for node in nodes))


def _policy(node: Node, calendars: Mapping[str, Calendar]) -> Policy:
    fields = node.fields(
        {
            "name": True,
            "match": False,
            "calendar": False,
            "targets": True,
            "pause_on": False,
            "warn_at": False,
            "alert_grace": False,
        }
    )
    calendar = None
    if "calendar" in fields and fields["calendar"].scalar() is not None:
        wanted = fields["calendar"].text()
        if wanted not in calendars:
            known = ", ".join(calendars) or "none"
            raise fields["calendar"].refuse(f"there is no calendar {wanted!r} in this document; it has: {known}")
        calendar = calendars[wanted]
    match = dict(fields["match"].fields(dict.fromkeys(MATCHABLE, False))) if "match" in fields else {}
    targets = fields["targets"].fields(dict.fromkeys(TARGETS, False))
    defaults = Policy(name="")
    return Policy(
        name=fields["name"].text(),
        match=tuple(sorted((word, frozenset(_each(values, Node.text))) for word, values in match.items())),
        calendar=calendar,
        targets_ms={metric: _duration_ms(target, "target", LONGEST_TARGET_DAYS) for metric, target in targets.items()},
        pause_on=_optional(fields, "pause_on", _pauses, defaults.pause_on),
        warn_at=_optional(fields, "warn_at", _shares, defaults.warn_at),
        alert_grace_ms=_optional(fields, "alert_grace", _grace_ms, defaults.alert_grace_ms),
    )


def _optional(fields: Mapping[str, Node], key: str, read: Callable[[Node], Any], default: Any) -> Any:
    return read(fields[key]) if key in fields else default


def _each(node: Node, read: Callable[[Node], Any]) -> list[Any]:
    return [read(element) for element in node.elements()]


def _pauses(node: Node) -> frozenset[str]:
    return frozenset(_each(node, lambda element: element.choice(PAUSES)))


def _shares(node: Node) -> tuple[float, ...]:
    return tuple(sorted(set(_each(node, _share))))


def _share(node: Node) -> float:
    value = node.scalar()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise node.refuse(f"{value!r} is no share: write a number between 0 and 1, like 0.75")
    return float(value)


def _grace_ms(node: Node) -> int:
    return _duration_ms(node, "alert_grace", LONGEST_GRACE_DAYS)


def _duration_ms(node: Node, what: str, at_most_days: int) -> int:
    value = node.scalar()
    duration_ms = read_duration_ms(value) if isinstance(value, str) else None
    if duration_ms is None:
        raise node.refuse(f"{value!r} is no duration: write a number and s, m, h or d, like 5m or 1.5h")
    if duration_ms > at_most_days * _UNIT_MS["d"]:
        raise node.refuse(f"{value!r} is too long: a {what} is at most {at_most_days}d")
    return round(duration_ms)


def read_duration_ms(text: str) -> float | None:
    """`5m`, `1.5h`, `30s` or `2d` in milliseconds; None if it is no duration."""
    found = _DURATION.fullmatch(text)
    return None if found is None else float(found[1]) * _UNIT_MS[found[2]]


def _instant(node: Node) -> times.EpochMs:
    value = node.scalar()
    try:
        is_instant = isinstance(value, datetime) and value.tzinfo is not None
        at_ms = times.to_ms(value) if is_instant else times.parse(str(value))
    except InvalidEvent as exc:
        raise node.refuse(str(exc)) from exc
    if not times.MIN_MS <= at_ms <= times.MAX_MS:
        raise node.refuse(f"{value} lies outside of 1900 to 2299, and no event does: for since ever leave it out")
    return at_ms


def _calendar(node: Node) -> Calendar:
    fields = node.fields({"timezone": True, "hours": True, "holidays": False, "holidays_of": False})
    hours = fields["hours"].fields(dict.fromkeys(WEEKDAYS, False))
    try:
        return Calendar(
            timezone=fields["timezone"].text(),
            hours={WEEKDAYS.index(day): tuple(_each(ranges, _range)) for day, ranges in hours.items()},
            holidays=_dates(fields, "holidays"),
            holidays_of=_optional(fields, "holidays_of", _public_holidays, None),
        )
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        zone = fields["timezone"].text()
        raise fields["timezone"].refuse(f"{zone!r} is no IANA time zone, like Asia/Riyadh") from exc


def _public_holidays(node: Node) -> HolidayRule:
    # It takes a second to import, which only those wait for who ask for it.
    from streams.sla.public_holidays import PublicHolidays, UnknownCountry  # noqa: PLC0415

    fields = node.fields({"country": True, "subdivision": False, "years": False, "except": False})
    subdivision = fields["subdivision"].text() if "subdivision" in fields else None
    years = _optional(fields, "years", _years, None)
    try:
        return PublicHolidays(fields["country"].text(), subdivision, years, _dates(fields, "except"))
    except UnknownCountry as exc:
        raise fields["country"].refuse(str(exc)) from exc


def _years(node: Node) -> tuple[int, int]:
    years = _each(node, Node.scalar)
    if len(years) == 2 and all(type(year) is int for year in years) and 1800 <= years[0] <= years[1] < 2500:
        return years[0], years[1]
    raise node.refuse("write the first and the last year, like [2025, 2027]")


def _range(node: Node) -> MinuteRange:
    value = node.scalar()
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise node.refuse(f'{value!r} is no interval: write it in quotes, like "09:00-18:00"')
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start >= 1440 or end > 1440 or int(found[2]) > 59 or int(found[4]) > 59:
        raise node.refuse(f"{value!r}: the times of a day go from 00:00 to 24:00, and an interval begins before 24:00")
    return start, end


def _dates(fields: Mapping[str, Node], key: str) -> frozenset[date]:
    return frozenset(_each(fields[key], _date)) if key in fields else frozenset()


def _date(node: Node) -> date:
    value = node.scalar()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise node.refuse(f"{value!r} is no date: write it like 2026-09-23") from exc
