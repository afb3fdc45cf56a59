"""What an examination finds: one line per check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from schemas.errors import SupportpulseError

Level: TypeAlias = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`unknown` is what this broker or this ClickHouse cannot be asked. `remedy` says what to do; empty if nothing."""

    check: str
    level: Level
    says: str
    remedy: str = ""


Findings: TypeAlias = Iterable[Finding]


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warning(check: str, says: str, remedy: str) -> Finding:
    """It works, and will not always."""
    return Finding(check, "warning", says, remedy)


def error(check: str, says: str, remedy: str) -> Finding:
    """It does not work, or something will be lost."""
    return Finding(check, "error", says, remedy)


def unknown(check: str, says: str) -> Finding:
    """It cannot be asked here."""
    return Finding(check, "unknown", says)


def guarded(check: str, look: Callable[[], Findings]) -> Iterator[Finding]:
    """What `look` finds; if it cannot look, that is an error of this check and the other checks go on."""
    try:
        yield from look()
    except SupportpulseError as exc:
        yield Finding(check, "error", str(exc))
