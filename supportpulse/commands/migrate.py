"""`supportpulse migrate`: the schema of ClickHouse."""

from __future__ import annotations

from schemas import times
from sinks.clickhouse import migrate
from supportpulse.data_dir import DataDir
from supportpulse.settings import Settings
from supportpulse.up.stack import open_database


def run(settings: Settings, *, dry_run: bool) -> list[str]:
    """Apply what is missing, or only say it; one line each."""
    database = open_database(settings, DataDir(settings.data_dir))
    try:
        found = migrate.migrate(database, now_ms=times.now_ms(), dry_run=dry_run)
        did = "would apply" if dry_run else "applied"
        return [f"{did} {migration.version:04d} {migration.name}" for migration in found] or [_NOTHING]
    finally:
        database.close()


_NOTHING = "nothing to do: the schema is that of this release"
