"""`supportpulse dlq`: what was parked, and sending it again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from connectors.gateway import sources_file
from connectors.gateway.sources import SourceBook
from schemas import times
from schemas.errors import REASONS, SupportpulseError
from supportpulse import reach
from supportpulse.commands.importing import broker_of
from supportpulse.dlq.letters import Letter, Selection
from supportpulse.dlq.redrive import Desk, Report, redrive
from supportpulse.settings import Settings

#: Bytes of an original that a table shows; JSON has them all.
_SHOWN_BYTES = 400


def selection_of(reason: str | None, origin: str | None, ids: Sequence[str] = ()) -> Selection:
    """What the command line says about which letters. Raises `SupportpulseError` for what can select nothing."""
    if reason is not None and reason not in REASONS:
        raise SupportpulseError(f"no letter has the reason {reason!r}: the reasons are {', '.join(REASONS)}")
    for each in ids:
        if not all(part.isdecimal() for part in each.split("/")) or each.count("/") != 1:
            raise SupportpulseError(f"{each!r} names no letter: write PARTITION/OFFSET as `supportpulse dlq list` does")
    return Selection(reason, origin, frozenset(ids) or None)


def list_letters(
    settings: Settings, selection: Selection, limit: int, console: Console, *, as_json: bool, show_bytes: bool
) -> None:
    """Print the newest `limit` letters, oldest first: a table, or one JSON object a line."""
    found = [each for each in _desk(settings).letters(with_bytes=show_bytes) if selection.wants(each)]
    shown = found[-limit:]
    if as_json:
        for letter in shown:
            console.file.write(msgspec.json.encode(document(letter, show_bytes=show_bytes)).decode() + "\n")
        return
    console.print(table(shown, show_bytes=show_bytes))
    waiting = sum(letter.redriven_to is None for letter in found)
    console.print(f"{len(found):,} dead letters, {waiting:,} of them not redriven; {len(shown):,} shown")


def redrive_letters(
    settings: Settings, selection: Selection, console: Console, *, dry_run: bool, as_json: bool
) -> Report:
    """Send the selected letters again, and say what became of each kind. Raises for an id that no letter has."""
    # What was parked has been verified, so no secret is needed to read it again.
    sources = None if settings.sources is None else sources_file.load(settings.sources, environ=None)
    report = redrive(_desk(settings, sources), selection, times.now_ms, dry_run=dry_run)
    _say(report, console, dry_run=dry_run, as_json=as_json)
    unknown = (selection.ids or frozenset()) - {*report.sent, *report.finished, *report.before, *report.refused}
    if unknown:
        raise SupportpulseError(f"no such letter: {', '.join(sorted(unknown))}; see `supportpulse dlq list`")
    return report


def _say(report: Report, console: Console, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        console.file.write(msgspec.json.encode({"dry_run": dry_run, **_figures(report)}).decode() + "\n")
        return
    for name, place in report.sent.items():
        console.print(f"{name}  {'would go to' if dry_run else 'sent as'} {place}", highlight=False)
    for name, place in report.finished.items():
        console.print(f"{name}  had been sent as {place} by a redrive that was interrupted", highlight=False)
    for name, place in report.before.items():
        console.print(f"{name}  was redriven before, as {place}", highlight=False)
    for name, why in report.refused.items():
        console.print(f"{name}  cannot be redriven: {why}", highlight=False)
    console.print(
        f"{len(report.sent):,} {'to send' if dry_run else 'sent'}, {len(report.finished):,} finished, "
        f"{len(report.before):,} redriven before, {len(report.refused):,} cannot be redriven"
    )


def document(letter: Letter, *, show_bytes: bool) -> dict[str, Any]:
    """A letter as JSON: bytes, on request, in base64."""
    found: dict[str, Any] = {
        "id": letter.id,
        "parked_at": times.render(letter.parked_at),
        "reason": letter.reason,
        "origin": letter.origin,
        "size_bytes": letter.size_bytes,
        "detail": letter.detail,
        "state": state(letter),
        "redriven_to": letter.redriven_to,
        "redriven_at": None if letter.redriven_at is None else times.render(letter.redriven_at),
        "earlier": [{"id": name, "origin": origin} for name, origin in letter.earlier],
    }
    if show_bytes:
        found["original_base64"] = base64.b64encode(letter.original).decode()
    return found


def state(letter: Letter) -> str:
    """`parked`, `redriven`, or `interrupted`: a redrive of it began and did not end."""
    if letter.redriven_to is not None:
        return "redriven"
    return "interrupted" if letter.interrupted else "parked"


def table(found: Sequence[Letter], *, show_bytes: bool) -> Table:
    """The letters for a terminal."""
    made = Table()
    for title in ("letter", "parked at", "reason", "origin", "bytes", "state", "detail"):
        made.add_column(title, justify="right" if title == "bytes" else "left", overflow="fold")
    if show_bytes:
        made.add_column("original", overflow="fold")
    for letter in found:
        origin = " ← ".join((letter.origin, *(f"{name} ({place})" for name, place in letter.earlier)))
        becoming = state(letter) if letter.redriven_to is None else f"redriven → {letter.redriven_to}"
        cells = [
            letter.id, times.render(letter.parked_at), letter.reason, origin, f"{letter.size_bytes:,}", becoming,
            letter.detail,
        ]  # fmt: skip
        if show_bytes:
            # As Python writes bytes: what a terminal would act on stays harmless.
            cells.append(repr(letter.original[:_SHOWN_BYTES])[2:-1])
        made.add_row(*(_plain(cell) for cell in cells))
    return made


def _plain(cell: str) -> str:
    # Square brackets are markup to rich.
    return cell.replace("[", r"\[")


def _figures(report: Report) -> dict[str, Any]:
    return {"sent": report.sent, "finished": report.finished, "before": report.before, "refused": report.refused}


def _desk(settings: Settings, sources: SourceBook | None = None) -> Desk:
    kafka = broker_of(settings)
    reach.check_kafka(kafka)
    return Desk(kafka, sources=sources)
