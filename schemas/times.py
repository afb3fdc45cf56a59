"""The one place that parses and prints instants. Inside, an instant is `EpochMs`: milliseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TypeAlias

import msgspec

from schemas.errors import InvalidEvent

EpochMs: TypeAlias = int

UTC = timezone.utc
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: What ClickHouse's DateTime64 can hold; an instant outside of it is refused at the edge.
MIN_MS: EpochMs = -2_208_988_800_000  # 1900-01-01T00:00:00.000Z
MAX_MS: EpochMs = 10_413_791_999_999  # 2299-12-31T23:59:59.999Z


def now_ms() -> EpochMs:
    """The present, by this host's clock."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> EpochMs:
    """An aware datetime as epoch milliseconds, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def to_datetime(at_ms: EpochMs) -> datetime:
    """Epoch milliseconds as an aware UTC datetime."""
    return _EPOCH + at_ms * _MILLISECOND


def parse(text: str) -> EpochMs:
    """RFC 3339 with an offset → epoch milliseconds. Raises `InvalidEvent` naming the text."""
    try:
        moment = msgspec.convert(text, datetime)
    except (msgspec.ValidationError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidEvent(f"{text!r} is not a time: write RFC 3339 with an offset, like 2026-03-10T09:00:00.000Z")
    return to_ms(moment)


def render(at_ms: EpochMs) -> str:
    """Epoch milliseconds → RFC 3339 with milliseconds and Z."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{millis:03d}Z"


def render_in(at_ms: EpochMs, zone: tzinfo) -> str:
    """Epoch milliseconds → RFC 3339 with milliseconds and the offset of a time zone, for people who live by it."""
    return to_datetime(at_ms).astimezone(zone).isoformat(timespec="milliseconds")


def _second(epoch_seconds: int) -> str:
    moment = _EPOCH + timedelta(seconds=epoch_seconds)
    return (
        f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
        f"T{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"
    )
