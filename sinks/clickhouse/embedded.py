"""ClickHouse in the process (chDB).

One process owns a path; inside it every thread that works at the same time wants an `EmbeddedDatabase` of its own,
because one connection does one thing after the other.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chdb

from sinks.clickhouse import native
from sinks.clickhouse.database import Answer, Columns, Params, identifier, insert_statement, row_count
from sinks.errors import ConnectionLost, DatabaseError, MissingTable, PathInUse, PathUnusable, from_clickhouse

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\0": r"\0", "\b": r"\b", "\f": r"\f"})
_CODE = re.compile(r"Code: (\d+)")
#: chDB keeps one engine per process; the first connection decides its path.
_FORBIDDEN = re.compile(r"Permission denied|errno: 13\b")
_PID = re.compile(rb"PID: (\d+)")
_OWNED = re.compile(r"Cannot lock file|already running|already initialized|Error initializing EmbeddedServer")


class EmbeddedDatabase:
    """A connection to the engine at `path` (created when missing), using `database` (created when missing).

    `readonly` connections refuse every statement that writes, but accept settings. Raises `PathInUse` when another
    process owns the path.
    """

    def __init__(self, path: Path, database: str = "supportpulse", *, readonly: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._types: dict[str, dict[str, str]] = {}
        self._connection: Any = _connect(path)
        try:
            if not readonly:
                self.execute(f"CREATE DATABASE IF NOT EXISTS {identifier(database)}")
            self.execute(f"USE {identifier(database)}")
            if readonly:
                self.execute("SET readonly = 2")
        except DatabaseError:
            self.close()
            raise

    def execute(self, sql: str, params: Params | None = None) -> None:
        """See `Database`."""
        # A statement may change a table's columns.
        self._types.clear()
        self._run(sql, "Null", params)

    def query(self, sql: str, params: Params | None = None) -> Answer:
        """See `Database`."""
        return native.decode(self._run(sql, "Native", params))

    def raw(self, sql: str, output_format: str) -> bytes:
        """The answer as ClickHouse prints it; a FORMAT clause in the statement goes before `output_format`."""
        return self._run(sql, output_format, None)

    def insert(self, table: str, columns: Columns) -> int:
        """See `Database`."""
        rows = row_count(columns)
        if not rows:
            return 0
        block = native.encode(list(columns), self._types_of(table, columns), list(columns.values()))
        # Later ClickHouses collect small inserts in the background by default; here "inserted" has to mean it.
        statement = f"{insert_statement(table, columns)} SETTINGS async_insert = 0"
        with self._exclusively() as connection, connection.send_insert(statement, "Native") as inserter:
            inserter.append(block)
            inserter.finish()
        return rows

    def close(self) -> None:
        """See `Database`."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _types_of(self, table: str, columns: Columns) -> list[str]:
        known = self._types.get(table)
        if known is None:
            described = self.query(f"DESCRIBE TABLE {identifier(table)}")
            known = self._types[table] = dict(zip(described.column("name"), described.column("type"), strict=True))
        missing = [name for name in columns if name not in known]
        if missing:
            # Another connection may be about to add them.
            del self._types[table]
            raise MissingTable(f"{table} has no column {', '.join(missing)}")
        return [known[name] for name in columns]

    def _run(self, sql: str, output_format: str, params: Params | None) -> bytes:
        with self._exclusively() as connection:
            answer = connection.query(sql, output_format, params=_escaped(params or {}))
            return bytes(answer.bytes())

    @contextmanager
    def _exclusively(self) -> Iterator[Any]:
        with self._lock:
            if self._connection is None:
                raise ConnectionLost(f"the connection to {self._path} is closed")
            try:
                yield self._connection
            # chDB has no error class of its own for statements: RuntimeError carries ClickHouse's text.
            except RuntimeError as exc:
                raise _translated(exc) from exc


def _connect(path: Path) -> Any:
    try:
        path.mkdir(parents=True, exist_ok=True)
        _check_owner(path)
        return chdb.connect(str(path))
    except OSError as exc:
        raise from_clickhouse(None, f"cannot make {path}: {exc.strerror}") from exc
    except RuntimeError as exc:
        if _FORBIDDEN.search(str(exc)):
            raise PathUnusable(f"{path} cannot be opened: permission denied") from exc
        if _OWNED.search(str(exc)):
            raise PathInUse(f"{path} is in use by another process, or this process has another path open") from exc
        raise _translated(exc) from exc


def _check_owner(path: Path) -> None:
    """The engine says on stderr what it finds, before anybody can catch it: so we look first, at the lock it takes."""
    try:
        with (path / "status").open("r+b") as status:
            owner = _PID.match(status.readline())
            pid = int(owner.group(1)) if owner else 0
            if pid == os.getpid():
                return
            try:
                fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PathInUse(f"{path} is in use by another process ({pid or '?'})") from None
    except FileNotFoundError:
        return
    except PermissionError as exc:
        raise PathUnusable(f"{path} cannot be opened: permission denied") from exc


def _escaped(params: Params) -> dict[str, Any]:
    # The engine reads parameters as it reads fields of TabSeparated.
    return {name: value.translate(_ESCAPES) if isinstance(value, str) else value for name, value in params.items()}


def _translated(exc: RuntimeError) -> DatabaseError:
    text = str(exc)
    code = _CODE.search(text)
    return from_clickhouse(int(code.group(1)) if code else None, text)
