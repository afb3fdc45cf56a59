"""Reading what vendors send: JSON, and times in their many units."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import msgspec

from schemas.checks import MAX_CALL_SECONDS
from schemas.errors import InvalidEvent, MalformedRecord
from schemas.times import EpochMs

_decode = msgspec.json.decode
_TAG = re.compile(r"<[^<>]*>")
#: 2001-09-09 and 2286-11-20 in seconds: what lies outside is another unit than the vendor's documents say.
_LEAST_S, _MOST_S = 1_000_000_000, 10_000_000_000


def json_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises `MalformedRecord` for anything else, without repeating it."""
    found = json_value(body)
    if not isinstance(found, dict):
        raise MalformedRecord("the body is JSON but not an object")
    return found


def json_value(body: bytes) -> Any:
    """The body as JSON. Raises `MalformedRecord` if it is none, or nested too deeply to be meant."""
    try:
        return _decode(body)
    except msgspec.DecodeError as exc:
        raise MalformedRecord(f"the body is not JSON: {_place(exc)}") from None
    except (RecursionError, UnicodeDecodeError):
        raise MalformedRecord("the body is nested too deeply, or is not UTF-8") from None


def _place(exc: msgspec.DecodeError) -> str:
    # The message may quote the body; what it says of the place does not.
    text = str(exc)
    return text if text.startswith(("JSON is malformed: ", "Input data was truncated")) else "cannot be decoded"


def object_at(found: object, *path: str) -> dict[str, Any]:
    """The object at a path of keys inside of `found`; an empty one wherever there is none."""
    for key in path:
        if not isinstance(found, dict):
            return {}
        found = found.get(key)
    return found if isinstance(found, dict) else {}


def list_at(found: object, *path: str) -> list[Any]:
    """The list at a path of keys inside of `found`; an empty one wherever there is none."""
    if path:
        found = object_at(found, *path[:-1]).get(path[-1])
    return found if isinstance(found, list) else []


def objects_at(found: object, *path: str) -> list[dict[str, Any]]:
    """`list_at`, without what is not an object."""
    return [each for each in list_at(found, *path) if isinstance(each, dict)]


def number_of(found: object) -> float | None:
    """A number, also where it is written as text; None for anything else."""
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def seconds_of(found: object) -> float | None:
    """How long a part of a call was, in seconds, as a number or as text; None for what no call can be."""
    seconds = number_of(found)
    return seconds if seconds is not None and 0 <= seconds <= MAX_CALL_SECONDS else None


def text_length(found: object) -> dict[str, str]:
    """The attributes of a message: how long its text is. What it says is not kept."""
    return {"text_length": str(len(found))} if isinstance(found, str) else {}


def html_length(found: object) -> dict[str, str]:
    """`text_length` of a text in HTML: its tags do not count."""
    return text_length(_TAG.sub("", found)) if isinstance(found, str) else {}


def fingerprint(*parts: object) -> str:
    """A short name for what has none of its own: the same parts, as JSON in the order of their keys, give the same."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:32]


def text_of(found: object) -> str | None:
    """An id or a name as text: numbers become digits, empty and absent become None."""
    if type(found) is str:
        return found or None
    if type(found) is int:
        return str(found)
    return None if found is None or isinstance(found, (dict, list, bool)) else str(found)


def required(found: object, field: str) -> str:
    """`text_of`, or `InvalidEvent` naming the field that a delivery cannot do without."""
    text = text_of(found)
    if text is None:
        raise InvalidEvent(f"{field} is missing or no id")
    return text


def from_epoch_s(found: object, field: str) -> EpochMs:
    """Seconds since 1970, whole or fractional, as a number or as text → milliseconds."""
    try:
        seconds = float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidEvent(f"{field} is not a number of seconds") from None
    if not _LEAST_S <= seconds < _MOST_S:
        raise InvalidEvent(f"{field} is not in seconds since 1970")
    return round(seconds * 1000)


def from_epoch_ms(found: object, field: str) -> EpochMs:
    """Milliseconds since 1970, as a number or as text."""
    try:
        milliseconds = int(found)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise InvalidEvent(f"{field} is not a number of milliseconds") from None
    if not _LEAST_S * 1000 <= milliseconds < _MOST_S * 1000:
        raise InvalidEvent(f"{field} is not in milliseconds since 1970")
    return int(milliseconds)


def from_iso(found: object, field: str) -> EpochMs:
    """RFC 3339, with any number of decimals; one without an offset is UTC."""
    if not isinstance(found, str):
        raise InvalidEvent(f"{field} is not an instant")
    try:
        instant = msgspec.convert(found, datetime)
    except msgspec.ValidationError:
        raise InvalidEvent(f"{field} is not an instant in RFC 3339") from None
    return _to_ms(instant)


def from_rfc2822(found: object, field: str) -> EpochMs:
    """A date as e-mail writes it: `Sat, 21 Nov 2026 10:00:00 +0100`; one without an offset is UTC."""
    try:
        instant = parsedate_to_datetime(str(found))
        return _to_ms(instant)
    except (TypeError, ValueError, OverflowError):
        raise InvalidEvent(f"{field} is not a date as in e-mail") from None


def _to_ms(instant: datetime) -> EpochMs:
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return round(instant.timestamp() * 1000)
