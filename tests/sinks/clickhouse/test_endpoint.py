"""Queries from outside the process: on loopback, with the token, reading only."""

from __future__ import annotations

import http.client
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.endpoint import ENDPOINT_FILE, TOKEN_HEADER, SqlEndpoint, ask
from sinks.errors import AccessDenied, EndpointUnavailable, QueryFailed
from tests.sinks import samples


@pytest.fixture
def endpoint(database: EmbeddedDatabase, tmp_path: Path) -> Iterator[SqlEndpoint]:
    database.insert("metric_facts", rows.fact_columns([samples.fact()]))
    reader = EmbeddedDatabase(tmp_path / "clickhouse", readonly=True)
    endpoint = SqlEndpoint(reader, tmp_path)
    endpoint.start()
    yield endpoint
    endpoint.stop()
    reader.close()


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def token(tmp_path: Path) -> str:
    return str(json.loads((tmp_path / ENDPOINT_FILE).read_text())["token"])


def test_a_query_is_answered_in_the_format_asked_for(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    sql = "SELECT tenant, value_ms FROM facts"
    assert ask(tmp_path, sql) == b"acme\t300000\n"
    assert json.loads(ask(tmp_path, sql, "JSONEachRow")) == {"tenant": "acme", "value_ms": 300_000}
    assert ask(tmp_path, sql + " FORMAT CSV") == b'"acme",300000\n'
    assert ask(tmp_path, "-- how many\n/* facts */ WITH 1 AS one SELECT one SETTINGS max_threads = 1") == b"1\n"


def test_without_the_token_nothing_is_answered(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    for headers in ({}, {TOKEN_HEADER: "guess"}, {TOKEN_HEADER: token(tmp_path)[:-1]}):
        status, text = post(endpoint.port, "/", b"SELECT 1", headers)
        assert status == 401
        assert TOKEN_HEADER in text
    assert post(endpoint.port, f"/?token={token(tmp_path)}", b"SELECT 1", {}) == (200, "1\n")


def test_only_the_owner_can_read_the_token(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / ENDPOINT_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO metric_facts (tenant) VALUES ('x')",
        "DROP TABLE metric_facts",
        "SYSTEM STOP MERGES",
        "SET readonly = 0",
        "SELECT 1 INTO OUTFILE 'x'",
        "WITH 1 AS x INSERT INTO metric_facts (tenant) SELECT 'x'",
        "EXPLAIN SELECT 1; DROP TABLE metric_facts",
    ],
)
def test_nothing_is_written(endpoint: SqlEndpoint, tmp_path: Path, database: EmbeddedDatabase, sql: str) -> None:
    with pytest.raises((AccessDenied, QueryFailed)):
        ask(tmp_path, sql)
    assert database.query("SELECT count() FROM metric_facts").rows == [(1,)]


@pytest.mark.parametrize(
    ("sql", "status", "says"),
    [
        ("SELECT * FROM nowhere", 404, "nowhere"),
        ("SELECT , FROM", 400, "Syntax error"),
        ("SELECT nothing FROM facts", 400, "nothing"),
        ("DROP TABLE facts", 403, "only SELECT"),
    ],
)
def test_errors_are_plain_text_with_a_fitting_status(
    endpoint: SqlEndpoint, tmp_path: Path, sql: str, status: int, says: str
) -> None:
    answered, text = post(endpoint.port, "/", sql.encode(), {TOKEN_HEADER: token(tmp_path)})
    assert answered == status
    assert says in text


def test_odd_requests_are_refused(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    headers = {TOKEN_HEADER: token(tmp_path)}
    assert post(endpoint.port, "/?format=CSV;DROP", b"SELECT 1", headers)[0] == 400
    assert post(endpoint.port, "/", b"\xff\xfe", headers)[0] == 400
    assert post(endpoint.port, "/", b"", {**headers, "Content-Length": str(1 << 30)})[0] == 400


def test_nobody_there_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(EndpointUnavailable, match="supportpulse up"):
        ask(tmp_path, "SELECT 1")


def test_a_stopped_endpoint_leaves_no_address(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    endpoint.stop()
    assert not (tmp_path / ENDPOINT_FILE).exists()
    with pytest.raises(EndpointUnavailable):
        ask(tmp_path, "SELECT 1")


def test_an_address_of_a_dead_process_is_noticed(endpoint: SqlEndpoint, tmp_path: Path) -> None:
    left_behind = (tmp_path / ENDPOINT_FILE).read_bytes()
    endpoint.stop()
    (tmp_path / ENDPOINT_FILE).write_bytes(left_behind)
    with pytest.raises(EndpointUnavailable, match="supportpulse up"):
        ask(tmp_path, "SELECT 1")
