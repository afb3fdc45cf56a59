"""The port both ways into ClickHouse share.

    database.execute("CREATE TABLE …")
    answer = database.query("SELECT * FROM facts WHERE tenant = {tenant:String}", {"tenant": "acme"})
    database.insert("metric_facts", {"tenant": ["acme", …], "fact_id": [...], …})

Instants go in as epoch milliseconds and come out as aware datetimes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from sinks.errors import QueryFailed

Columns: TypeAlias = Mapping[str, Sequence[Any]]
Params: TypeAlias = Mapping[str, "str | int | float"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result, column by column; all columns have the same length.

    An empty result may come without names and columns: `rows` and `column` are empty then.
    """

    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The same, row by row."""
        return list(zip(*self.columns, strict=True))

    def column(self, name: str) -> Sequence[Any]:
        """One column's values."""
        return self.columns[self.names.index(name)] if self.columns else ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


class Database(Protocol):
    """ClickHouse, wherever it runs. Every method raises a `sinks.errors.DatabaseError` and nothing else."""

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement whose answer does not matter. It must be harmless to run twice."""

    def query(self, sql: str, params: Params | None = None) -> Answer:
        """Run a query; parameters are written `{name:Type}` and never become part of the text."""

    def insert(self, table: str, columns: Columns) -> int:
        """Insert columns of equal length; returns the number of rows once they are durable. Changes no argument."""

    def close(self) -> None:
        """Let go of the connection. Closing twice is fine."""


def identifier(name: str) -> str:
    """`name` quoted for SQL; refuses what could be anything but a name."""
    if not _IDENTIFIER.fullmatch(name):
        raise QueryFailed(f"{name!r} is no name of a table, column or database")
    return f"`{name}`"


def row_count(columns: Columns) -> int:
    """The common length of the columns; refuses ragged ones."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise QueryFailed(f"columns of different lengths: { {name: len(v) for name, v in columns.items()} }")
    return lengths.pop() if lengths else 0


def insert_statement(table: str, columns: Columns) -> str:
    """`INSERT INTO table (columns)`, names quoted."""
    return f"INSERT INTO {identifier(table)} ({', '.join(map(identifier, columns))})"
