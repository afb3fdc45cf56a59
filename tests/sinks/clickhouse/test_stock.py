"""What ClickHouse doubles, halves or puts off if it is left to its defaults, and that ours does not."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest

from sinks.clickhouse import rows
from sinks.clickhouse.database import Columns
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import load_migrations
from sinks.clickhouse.server import ServerDatabase
from sinks.errors import DatabaseError
from tests.servers.clickhouse import ClickHouseServer
from tests.sinks import samples

FACTS = [samples.fact(f"c{n}/1/1/first_response") for n in range(100)]


def facts(some: Sequence[int]) -> Columns:
    return rows.fact_columns([FACTS[n] for n in some])


def number(database: EmbeddedDatabase, sql: str) -> int:
    return int(database.query(sql).columns[0][0] or 0)


@pytest.fixture
def additive(database: EmbeddedDatabase) -> EmbeddedDatabase:
    """Beside our tables, what anybody would write first: a sum that every insert adds to."""
    database.execute("CREATE TABLE added (channel String, facts UInt64) ENGINE = SummingMergeTree ORDER BY channel")
    database.execute(
        "CREATE MATERIALIZED VIEW adding TO added AS "
        "SELECT toString(channel) AS channel, count() AS facts FROM metric_facts GROUP BY channel"
    )
    return database


def test_an_additive_view_counts_a_batch_twice_that_comes_twice(additive: EmbeddedDatabase) -> None:
    for _delivery in range(2):
        additive.insert("metric_facts", facts(range(100)))
    assert number(additive, "SELECT sum(facts) FROM added") == 200
    assert number(additive, "SELECT sum(count) FROM kpi_hourly") == 100


def test_deduplication_helps_an_additive_view_only_where_the_batch_is_the_same(additive: EmbeddedDatabase) -> None:
    for table in ("metric_facts", "added"):
        additive.execute(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 100")
    additive.execute("SET deduplicate_blocks_in_dependent_materialized_views = 1")
    for piece in (range(100), range(100)):
        additive.insert("metric_facts", facts(piece))
    assert number(additive, "SELECT sum(facts) FROM added") == 100
    # A sink that was killed reads from its last commit, in other pieces.
    for piece in (range(50), range(50, 100)):
        additive.insert("metric_facts", facts(piece))
    assert number(additive, "SELECT sum(facts) FROM added") > 100
    assert number(additive, "SELECT sum(count) FROM kpi_hourly") == 100


def test_no_migration_has_a_view_that_adds() -> None:
    statements = [statement for migration in load_migrations() for statement in migration.statements]
    assert not [one for one in statements if re.search(r"MATERIALIZED\s+VIEW|SummingMergeTree|Aggregating", one)]
    engines = [engine for one in statements for engine in re.findall(r"ENGINE\s*=\s*(\w+)", one)]
    assert set(engines) == {"ReplacingMergeTree"}
    assert not [one for one in statements if "PARTITION BY" in one]


def test_every_view_reads_tables_that_replace_rows_with_final() -> None:
    statements = [statement for migration in load_migrations() for statement in migration.statements]
    tables = {name for one in statements for name in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", one)}
    read = [
        (name, final)
        for one in statements
        if "VIEW" in one
        for name, final in re.findall(r"(?:FROM|JOIN)\s+(\w+)(\s+FINAL\b)?", one)
        if name in tables
    ]
    assert len(read) >= 2
    assert [name for name, final in read if not final] == []


def test_without_final_rows_that_were_replaced_are_counted_however_many_there_are(database: EmbeddedDatabase) -> None:
    database.execute("SYSTEM STOP MERGES metric_facts")
    for revision in range(1, 5):
        again = [samples.fact(fact.fact_id, revision=revision) for fact in FACTS]
        database.insert("metric_facts", rows.fact_columns(again))
    assert number(database, "SELECT count() FROM metric_facts") == 400
    assert number(database, "SELECT count() FROM metric_facts FINAL") == 100
    assert number(database, "SELECT count() FROM facts") == 100


def test_an_older_version_that_comes_behind_a_newer_one_changes_nothing(database: EmbeddedDatabase) -> None:
    for revision in (1, 3, 2):
        database.insert("metric_facts", rows.fact_columns([samples.fact(revision=revision)]))
    assert number(database, "SELECT revision FROM metric_facts FINAL") == 3


def test_what_was_inserted_is_there_whatever_the_default_for_inserts_is(database: EmbeddedDatabase) -> None:
    (value,) = database.query("SELECT value FROM system.settings WHERE name = 'async_insert'").columns[0]
    assert value == "1", "by default a server collects inserts"
    # The worst that it can be set to: collected for a minute, and answered before.
    for setting in ("wait_for_async_insert = 0", "async_insert_busy_timeout_max_ms = 60000"):
        database.execute(f"SET {setting}")
    database.insert("metric_facts", facts(range(100)))
    assert number(database, "SELECT count() FROM metric_facts") == 100


def test_a_failed_insert_may_leave_a_part_which_the_next_attempt_replaces(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE plain (n UInt64) ENGINE = MergeTree ORDER BY n")
    with pytest.raises(DatabaseError):
        database.execute(
            "INSERT INTO plain SELECT number + throwIf(number = 900) FROM numbers(1000) "
            "SETTINGS max_block_size = 100, min_insert_block_size_rows = 100, min_insert_block_size_bytes = 0, "
            "max_threads = 1, max_insert_threads = 1"
        )
    left = number(database, "SELECT count() FROM plain")
    assert 0 < left < 1_000, "an insert is atomic for a block, and not as a whole"

    whole = list(range(100))
    database.insert("metric_facts", facts(whole[:37]))
    random.Random(1).shuffle(whole)
    database.insert("metric_facts", facts(whole))
    assert number(database, "SELECT count() FROM metric_facts FINAL") == 100
    assert number(database, "SELECT sum(count) FROM kpi_hourly") == 100


@pytest.mark.server
def test_a_server_of_2018_lacks_what_our_tables_are_made_of(clickhouse_server: ClickHouseServer) -> None:
    if clickhouse_server.version() >= (20, 1):
        pytest.skip("this server is not one of them")
    database = ServerDatabase(clickhouse_server.url)
    try:
        with pytest.raises(DatabaseError):
            database.execute("CREATE TABLE t (at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY at")
        with pytest.raises(DatabaseError):
            database.execute("CREATE TABLE t (at Int64, c LowCardinality(String)) ENGINE = MergeTree ORDER BY at")
    finally:
        database.close()
