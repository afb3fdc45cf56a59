"""The engine in the process: one owner, parameters that stay values, readers that only read."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.errors import (
    AccessDenied,
    ConnectionLost,
    DatabaseError,
    DiskFull,
    LoginRefused,
    MissingTable,
    Overloaded,
    PathInUse,
    PathUnusable,
    QueryFailed,
    from_clickhouse,
)
from tests.sinks import samples

_OTHER_PROCESS = """
import sys
from pathlib import Path
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.errors import PathInUse
try:
    EmbeddedDatabase(Path(sys.argv[1]))
except PathInUse as exc:
    print(exc)
"""


def test_a_second_process_is_told_who_owns_the_path(database: EmbeddedDatabase, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OTHER_PROCESS, str(tmp_path / "clickhouse")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)
    assert "in use by another process" in done.stdout
    assert "End it first" in done.stdout
    assert done.stderr == ""


def test_a_path_that_is_not_ours_is_not_called_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PathUnusable, match=r"permission denied.*Run it as the user that made it"):
        EmbeddedDatabase(tmp_path / "clickhouse")


def test_a_process_has_one_path_at_a_time(database: EmbeddedDatabase, tmp_path: Path) -> None:
    with pytest.raises(PathInUse, match="another path open"):
        EmbeddedDatabase(tmp_path / "elsewhere")


def test_what_was_inserted_is_there_after_closing(database: EmbeddedDatabase, tmp_path: Path) -> None:
    database.insert("metric_facts", rows.fact_columns([samples.fact()]))
    database.close()
    again = EmbeddedDatabase(tmp_path / "clickhouse")
    assert again.query("SELECT fact_id FROM facts").rows == [("c1/1/1/first_response",)]
    again.close()


@pytest.mark.parametrize(
    "text", ["a'b", "back\\slash \\n", "new\nline\ttab\0", "'; DROP TABLE metric_facts; --", "ünï😀", ""]
)
def test_parameters_stay_values(database: EmbeddedDatabase, text: str) -> None:
    assert database.query("SELECT {text:String} AS text", {"text": text}).rows == [(text,)]


def test_a_reader_cannot_write_but_may_set(database: EmbeddedDatabase, tmp_path: Path) -> None:
    reader = EmbeddedDatabase(tmp_path / "clickhouse", readonly=True)
    try:
        assert reader.query("SELECT 1 AS one SETTINGS max_threads = 1").rows == [(1,)]
        with pytest.raises(AccessDenied):
            reader.execute("DROP TABLE metric_facts")
        with pytest.raises(AccessDenied):
            reader.execute("SET readonly = 0")
    finally:
        reader.close()


def test_a_reader_does_not_wait_for_a_writer(database: EmbeddedDatabase, tmp_path: Path) -> None:
    reader = EmbeddedDatabase(tmp_path / "clickhouse", readonly=True)
    other = EmbeddedDatabase(tmp_path / "clickhouse")
    ended: list[str] = []

    def work() -> None:
        try:
            database.query("SELECT sleepEachRow(0.1) FROM numbers(300) SETTINGS max_block_size = 1")
        except DatabaseError as exc:
            ended.append(str(exc))

    busy = threading.Thread(target=work)
    busy.start()
    try:
        # A reader that waited would be answered when there is nothing of it to be seen any more.
        running = "FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'"
        deadline = time.monotonic() + 30
        while reader.query(f"SELECT count() {running}").rows == [(0,)]:
            assert busy.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert busy.is_alive()
    finally:
        other.execute("KILL QUERY WHERE query LIKE 'SELECT sleepEachRow%' SYNC")
        busy.join()
        other.close()
        reader.close()
    assert "cancelled" in " ".join(ended)


def test_a_closed_connection_says_so(database: EmbeddedDatabase) -> None:
    database.close()
    database.close()
    with pytest.raises(ConnectionLost, match="closed"):
        database.query("SELECT 1")


def test_columns_that_another_connection_adds_are_found(database: EmbeddedDatabase, tmp_path: Path) -> None:
    database.insert("metric_facts", rows.fact_columns([samples.fact()]))
    with pytest.raises(MissingTable):
        database.insert("metric_facts", {**rows.fact_columns([samples.fact(revision=2)]), "note": ["new"]})
    other = EmbeddedDatabase(tmp_path / "clickhouse")
    other.execute("ALTER TABLE metric_facts ADD COLUMN note String")
    other.close()
    database.insert("metric_facts", {**rows.fact_columns([samples.fact(revision=2)]), "note": ["new"]})
    assert database.query("SELECT note FROM metric_facts FINAL").rows == [("new",)]


def test_a_failed_insert_leaves_nothing_and_the_connection_usable(database: EmbeddedDatabase) -> None:
    with pytest.raises(MissingTable, match=r"no column no_such_column\. Run `supportpulse migrate`"):
        database.insert("metric_facts", {"tenant": ["acme"], "no_such_column": [1]})
    assert database.query("SELECT count() FROM metric_facts").rows == [(0,)]
    assert database.insert("metric_facts", rows.fact_columns([samples.fact()])) == 1


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (60, "Table default.x does not exist. Maybe you meant supportpulse.facts?", QueryFailed),
        (60, "Unknown table expression identifier 'facst' in scope SELECT * FROM facst", QueryFailed),
        (60, "Table supportpulse.metric_facts does not exist", MissingTable),
        (60, "Unknown table expression identifier 'facts' in scope SELECT 1", MissingTable),
        (81, "Database supportpulse does not exist", MissingTable),
        (243, "Cannot reserve 1 MiB", DiskFull),
        (75, "Cannot write to file, errno: 28, strerror: No space left on device", DiskFull),
        (241, "Memory limit exceeded", Overloaded),
        (210, "Connection reset by peer", ConnectionLost),
        (516, "Authentication failed", LoginRefused),
        (62, "Syntax error", QueryFailed),
        (None, "who knows", QueryFailed),
    ],
)
def test_clickhouses_codes_become_errors_with_remedies(code: int | None, text: str, kind: type[DatabaseError]) -> None:
    error = from_clickhouse(code, text + " Stack trace: 0. somewhere")
    assert type(error) is kind
    assert error.code == code
    assert text.strip() in str(error)
    assert "somewhere" not in str(error)
    assert error.remedy in str(error)
