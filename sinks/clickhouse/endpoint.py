"""Queries to the embedded engine from other processes, over HTTP on loopback.

The engine cannot listen and only one process may open its path, so that process serves what ClickHouse's own HTTP
interface would: the statement in the body of a POST, `?default_format=` (or `?format=`), errors as plain text with 4xx
or 5xx. It only reads, and wants the token that lies with its address in a file of the data directory which only its
owner can read.

    endpoint = SqlEndpoint(EmbeddedDatabase(path, readonly=True), data_dir)
    endpoint.start()
    ask(data_dir, "SELECT count() FROM facts", "Pretty")      # in another process
    endpoint.stop()
"""

from __future__ import annotations

import hmac
import http.client
import os
import re
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from sinks.errors import (
    UNKNOWN_TABLE,
    AccessDenied,
    DatabaseError,
    DiskFull,
    EndpointUnavailable,
    MissingTable,
    QueryFailed,
)

ENDPOINT_FILE = "sql-endpoint.json"
TOKEN_HEADER = "X-Supportpulse-Token"  # noqa: S105 - the header's name
CODE_HEADER = "X-ClickHouse-Exception-Code"
DEFAULT_FORMAT = "TabSeparated"

_LOOPBACK = "127.0.0.1"
_MAX_STATEMENT_BYTES = 1 << 20
_ANSWER_SECONDS = 600
#: A read-only session still lets these through, and they write files or stop background work.
_READS = re.compile(
    r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*\(*\s*(?:SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|EXISTS)\b", re.I | re.S
)
_WRITES_A_FILE = re.compile(r"\bINTO\s+OUTFILE\b", re.I)
_FORMAT = re.compile(r"[A-Za-z0-9_]+")


class RawDatabase(Protocol):
    """What the endpoint asks; `EmbeddedDatabase` is one."""

    def raw(self, sql: str, output_format: str) -> bytes:
        """The answer as ClickHouse prints it."""


class _Address(msgspec.Struct, frozen=True):
    port: int
    token: str


class SqlEndpoint:
    """Serves `database` until stopped; `data_dir` gets the file by which `ask` finds it."""

    def __init__(self, database: RawDatabase, data_dir: Path, port: int = 0) -> None:
        self._database = database
        self._file = data_dir / ENDPOINT_FILE
        self._port = port
        self._token = secrets.token_urlsafe(32)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 when it does not."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen. Raises `EndpointUnavailable` when the port is taken."""
        try:
            self._server = ThreadingHTTPServer((_LOOPBACK, self._port), _handler(self._database, self._token))
        except OSError as exc:
            raise EndpointUnavailable(f"cannot listen on {_LOOPBACK}:{self._port} ({exc.strerror})") from exc
        self._server.daemon_threads = True
        _write_privately(self._file, msgspec.json.encode(_Address(self.port, self._token)))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="sql", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and take the file away. May be called again, and before `start`."""
        if self._server is not None and self._thread is not None:
            self._file.unlink(missing_ok=True)
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None


def ask(data_dir: Path, sql: str, output_format: str = DEFAULT_FORMAT) -> bytes:
    """Ask the process that owns `data_dir`. Raises `EndpointUnavailable` when none runs, else what ClickHouse says."""
    address = _read_address(data_dir / ENDPOINT_FILE)
    connection = http.client.HTTPConnection(_LOOPBACK, address.port, timeout=_ANSWER_SECONDS)
    try:
        path = "/?" + urlencode({"default_format": output_format})
        connection.request("POST", path, body=sql.encode(), headers={TOKEN_HEADER: address.token})
        answer = connection.getresponse()
        body = answer.read()
    except OSError as exc:
        raise EndpointUnavailable(f"nobody answers queries for {data_dir}") from exc
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise _error(answer.status, body.decode(errors="replace").strip(), answer.getheader(CODE_HEADER))
    return body


def _error(status: int, text: str, code: str | None) -> DatabaseError:
    kind = AccessDenied if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else QueryFailed
    # The server's text ends in the remedy already; an error of ours would append it once more.
    return kind(text.removesuffix(kind.remedy).rstrip(". "), int(code) if code else None)


def _read_address(path: Path) -> _Address:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Address)
    except (OSError, msgspec.DecodeError) as exc:
        raise EndpointUnavailable(f"no process answers queries for {path.parent}") from exc


def _write_privately(path: Path, content: bytes) -> None:
    # A new file, renamed into place: an old one could be open to others, and nobody may see half of it.
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def _status(error: DatabaseError) -> HTTPStatus:
    if isinstance(error, AccessDenied):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, MissingTable) or error.code == UNKNOWN_TABLE:
        return HTTPStatus.NOT_FOUND
    if isinstance(error, DiskFull):
        return HTTPStatus.INSUFFICIENT_STORAGE
    return HTTPStatus.BAD_REQUEST if isinstance(error, QueryFailed) else HTTPStatus.INTERNAL_SERVER_ERROR


def _checked(sql: str) -> str:
    if not _READS.match(sql) or _WRITES_A_FILE.search(sql):
        raise AccessDenied("only SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and EXISTS are answered here")
    return sql


def _handler(database: RawDatabase, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # A client that sends less than it announced must not hold a thread for ever.
        timeout = 30

        def do_POST(self) -> None:
            options = parse_qs(urlsplit(self.path).query)
            given = self.headers.get(TOKEN_HEADER) or options.get("token", [""])[0]
            if not hmac.compare_digest(given.encode(), token.encode()):
                self._say(HTTPStatus.UNAUTHORIZED, f"{TOKEN_HEADER} is missing or wrong: it lies in {ENDPOINT_FILE}")
                return
            try:
                self._answer(HTTPStatus.OK, self._run(options))
            except DatabaseError as exc:
                headers = {} if exc.code is None else {CODE_HEADER: str(exc.code)}
                self._say(_status(exc), str(exc), headers)

        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/ping":
                self._say(HTTPStatus.OK, "Ok.")
            else:
                self._say(HTTPStatus.METHOD_NOT_ALLOWED, "POST the statement")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
            """Statements may carry names of customers, and a request's line its token."""

        def _run(self, options: dict[str, list[str]]) -> bytes:
            size = self.headers.get("Content-Length", "")
            if not size.isdecimal() or int(size) > _MAX_STATEMENT_BYTES:
                raise QueryFailed(f"a statement needs a Content-Length of at most {_MAX_STATEMENT_BYTES} bytes")
            output_format = (options.get("format") or options.get("default_format") or [DEFAULT_FORMAT])[0]
            if not _FORMAT.fullmatch(output_format):
                raise QueryFailed(f"{output_format[:40]!r} is no format")
            try:
                sql = self.rfile.read(int(size)).decode()
            except UnicodeDecodeError as exc:
                raise QueryFailed("the statement is not UTF-8") from exc
            return database.raw(_checked(sql), output_format)

        def _say(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
            self._answer(status, f"{text}\n".encode(), headers)

        def _answer(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
