"""A book of policies as bytes: everything that judges, and nothing of where it stood in a file.

`unpack(pack(book)).versions == book.versions`. Fields go to the end, with a default.
"""

from __future__ import annotations

from datetime import date

import msgspec

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.sla.calendars import Calendar, HolidayRule, MinuteRange
from streams.sla.policies import PolicyBook
from streams.sla.policy import Policy, PolicyVersion


class BookDamaged(SupportpulseError):
    """Packed policies cannot be read: a later release wrote them. Run that one."""


class _Holidays(msgspec.Struct, array_like=True):
    country: str
    subdivision: str | None
    years: tuple[int, int] | None
    worked: list[date]


class _Calendar(msgspec.Struct, array_like=True):
    timezone: str
    hours: list[tuple[int, list[MinuteRange]]]
    holidays: list[date]
    holidays_of: _Holidays | None = None


class _Policy(msgspec.Struct, array_like=True):
    name: str
    match: list[tuple[str, list[str]]]
    calendar: _Calendar | None
    targets_ms: dict[str, int]
    pause_on: list[str]
    warn_at: list[float]
    alert_grace_ms: int


class _Version(msgspec.Struct, array_like=True):
    effective_from: EpochMs | None
    policies: list[_Policy]


_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(list[_Version]).decode


def pack(book: PolicyBook) -> bytes:
    """The same bytes for books that judge alike."""
    return _encode(
        [
            _Version(version.effective_from, [_packed(policy) for policy in version.policies])
            for version in book.versions
        ]
    )


def unpack(packed: bytes) -> PolicyBook:
    """The reverse. Raises `BookDamaged`."""
    try:
        versions = _decode(packed)
    except msgspec.MsgspecError as exc:
        raise BookDamaged(
            f"the policies that a worker left behind cannot be read, a later release wrote them: {exc}"
        ) from exc
    return PolicyBook(
        [PolicyVersion(one.effective_from, tuple(_unpacked(policy) for policy in one.policies)) for one in versions]
    )


def _packed(policy: Policy) -> _Policy:
    return _Policy(
        policy.name,
        [(word, sorted(values)) for word, values in policy.match],
        None if policy.calendar is None else _packed_calendar(policy.calendar),
        policy.targets_ms,
        sorted(policy.pause_on),
        list(policy.warn_at),
        policy.alert_grace_ms,
    )


def _unpacked(policy: _Policy) -> Policy:
    return Policy(
        name=policy.name,
        match=tuple((word, frozenset(values)) for word, values in policy.match),
        calendar=None if policy.calendar is None else _unpacked_calendar(policy.calendar),
        targets_ms=policy.targets_ms,
        pause_on=frozenset(policy.pause_on),
        warn_at=tuple(policy.warn_at),
        alert_grace_ms=policy.alert_grace_ms,
    )


def _packed_calendar(calendar: Calendar) -> _Calendar:
    return _Calendar(
        calendar.timezone,
        [(day, list(ranges)) for day, ranges in sorted(calendar.hours.items())],
        sorted(calendar.holidays),
        None if calendar.holidays_of is None else _packed_rule(calendar.holidays_of),
    )


def _unpacked_calendar(calendar: _Calendar) -> Calendar:
    return Calendar(
        calendar.timezone,
        {day: tuple(ranges) for day, ranges in calendar.hours},
        frozenset(calendar.holidays),
        None if calendar.holidays_of is None else _unpacked_rule(calendar.holidays_of),
    )


def _packed_rule(rule: HolidayRule) -> _Holidays:
    # Slow to import, and whoever has such a rule has imported it.
    from streams.sla.public_holidays import PublicHolidays  # noqa: PLC0415

    if not isinstance(rule, PublicHolidays):
        raise TypeError(f"a rule of holidays that has no packed form: {rule!r}")
    return _Holidays(rule.country, rule.subdivision, rule.years, sorted(rule.worked))


def _unpacked_rule(rule: _Holidays) -> HolidayRule:
    from streams.sla.public_holidays import PublicHolidays  # noqa: PLC0415

    return PublicHolidays(rule.country, rule.subdivision, rule.years, frozenset(rule.worked))
