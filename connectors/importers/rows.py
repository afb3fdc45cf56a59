"""What an importer yields: a `Row`, a `Refusal` or an `Ignored` for every row, an `Unread` where a file breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo

from schemas.errors import InvalidEvent
from schemas.records import InteractionEvent
from schemas.times import MAX_MS, MIN_MS, EpochMs

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be used, and the events it gives: at least one."""

    file: str
    line: int
    events: tuple[InteractionEvent, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be used. `line` counts from 1; 0 is the file as a whole. `reason` never quotes a message."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unread(Refusal):
    """A file that is not read to its end, whatever was in it: not one row is refused, but all that would follow."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row that is known and tells nothing of waiting or answering; `code` is of a bounded set."""

    file: str
    line: int
    code: str


Outcome: TypeAlias = Row | Refusal | Ignored


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the rows of a file do not say.

    `tenant` and `source` default to the name of the format; for `events`, to what each line says. `timezone` is that
    of times written without one. `historical` defaults to true; for `events`, to what each line says. `mapping` is the
    file that `mapped` goes by; `own` are addresses and domains whose mail is ours.
    """

    tenant: str | None = None
    source: str | None = None
    timezone: ZoneInfo = UTC
    historical: bool | None = None
    mapping: Path | None = None
    own: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Origin:
    """The options, resolved for a format whose rows name neither tenant nor source."""

    tenant: str
    source: str
    timezone: ZoneInfo
    historical: bool

    @classmethod
    def of(cls, format_name: str, options: ImportOptions) -> Origin:
        """`options` with `format_name` for whatever they leave open."""
        return cls(
            tenant=options.tenant or format_name,
            source=options.source or format_name,
            timezone=options.timezone,
            historical=options.historical is not False,
        )


class Importer(Protocol):
    """Reads one file. Never raises for what the file contains."""

    def __call__(self, path: Path, options: ImportOptions) -> Iterator[Outcome]:
        """An outcome for every row."""


def within_range(column: str, at_ms: EpochMs) -> EpochMs:
    """`at_ms`, if it is an instant the pipeline can hold. Raises `InvalidEvent` naming the column."""
    if not MIN_MS <= at_ms <= MAX_MS:
        raise InvalidEvent(f"`{column}` is outside of 1900 to 2299")
    return at_ms
