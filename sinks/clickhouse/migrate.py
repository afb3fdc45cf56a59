"""Brings ClickHouse to the schema of this release: numbered files, forward only.

    for migration in migrate(database, now_ms=…):
        print(migration.name)

A file is a sequence of statements, each ending in `;` at the end of a line, each harmless when run again: a run that
was cut short, or two that started at once, end in the same schema. An applied file never changes; a later one amends
it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.times import EpochMs
from sinks.clickhouse.database import Database
from sinks.errors import MigrationError

#: The first ClickHouse that has what the tables are made of.
OLDEST = (23, 8)

MIGRATIONS_DIR = Path(__file__).parent / "migrations"

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3, 'UTC'),
    precedence UInt64 MATERIALIZED toUInt64(9223372036854775807 - toUnixTimestamp64Milli(applied_at))
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY version
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its statements."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, by which a later change is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements in order, without comments and closing semicolons."""
        code = "\n".join(line for line in self.sql.splitlines() if not line.lstrip().startswith("--"))
        return [part.strip() for part in re.split(r";[ \t]*(?:\n|$)", code) if part.strip()]


def load_migrations(directory: Path = MIGRATIONS_DIR) -> tuple[Migration, ...]:
    """The release's migrations, oldest first. Raises `MigrationError` for a name out of order or out of form."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is no migration: name it NNNN_what_it_does.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations in {directory.name}/ must be numbered 1, 2, 3 … without gaps or repeats")
    return tuple(found)


def pending(database: Database, migrations: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """What `migrate` would apply. Changes nothing; raises `MigrationError` where the past was rewritten."""
    wanted = load_migrations() if migrations is None else tuple(migrations)
    applied = _applied(database)
    _check(wanted, applied)
    return tuple(migration for migration in wanted if migration.version not in applied)


def migrate(
    database: Database, now_ms: EpochMs, migrations: Sequence[Migration] | None = None, *, dry_run: bool = False
) -> tuple[Migration, ...]:
    """Apply what is pending, in order, and say what that was. With `dry_run`, only say it."""
    check_version(database)
    waiting = pending(database, migrations)
    if dry_run:
        return waiting
    database.execute(_LEDGER)
    for migration in waiting:
        for statement in migration.statements:
            database.execute(statement)
        database.insert("schema_migrations", _row(migration, now_ms))
    return waiting


def check_version(database: Database) -> None:
    """Raises `MigrationError` for a ClickHouse that does not have what the tables are made of."""
    said = str(database.query("SELECT version() AS version").columns[0][0])
    numbers = tuple(int(part) for part in said.split(".")[:2] if part.isdecimal())
    if numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise MigrationError(f"this is ClickHouse {said}: the tables need {wanted} or newer, upgrade it")


def _row(migration: Migration, now_ms: EpochMs) -> dict[str, list[object]]:
    return {
        "version": [migration.version],
        "name": [migration.name],
        "checksum": [migration.checksum],
        "applied_at": [now_ms],
    }


def _applied(database: Database) -> dict[int, str]:
    if database.query("EXISTS TABLE schema_migrations").columns[0][0] == 0:
        return {}
    rows = database.query("SELECT version, checksum FROM schema_migrations FINAL").rows
    return {int(version): str(checksum) for version, checksum in rows}


def _check(wanted: Sequence[Migration], applied: dict[int, str]) -> None:
    known = {migration.version for migration in wanted}
    newer = sorted(set(applied) - known)
    if newer:
        raise MigrationError(f"this database has migration {newer[-1]}, which this release does not know: upgrade it")
    for migration in wanted:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"migration {migration.version:04d}_{migration.name} was changed after it was applied: "
                "restore the file and write the change as a new one"
            )
