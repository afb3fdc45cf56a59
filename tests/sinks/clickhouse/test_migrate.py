"""Migrations: forward, once, unchanged, and harmless when repeated."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sinks import errors
from sinks.clickhouse.database import Answer, Database, Params
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import Migration, load_migrations, migrate, pending
from sinks.errors import MigrationError
from tests.sinks.samples import T0

TABLES = {"interactions", "metric_facts", "sla_alerts", "metric_windows", "dead_letters"}
VIEWS = {"facts", "kpi_hourly", "sla_attainment", "agent_scorecard", "open_conversations"}


def names(database: Database) -> set[str]:
    return set(database.query("SELECT name FROM system.tables WHERE database = currentDatabase()").column("name"))


def definitions(database: Database) -> list[tuple[str, str]]:
    sql = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    return database.query(sql).rows


def test_an_empty_database_gets_every_table_and_view(empty_database: EmbeddedDatabase) -> None:
    applied = migrate(empty_database, now_ms=T0)
    assert applied == load_migrations()
    assert names(empty_database) == TABLES | VIEWS | {"schema_migrations"}


def test_a_second_run_applies_nothing(database: EmbeddedDatabase) -> None:
    assert migrate(database, now_ms=T0 + 1) == ()


def test_a_dry_run_lists_and_changes_nothing(empty_database: EmbeddedDatabase) -> None:
    assert migrate(empty_database, now_ms=T0, dry_run=True) == load_migrations()
    assert names(empty_database) == set()


def test_a_server_that_is_too_old_is_told_so_before_anything_is_made(empty_database: EmbeddedDatabase) -> None:
    class Old(EmbeddedDatabase):
        def __init__(self) -> None:
            self.said: list[str] = []

        def query(self, sql: str, params: Params | None = None) -> Answer:
            self.said.append(sql)
            return Answer(("version",), (["21.3.20.1"],))

    old = Old()
    with pytest.raises(MigrationError, match=r"ClickHouse 21\.3\.20\.1: the tables need 23\.8 or newer"):
        migrate(old, now_ms=T0)
    assert old.said == ["SELECT version() AS version"]


def test_the_tables_that_a_migration_makes_are_those_whose_absence_means_it(database: EmbeddedDatabase) -> None:
    assert names(database) == errors.TABLES


def test_every_statement_is_harmless_when_run_again(database: EmbeddedDatabase) -> None:
    before = definitions(database)
    for migration in load_migrations():
        for statement in migration.statements:
            database.execute(statement)
    assert definitions(database) == before


def test_a_run_that_was_cut_short_is_completed_by_the_next(empty_database: EmbeddedDatabase) -> None:
    for statement in load_migrations()[0].statements[:2]:
        empty_database.execute(statement)
    migrate(empty_database, now_ms=T0)
    assert names(empty_database) >= TABLES | VIEWS


def test_two_runs_at_once_end_in_one_schema(tmp_path: Path, empty_database: EmbeddedDatabase) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        own = EmbeddedDatabase(tmp_path / "clickhouse")
        try:
            migrate(own, now_ms=T0)
        except BaseException as exc:  # noqa: BLE001 - carried over to the test's thread
            failures.append(exc)
        finally:
            own.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(empty_database) == TABLES | VIEWS | {"schema_migrations"}
    assert pending(empty_database) == ()


def test_an_applied_migration_must_not_change(database: EmbeddedDatabase) -> None:
    first, *others = load_migrations()
    changed = [replace(first, sql=first.sql + "\n-- an afterthought\n"), *others]
    with pytest.raises(MigrationError, match="0001_tables was changed after it was applied"):
        migrate(database, now_ms=T0, migrations=changed)


def test_a_database_from_the_future_is_left_alone(database: EmbeddedDatabase) -> None:
    with pytest.raises(MigrationError, match="does not know"):
        migrate(database, now_ms=T0, migrations=load_migrations()[:1])


def test_a_later_migration_is_applied_alone(database: EmbeddedDatabase) -> None:
    later = Migration(4, "more", "ALTER TABLE metric_facts ADD COLUMN IF NOT EXISTS note String;\n")
    assert migrate(database, now_ms=T0, migrations=[*load_migrations(), later]) == (later,)


def test_numbers_have_no_gaps(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;\n")
    (tmp_path / "0003_c.sql").write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match="without gaps"):
        load_migrations(tmp_path)


def test_names_have_one_form(tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match=r"NNNN_what_it_does\.sql"):
        load_migrations(tmp_path)
