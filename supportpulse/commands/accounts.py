"""What has become of every row of an import: said at its end, and told by the status."""

from __future__ import annotations

from collections.abc import Callable

from connectors.importers.rows import Refusal
from connectors.importing import ImportReport
from schemas.errors import SupportpulseError


class ImportLost(SupportpulseError):
    """What was asked for is missing as a whole, though the rest went on: the status has to say so."""


def account_for(report: ImportReport, say: Callable[[str], None]) -> None:
    """Say what has become of every row. Raises `ImportLost`."""
    for refusal in report.refused:
        say(named(refusal))
    if report.refused_count > len(report.refused):
        say(f"… and {report.refused_count - len(report.refused):,} more; --refusals FILE keeps them all")
    total(report, say)


def named(refusal: Refusal) -> str:
    """Where it lies and why it cannot be used."""
    return f"refused {refusal.file}:{refusal.line}: {refusal.reason}"


def total(report: ImportReport, say: Callable[[str], None]) -> None:
    """Say the sums. Raises `ImportLost` where a whole file is missing from them, or everything."""
    ignored = sum(report.ignored.values())
    say(
        f"{report.rows:,} rows: {report.imported:,} imported as {report.events:,} events, "
        f"{report.refused_count:,} refused" + (f", {ignored:,} ignored" if ignored else "")
    )
    if report.unread:
        files = "1 file was" if report.unread == 1 else f"{report.unread:,} files were"
        raise ImportLost(
            f"{files} not read to the end: mend what is named above and import again, the same rows change nothing"
        )
    if report.refused_count and not report.imported:
        raise ImportLost("nothing was imported: see the reasons above, and whether --format is the right one")
