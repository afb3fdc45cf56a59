"""ClickHouse over its native protocol (clickhouse-driver), version 23.8 or newer.

    ServerDatabase("clickhouse://user:password@host:9000/supportpulse")

Statements are repeated when the connection breaks: all of ours are harmless to run twice, see `Database`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from clickhouse_driver import errors as driver_errors
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sinks.clickhouse.client import BlockClient
from sinks.clickhouse.database import Answer, Columns, Params, identifier, insert_statement, row_count
from sinks.errors import ConnectionLost, DatabaseError, LoginRefused, from_clickhouse

T = TypeVar("T")

#: Servers before this protocol revision (2018 to 2019) refuse settings they do not know instead of skipping them.
_REVISION_WITH_SETTINGS_AS_STRINGS = 54_429
_BROKEN = (driver_errors.NetworkError, driver_errors.SocketTimeoutError, EOFError, OSError)
#: Nothing of what was given is repeated: where the password ends is just what cannot be told.
_UNUSABLE = (
    "--clickhouse cannot be used: write clickhouse://USER:PASSWORD@HOST:9000/DATABASE, and percent-encode "
    "/ # ? @ [ in a password"
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a broken connection is tried again before the caller hears of it."""

    attempts: int = 4
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 3.0
    connect_timeout_seconds: float = 5.0


class ServerDatabase:
    """One connection to a server; several threads may share it and take turns.

    With `create`, the URL's database is made when it is missing.
    """

    def __init__(self, url: str, *, patience: Patience | None = None, create: bool = False) -> None:
        self.address = without_password(url)
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._client = _client(url, self._patience)
        if create:
            self._create(url)

    def execute(self, sql: str, params: Params | None = None) -> None:
        """See `Database`."""
        self._patiently(lambda: self._client.execute(sql, _given(params)))

    def query(self, sql: str, params: Params | None = None) -> Answer:
        """See `Database`."""
        columns, names_and_types = self._patiently(
            lambda: self._client.execute(sql, _given(params), with_column_types=True, columnar=True)
        )
        names = tuple(name for name, _type in names_and_types)
        return Answer(names, tuple(columns) if columns else tuple([] for _name in names))

    def insert(self, table: str, columns: Columns) -> int:
        """See `Database`."""
        rows = row_count(columns)
        if rows:
            statement = f"{insert_statement(table, columns)} VALUES"
            values = list(columns.values())
            self._patiently(lambda: self._insert(statement, values))
        return rows

    def close(self) -> None:
        """See `Database`."""
        with self._lock:
            self._client.disconnect()

    def _insert(self, statement: str, values: list[Any]) -> None:
        connection = self._client.connection
        if not connection.connected:
            connection.connect()
        modern = connection.server_info.revision >= _REVISION_WITH_SETTINGS_AS_STRINGS
        # Inserted has to mean durable, whatever the server's default for asynchronous inserts is.
        settings = {"async_insert": 0} if modern else None
        self._client.execute(statement, values, columnar=True, settings=settings)

    def _create(self, url: str) -> None:
        parts = _split(url)
        name = parts.path.strip("/")
        if name:
            default = ServerDatabase(urlunsplit(parts._replace(path="/default")), patience=self._patience)
            default.execute(f"CREATE DATABASE IF NOT EXISTS {identifier(name)}")
            default.close()

    def _patiently(self, attempt: Callable[[], T]) -> T:
        patience = self._patience
        retrying = Retrying(
            retry=retry_if_exception_type(ConnectionLost),
            stop=stop_after_attempt(patience.attempts),
            wait=wait_random_exponential(multiplier=patience.first_wait_seconds, max=patience.longest_wait_seconds),
            reraise=True,
        )
        with self._lock:
            answer: T = retrying(self._once, attempt)
            return answer

    def _once(self, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except driver_errors.ServerException as exc:
            error = from_clickhouse(exc.code, str(exc.message))
            if isinstance(error, LoginRefused):
                raise LoginRefused(f"{self.address}: {error.detail}", exc.code) from exc
            raise error from exc
        except _BROKEN as exc:
            self._client.disconnect()
            raise ConnectionLost(f"{self.address}: {_reason(exc)}", getattr(exc, "code", None)) from exc
        except driver_errors.Error as exc:
            self._client.disconnect()
            raise DatabaseError(f"{self.address}: {_reason(exc)}", getattr(exc, "code", None)) from exc


def without_password(url: str) -> str:
    """The URL as it may be printed. Raises `DatabaseError` for what is none, saying nothing of it."""
    parts = _split(url)
    netloc = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def _split(url: str) -> SplitResult:
    """The only place where the URL is taken apart: a password with / # ? @ or [ in it ends up in any of the parts."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DatabaseError(_UNUSABLE) from None
    torn = parts.fragment or "@" in parts.path + parts.query
    if parts.scheme not in {"clickhouse", "clickhouses"} or not parts.hostname or port == 0 or torn:
        raise DatabaseError(_UNUSABLE)
    return parts


def _client(url: str, patience: Patience) -> Any:
    try:
        client = BlockClient.from_url(url)
    except (ValueError, AttributeError):
        # What stands behind the ? is no number, no yes or no, or no version of SSL.
        raise DatabaseError(_UNUSABLE) from None
    client.connection.connect_timeout = patience.connect_timeout_seconds
    context = client.connection.context
    context.client_settings = {**context.client_settings, "server_side_params": True}
    return client


def _given(params: Params | None) -> dict[str, Any] | None:
    return dict(params) if params else None


def _reason(exc: BaseException) -> str:
    return str(exc).split("Stack trace:", maxsplit=1)[0].strip() or type(exc).__name__
