"""ClickHouse's side: does it answer, is the schema that of this release, would its settings change answers?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.clickhouse import migrate
from sinks.clickhouse.database import Answer, Columns, Params
from sinks.errors import QueryFailed
from sinks.lanes import lanes
from supportpulse.doctor.findings import Finding, Findings, error, ok, warning

#: A statement → its rows.
Ask: TypeAlias = Callable[[str], Sequence[Mapping[str, Any]]]

_OLDEST = migrate.OLDEST
_SKEW_MS = 2_000
_WRONG_CLOCK_MS = 60_000
_LEAST_FREE = 0.1
_TABLES = tuple(lane.table for lane in lanes(Topics()).values())
#: Settings on which the views rely, and the value that they rely on.
_SETTINGS = {"aggregate_functions_null_for_empty": "0", "join_use_nulls": "0", "transform_null_in": "0"}


class Asked:
    """A `Database` that can only be asked, through whoever answers for it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def query(self, sql: str, params: Params | None = None) -> Answer:  # noqa: ARG002
        """See `Database`; without parameters."""
        rows = self._ask(sql)
        names = tuple(rows[0]) if rows else ()
        return Answer(names, tuple([row[name] for row in rows] for name in names))

    def execute(self, sql: str, params: Params | None = None) -> None:  # noqa: ARG002
        """Not here."""
        raise QueryFailed("this way in only reads")

    def insert(self, table: str, columns: Columns) -> int:  # noqa: ARG002
        """Not here."""
        raise QueryFailed("this way in only reads")

    def close(self) -> None:
        """Nothing to close."""


def examine(ask: Ask, now_ms: Callable[[], EpochMs]) -> Findings:
    """Everything that concerns ClickHouse alone. Raises `SupportpulseError` if it cannot be asked at all."""
    said = str(ask("SELECT version() AS version")[0]["version"])
    yield version(said)
    if _numbers(said) < _OLDEST:
        return
    yield clock(ask, now_ms)
    yield _schema(ask)
    yield _engines(ask)
    yield _settings(ask)
    yield _room(ask)


def version(said: str) -> Finding:
    """Whether it is new enough."""
    if _numbers(said) < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        return error("clickhouse", f"answers, version {said}", f"the tables need {wanted} or newer: upgrade it")
    return ok("clickhouse", f"answers, version {said}")


def clock(ask: Ask, now_ms: Callable[[], EpochMs]) -> Finding:
    """Its clock against this host's; half of the question's way is taken off."""
    check = "clocks: clickhouse"
    asked_ms = now_ms()
    theirs_ms = int(ask("SELECT toUnixTimestamp64Milli(now64(3)) AS now")[0]["now"])
    answered_ms = now_ms()
    uncertain_ms = (answered_ms - asked_ms) // 2
    apart_ms = theirs_ms - (asked_ms + uncertain_ms)
    says = f"{apart_ms / 1000:+.2f} s from this host's, give or take {uncertain_ms / 1000:.2f}"
    remedy = "let every host keep its clock by NTP: views that look at now() would be off by as much"
    beyond_ms = abs(apart_ms) - uncertain_ms
    if beyond_ms > _WRONG_CLOCK_MS:
        return error(check, says, remedy)
    return warning(check, says, remedy) if beyond_ms > _SKEW_MS else ok(check, says)


def _schema(ask: Ask) -> Finding:
    check = "migrations"
    waiting = migrate.pending(Asked(ask))
    if waiting:
        names = ", ".join(f"{each.version:04d} {each.name}" for each in waiting)
        return error(check, f"not applied: {names}", "run `supportpulse migrate`")
    return ok(check, f"all {len(migrate.load_migrations())} are applied, as this release has them")


def _engines(ask: Ask) -> Finding:
    check = "tables"
    rows = ask("SELECT name, engine FROM system.tables WHERE database = currentDatabase()")
    engines = {str(row["name"]): str(row["engine"]) for row in rows}
    missing = [name for name in _TABLES if name not in engines]
    if missing:
        return error(check, f"missing: {', '.join(missing)}", "run `supportpulse migrate`")
    wrong = [f"{name} is {engines[name]}" for name in _TABLES if not engines[name].endswith("ReplacingMergeTree")]
    if wrong:
        return error(
            check, ", ".join(wrong), "rows that come again would count again: it has to be a ReplacingMergeTree"
        )
    return ok(check, "all there, and rows that come again replace each other")


def _settings(ask: Ask) -> Finding:
    check = "settings"
    said = {row["name"]: row["value"] for row in ask("SELECT name, value FROM system.settings")}
    wrong = [f"{name} = {said[name]}" for name, value in _SETTINGS.items() if said.get(name, value) != value]
    if wrong:
        return warning(
            check, ", ".join(wrong), "the views were written for 0: set it back in the profile of those who ask"
        )
    return ok(check, "those on which the views rely have their defaults")


def _room(ask: Ask) -> Finding:
    check = "disk"
    rows = ask("SELECT name, toUInt64(free_space) AS free, toUInt64(total_space) AS total FROM system.disks")
    shares = {str(row["name"]): int(row["free"]) / max(1, int(row["total"])) for row in rows}
    full = [f"{name}: {share:.0%} free" for name, share in shares.items() if share < _LEAST_FREE]
    if full:
        return warning(check, ", ".join(full), "make room: a full disk stops the sinks, and Kafka keeps the backlog")
    return ok(check, ", ".join(f"{name}: {share:.0%} free" for name, share in shares.items()))


def _numbers(said: str) -> tuple[int, int]:
    parts = [int(part) for part in said.split(".")[:2] if part.isdecimal()]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)
