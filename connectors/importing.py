"""Files → events → a publisher, with every row accounted for.

with EventPublisher(settings) as publisher:
    report = import_files([Path("log.csv.gz")], "uci_incidents", publisher)
print(report.rows, report.imported, report.refused_count)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import msgspec

from connectors.importers import (
    events,
    ibm_twitter,
    mailboxes,
    mapped,
    queue_log,
    twitter_threads,
    uci_incidents,
)
from connectors.importers.rows import Ignored, Importer, ImportOptions, Outcome, Refusal, Row, Unread
from schemas.errors import Refused, SupportpulseError
from schemas.records import InteractionEvent
from schemas.times import EpochMs

#: What `--format` may say.
FORMATS: Mapping[str, Importer] = {
    "events": events.read,
    uci_incidents.FORMAT: uci_incidents.read,
    ibm_twitter.FORMAT: ibm_twitter.read,
    twitter_threads.FORMAT: twitter_threads.read,
    mailboxes.FORMAT: mailboxes.read,
    queue_log.FORMAT: queue_log.read,
    mapped.FORMAT: mapped.read,
}

#: Refusals the report keeps; all of them are counted, and written where `refusals_path` says.
KEPT_REFUSALS = 1000
_ROWS_PER_PROGRESS = 1000


class Publisher(Protocol):
    """Anything that takes events. May raise `Refused` for an event it cannot carry; the row is then refused."""

    def publish(self, event: InteractionEvent) -> None:
        """Take one event."""


@dataclass(slots=True)
class ImportReport:
    """`rows == imported + refused_count + sum(ignored.values())`.

    Times are the earliest and latest `occurred_at` of imported events.
    """

    rows: int = 0
    imported: int = 0
    refused_count: int = 0
    #: Files that were not read to their end; each is one of the refusals.
    unread: int = 0
    #: The first `KEPT_REFUSALS`.
    refused: list[Refusal] = field(default_factory=list)
    #: Rows that are known and tell nothing, by code.
    ignored: dict[str, int] = field(default_factory=dict)
    events: int = 0
    first_occurred_at: EpochMs | None = None
    last_occurred_at: EpochMs | None = None


def read_rows(files: Sequence[Path], format_name: str, options: ImportOptions | None = None) -> Iterator[Outcome]:
    """Every row of every file, in order. Raises `SupportpulseError` for an unknown format."""
    importer = FORMATS.get(format_name)
    if importer is None:
        raise SupportpulseError(f"no format is called {format_name!r}: the formats are {', '.join(FORMATS)}")
    for path in files:
        yield from importer(path, options or ImportOptions())


def import_files(
    files: Sequence[Path],
    format_name: str,
    publisher: Publisher,
    options: ImportOptions | None = None,
    progress: Callable[[ImportReport], None] | None = None,
    *,
    refusals_path: Path | None = None,
    on_refusal: Callable[[Refusal], None] | None = None,
) -> ImportReport:
    """Publish every usable row of `files`; call `progress` now and then and at the end, `on_refusal` as one is met.

    What the publisher raises, other than `Refused`, ends the import: run it again, since the same rows give the same
    events. The caller flushes the publisher; until then `imported` means handed over.
    """
    report = ImportReport()
    with ExitStack() as stack:
        refusals = None if refusals_path is None else stack.enter_context(_opened(refusals_path))
        for outcome in read_rows(files, format_name, options):
            if isinstance(outcome, Ignored):
                report.ignored[outcome.code] = report.ignored.get(outcome.code, 0) + 1
            else:
                refusal = _take(outcome, publisher, report)
                if refusal is not None:
                    _refuse(refusal, report, refusals)
                    if on_refusal is not None:
                        on_refusal(refusal)
            report.rows += 1
            if progress is not None and report.rows % _ROWS_PER_PROGRESS == 0:
                progress(report)
    if progress is not None:
        progress(report)
    return report


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as exc:
        raise SupportpulseError(f"refusals cannot be written to {path}: {exc.strerror}") from exc


def _take(outcome: Row | Refusal, publisher: Publisher, report: ImportReport) -> Refusal | None:
    if isinstance(outcome, Refusal):
        return outcome
    try:
        for event in outcome.events:
            publisher.publish(event)
            _count(event, report)
    except Refused as exc:
        return Refusal(outcome.file, outcome.line, exc.detail)
    report.imported += 1
    return None


def _count(event: InteractionEvent, report: ImportReport) -> None:
    report.events += 1
    at_ms = event.occurred_at
    if report.first_occurred_at is None or at_ms < report.first_occurred_at:
        report.first_occurred_at = at_ms
    if report.last_occurred_at is None or at_ms > report.last_occurred_at:
        report.last_occurred_at = at_ms


def _refuse(refusal: Refusal, report: ImportReport, refusals: IO[bytes] | None) -> None:
    report.refused_count += 1
    report.unread += isinstance(refusal, Unread)
    if len(report.refused) < KEPT_REFUSALS:
        report.refused.append(refusal)
    if refusals is not None:
        refusals.write(msgspec.json.encode(refusal) + b"\n")
