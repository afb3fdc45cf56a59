"""`supportpulse sla`: looking at a policies file, and at what it would have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.importing import import_files
from schemas import times
from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from sinks.clickhouse.database import Database
from sinks.clickhouse.restore import stored_conversations
from streams.replay import Replay
from streams.sla import policy_file
from streams.sla.calendars import Calendar
from streams.sla.policies import PolicyBook
from streams.sla.policy import Policy, PolicyVersion
from streams.sla.review import review
from streams.whatif import Comparison, Name, Tally, standing
from supportpulse.commands.replay import IntoReplay
from supportpulse.data_dir import DataDir
from supportpulse.settings import Settings
from supportpulse.up.stack import open_database

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_TARGETS = policy_file.TARGETS
#: Columns of a terminal that the whole table of outcomes wants, with names as they usually are.
_WIDE = 100
#: The same of the table of policies.
_WIDE_POLICIES = 120


def check(path: Path, now_ms: EpochMs, console: Console) -> None:
    """Print what the file holds, and what in it is probably not meant. Raises `PolicyFileError`."""
    book = policy_file.load(path)
    if not book.versions:
        raise policy_file.PolicyFileError(f"{path}: there are no policies in it: write at least `policies: []`")
    for version in book.versions:
        console.print(_version_table(version, now_ms, wide=console.width >= _WIDE_POLICIES))
        for name, calendar in version.calendars.items():
            opening = _opening(calendar, now_ms)
            console.print(f"calendar [bold]{escape(name)}[/bold] ({calendar.timezone}) {opening}", soft_wrap=True)
    findings = review(book, now_ms)
    for finding in findings:
        console.print(f"[yellow]warning[/yellow] {escape(f'{path}:{finding.line}: {finding.text}')}", soft_wrap=True)
    counts = (
        _counted(len(book), "policy", "policies"),
        _counted(len(book.versions), "version", "versions"),
        _counted(len(findings), "warning", "warnings"),
    )
    console.print(escape(f"{path}: {', '.join(counts)}"), soft_wrap=True)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _version_table(version: PolicyVersion, now_ms: EpochMs, *, wide: bool) -> Table:
    since = version.effective_from
    title = "in force since ever" if since is None else f"in force from {times.render(since)}"
    if since is not None and since > now_ms:
        title += " (lies ahead)"
    table = Table(title=f"{title}, in facts {version.name}", title_justify="left")
    names = {id(calendar): name for name, calendar in version.calendars.items()}
    headings = ("policy", "for", "calendar", *_TARGETS, "pauses", "warns at", "grace")
    # Where nine columns would be nine heaps of syllables, each policy has its terms below each other.
    for heading in headings if wide else ("policy", "terms"):
        table.add_column(heading)
    for policy in version.policies:
        name, *terms = map(escape, _policy_row(policy, names))
        listed = "\n".join(f"{heading}: {term}" for heading, term in zip(headings[1:], terms, strict=True))
        table.add_row(name, *(terms if wide else [listed]), end_section=not wide)
    return table


def _policy_row(policy: Policy, calendars: dict[int, str]) -> Iterator[str]:
    yield policy.name
    yield "; ".join(f"{word}: {', '.join(sorted(values))}" for word, values in policy.match) or "everything"
    yield "always" if policy.calendar is None else calendars[id(policy.calendar)]
    for metric in _TARGETS:
        yield _duration(policy.targets_ms[metric]) if metric in policy.targets_ms else "–"
    yield ", ".join(sorted(policy.pause_on)) or "never"
    yield ", ".join(f"{share:.0%}" for share in policy.warn_at) or "never"
    yield _duration(policy.alert_grace_ms)


def _opening(calendar: Calendar, now_ms: EpochMs) -> str:
    is_open, at_ms = calendar.next_change(now_ms)
    if at_ms is None:
        return "is always open" if is_open else "does not open within two years"
    # In its own time, in which its hours are written, and in everybody's.
    zone = ZoneInfo(calendar.timezone)
    weekday = policy_file.WEEKDAYS[times.to_datetime(at_ms).astimezone(zone).weekday()]
    at = f"{weekday} {times.render_in(at_ms, zone)} ({times.render(at_ms)})"
    return f"is open, closes {at}" if is_open else f"is closed, opens {at}"


def _duration(duration_ms: int) -> str:
    for unit, size_ms in _UNITS:
        if duration_ms >= size_ms:
            return f"{duration_ms / size_ms:.12g}{unit}"
    return f"{duration_ms / 1000:.12g}s"


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """What the command line says. `events` empty: the history that ClickHouse has."""

    policies: Path
    against: Path | None
    events: Sequence[Path]
    since_ms: EpochMs | None
    as_of_ms: EpochMs | None
    as_written: bool = False


def simulate(settings: Settings, options: SimulateOptions) -> Comparison:
    """Judge the history under both files. Raises `PolicyFileError`, or what keeps ClickHouse from answering."""
    wanted = policy_file.load(options.policies)
    before = PolicyBook() if options.against is None else policy_file.load(options.against)
    after = wanted if options.as_written else standing(wanted)
    comparison = Comparison(before, after, options.since_ms)
    if options.events:
        history = Replay()
        report = import_files(options.events, "events", IntoReplay(history))
        if report.refused_count:
            raise SupportpulseError(
                f"{report.refused_count:,} lines cannot be used, the first is {report.refused[0].file}:"
                f"{report.refused[0].line}: {report.refused[0].reason}; correct or remove them, then simulate again"
            )
        _add(comparison, history, options.as_of_ms if options.as_of_ms is not None else history.latest_ms)
        return comparison
    data_dir = DataDir(settings.data_dir)
    if settings.embedded and not data_dir.exists:
        raise SupportpulseError(
            f"there is no data in {data_dir.root}: name its --data-dir, or files with --events FILE"
        )
    database = open_database(settings, data_dir, readonly=True)
    try:
        as_of_ms = _latest(database) if options.as_of_ms is None else options.as_of_ms
        for conversation in stored_conversations(database):
            history = Replay()
            for event in conversation.events:
                history.add(event)
            _add(comparison, history, as_of_ms)
    finally:
        database.close()
    return comparison


def _add(comparison: Comparison, history: Replay, as_of_ms: EpochMs | None) -> None:
    if as_of_ms is not None:
        comparison.add(history, as_of_ms)


def _latest(database: Database) -> EpochMs | None:
    (row,) = database.query("SELECT count(), max(toUnixTimestamp64Milli(occurred_at)) FROM interactions").rows
    return row[1] if row[0] else None


def show(comparison: Comparison, options: SimulateOptions, console: Console) -> None:
    """What is compared; a table by policy and metric, before and after; then what moved."""
    console.print(escape(f"before: {options.against or 'no policies'}"), soft_wrap=True)
    how = "as it is written" if options.as_written else "its last version, as if in force since ever"
    console.print(escape(f"after:  {options.policies}, {how}"), soft_wrap=True)
    if comparison.clocks:
        console.print(_outcome_table(comparison, breached=console.width >= _WIDE))
    for (before, after), clocks in comparison.moves.counts.most_common():
        console.print(f"{_counted(clocks, 'clock', 'clocks')}: {_said(before)} → {_said(after)}")
    if not comparison.clocks:
        console.print("no clock: no policy has a target for what is there, or nothing opened since then")
    elif not comparison.moves.counts:
        console.print("no clock comes out otherwise")
    judged = _counted(comparison.clocks, "clock", "clocks")
    console.print(f"{judged} in {_counted(comparison.conversations, 'conversation', 'conversations')}")


def _outcome_table(comparison: Comparison, *, breached: bool = True) -> Table:
    """`breached`: with these columns as well; what was not met was breached."""
    table = Table()
    for heading in ("policy", "metric"):
        table.add_column(heading, overflow="fold")
    for when in ("before", "after"):
        for heading in (f"{when}: met", *(("breached",) if breached else ()), "attained"):
            table.add_column(heading, justify="right", no_wrap=True)
    for name in comparison.names:
        sides = (comparison.before.get(name, Tally()), comparison.after.get(name, Tally()))
        table.add_row(*map(escape, name), *_cells(*sides, breached=breached))
    table.add_section()
    for metric, before, after in comparison.together:
        table.add_row("[italic]together[/italic]", escape(metric), *_cells(before, after, breached=breached))
    return table


def _cells(*sides: Tally, breached: bool) -> Iterator[str]:
    for side in sides:
        yield f"{side.met:,}"
        if breached:
            yield f"{side.breached:,}"
        yield _percent(side.attainment)


def as_json(comparison: Comparison) -> bytes:
    """The same as one JSON object."""
    document = {
        "conversations": comparison.conversations,
        "outcomes": [_document(comparison, name) for name in comparison.names],
        "moves": [
            {"before": before, "after": after, "clocks": clocks}
            for (before, after), clocks in sorted(comparison.moves.counts.items())
        ],
    }
    return msgspec.json.encode(document)


def _document(comparison: Comparison, name: Name) -> dict[str, object]:
    def side(tally: Tally) -> dict[str, object]:
        return {
            **{key: getattr(tally, key) for key in ("met", "breached", "cancelled")},
            "attainment": tally.attainment,
        }

    before, after = comparison.before.get(name, Tally()), comparison.after.get(name, Tally())
    return {"policy": name[0], "metric": name[1], "before": side(before), "after": side(after)}


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _said(outcome: str) -> str:
    return "no target" if outcome == "no_clock" else outcome
