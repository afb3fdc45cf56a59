"""The table of `up`: what the people who run support want to see first, asked from ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from schemas.times import EpochMs
from sinks.clickhouse.database import Database

_DAY_MS = 86_400_000
_ANY_WIDTH = 1_000

_FIGURES = """
SELECT
    tenant,
    countIf(metric = 'first_response') AS first_responses,
    quantileExactInclusiveIf(0.5)(value_ms, metric = 'first_response') AS first_response_p50_ms,
    quantileExactInclusiveIf(0.9)(value_ms, metric = 'first_response') AS first_response_p90_ms,
    countIf(metric = 'resolution') AS resolutions,
    quantileExactInclusiveIf(0.5)(value_ms, metric = 'resolution') AS resolution_p50_ms,
    countIf(startsWith(metric, 'sla_') AND outcome = 'met') AS met,
    countIf(startsWith(metric, 'sla_') AND outcome = 'breached') AS breached,
    countIf(metric = 'bot_outcome' AND outcome = 'contained') AS contained,
    countIf(metric = 'bot_outcome') AS bots
FROM facts
WHERE coalesce(ended_at, deadline) > fromUnixTimestamp64Milli({since:Int64}, 'UTC')
GROUP BY tenant ORDER BY tenant
"""

_WAITING = """
SELECT
    tenant,
    count() AS open,
    countIf(human_clock_since IS NOT NULL) AS waiting,
    toUnixTimestamp64Milli(min(human_clock_since)) AS oldest_ms
FROM open_conversations
GROUP BY tenant
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's figures of the last 24 hours. None: nothing to measure yet."""

    tenant: str
    first_responses: int
    first_response_p50_ms: float | None
    first_response_p90_ms: float | None
    resolutions: int
    resolution_p50_ms: float | None
    met: int
    breached: int
    contained: int
    bots: int
    open: int = 0
    waiting: int = 0
    oldest_ms: EpochMs | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one look at ClickHouse saw."""

    at_ms: EpochMs
    rows: tuple[Row, ...]


def look(database: Database, at_ms: EpochMs) -> Figures:
    """Ask for the figures of the 24 hours before `at_ms`. Raises `DatabaseError`."""
    measured = _by_tenant(database, _FIGURES, {"since": at_ms - _DAY_MS})
    waiting = _by_tenant(database, _WAITING, {})
    nothing = {"first_responses": 0, "first_response_p50_ms": None, "first_response_p90_ms": None, "resolutions": 0}
    nothing |= {"resolution_p50_ms": None, "met": 0, "breached": 0, "contained": 0, "bots": 0}
    rows = tuple(
        Row(tenant=tenant, **(nothing | measured.get(tenant, {}) | waiting.get(tenant, {})))
        for tenant in sorted({*measured, *waiting})
    )
    return Figures(at_ms, rows)


def render(figures: Figures, notes: list[str]) -> RenderableType:
    """The figures as a table, `notes` below it."""
    return Group(
        Text("By tenant: open now, the rest over the last 24 hours", style="bold"),
        _Fitting(figures),
        *(Text(note, style="dim") for note in notes),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """`short`: its heading where there is little room. `group`: what goes together."""

    group: str
    heading: str
    short: str
    cell: Callable[[Row, EpochMs], str]


_COLUMNS = (
    _Column("open", "open", "open", lambda row, _: f"{row.open:,}"),
    _Column("waiting", "waiting", "wait", lambda row, _: f"{row.waiting:,}"),
    _Column(
        "oldest",
        "oldest wait",
        "oldest",
        lambda row, at_ms: _duration(None if row.oldest_ms is None else at_ms - row.oldest_ms),
    ),
    _Column("responses", "first responses", "first", lambda row, _: f"{row.first_responses:,}"),
    _Column("response", "p50", "p50", lambda row, _: _duration(row.first_response_p50_ms)),
    _Column("p90", "p90", "p90", lambda row, _: _duration(row.first_response_p90_ms)),
    _Column("resolutions", "resolutions", "done", lambda row, _: f"{row.resolutions:,}"),
    _Column("resolutions", "p50", "p50", lambda row, _: _duration(row.resolution_p50_ms)),
    _Column("sla", "SLA met", "SLA", lambda row, _: _share(row.met, row.met + row.breached)),
    _Column("bot", "bot contained", "bot", lambda row, _: _share(row.contained, row.bots)),
)
#: What is left out, in this order, until the rest fits.
_DISPENSABLE = ("bot", "p90", "resolutions", "responses", "oldest")


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The table with as much as the terminal is wide for: half a number would be a wrong one."""

    figures: Figures

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = _table(self.figures, _COLUMNS, short=False)
        for left_out in range(len(_DISPENSABLE) + 1):
            if console.measure(drawn, options=options.update(max_width=_ANY_WIDTH)).maximum <= options.max_width:
                break
            columns = [each for each in _COLUMNS if each.group not in _DISPENSABLE[:left_out]]
            drawn = _table(self.figures, columns, short=True)
        yield drawn


def _table(figures: Figures, columns: Sequence[_Column], *, short: bool) -> Table:
    table = Table()
    table.add_column("tenant", style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column.short if short else column.heading, justify="right", no_wrap=True)
    for row in figures.rows:
        table.add_row(row.tenant, *(column.cell(row, figures.at_ms) for column in columns))
    if not figures.rows:
        table.add_row("nothing yet", *("" for _ in columns))
    return table


def _by_tenant(database: Database, sql: str, params: dict[str, str | int | float]) -> dict[str, dict[str, Any]]:
    answer = database.query(sql, params)
    found = [dict(zip(answer.names, row, strict=True)) for row in answer.rows]
    return {row.pop("tenant"): {name: _number(value) for name, value in row.items()} for row in found}


def _number(value: Any) -> Any:
    # A quantile of nothing is NaN.
    return None if isinstance(value, float) and isnan(value) else value


def _duration(ms: float | None) -> str:
    if ms is None:
        return "–"
    seconds = max(0.0, ms / 1000)
    for size, unit, below in ((86_400, "d", "h"), (3_600, "h", "m"), (60, "m", "s")):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            smaller = {"h": 3_600, "m": 60, "s": 1}[below]
            return f"{whole:.0f}{unit} {rest // smaller:.0f}{below}"
    return f"{seconds:.0f}s"


def _share(part: int, whole: int) -> str:
    return "–" if whole == 0 else f"{part / whole:.1%}"
