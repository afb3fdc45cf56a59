"""The server over its native protocol: what the embedded engine answers, and what it does when the connection breaks.

The server of the tests may be one of 2018. The tables here have the types it knows: instants are Int64 milliseconds,
Bool is UInt8, and there are no maps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from schemas import wire
from sinks.clickhouse import blocks, rows
from sinks.clickhouse.database import Database
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.server import Patience, ServerDatabase, without_password
from sinks.errors import AccessDenied, ConnectionLost, DatabaseError, MissingTable, QueryFailed
from tests.pipeline.legacy import FACTS
from tests.servers.clickhouse import ClickHouseServer
from tests.sinks import samples

pytestmark = pytest.mark.server

_IMPATIENT = Patience(attempts=2, first_wait_seconds=0.05, longest_wait_seconds=0.1)

FIGURES = """
SELECT tenant, channel, count() AS facts, sum(value_ms) AS total_ms, quantileExact(0.9)(value_ms) AS p90_ms,
    max(revision) AS revision, countIf(team IS NULL) AS teamless
FROM metric_facts FINAL WHERE NOT retracted GROUP BY tenant, channel ORDER BY tenant, channel
"""


def url(server: ClickHouseServer, database: str) -> str:
    return urlunsplit(urlsplit(server.url)._replace(path=f"/{database}"))


@pytest.fixture
def served(clickhouse_server: ClickHouseServer, unique: Callable[[str], str]) -> Iterator[ServerDatabase]:
    database = ServerDatabase(url(clickhouse_server, unique("sink")), create=True, patience=_IMPATIENT)
    yield database
    database.close()


@pytest.fixture(params=["served", "empty_database"], ids=["server", "embedded"])
def either(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


def columns(count: int = 500, versions: int = 3) -> dict[str, list[Any]]:
    facts = [
        samples.fact(
            f"c{i}/1/1/first_response",
            tenant=f"tenant {i % 3}",
            channel=["email", "sms"][i % 2],
            value_ms=None if i % 11 == 0 else i * 7,
            team=None if i % 5 else "Ünïcode 'quoted'\\",
            revision=revision,
            retracted=i % 13 == 0,
        )
        for i in range(count)
        for revision in range(1, 2 + i % versions)
    ]
    return rows.fact_columns(facts)


def test_both_ways_in_give_the_same_figures(served: ServerDatabase, empty_database: EmbeddedDatabase) -> None:
    answers = []
    for database in (served, empty_database):
        database.execute(FACTS)
        for _delivery in range(2):
            database.insert("metric_facts", columns())
        answers.append(database.query(FIGURES))
    assert answers[0].rows == answers[1].rows
    assert answers[0].names == answers[1].names
    assert len(answers[0]) == 6


def test_every_value_comes_back_as_it_went_in(either: Database) -> None:
    either.execute(FACTS)
    given = columns(40, versions=1)
    assert either.insert("metric_facts", given) == len(given["tenant"])
    names = list(given)
    stored = either.query(f"SELECT {', '.join(names)} FROM metric_facts").rows
    assert sorted(stored, key=repr) == sorted(zip(*given.values(), strict=True), key=repr)


def test_columns_read_at_once_land_as_lists_do(either: Database) -> None:
    facts = [
        samples.fact(f"c{i}/1/1/csat", score=i / 4, value_ms=None, team=None if i % 3 else "Ünïcode", agent_id="a" * i)
        for i in range(200)
    ]
    block = blocks.fact_block([wire.encode_fact(fact) for fact in facts], range(len(facts)))
    assert block.odd == []
    found = []
    for given in (block.columns, rows.fact_columns(facts)):
        either.execute("DROP TABLE IF EXISTS metric_facts")
        either.execute(FACTS)
        assert either.insert("metric_facts", given) == len(facts)
        found.append(either.query("SELECT * FROM metric_facts ORDER BY fact_id").rows)
    assert len(found[0]) == len(facts)
    assert found[0] == found[1]


def test_an_empty_answer_is_empty(either: Database) -> None:
    either.execute(FACTS)
    answer = either.query("SELECT tenant FROM metric_facts")
    assert (len(answer), answer.rows, list(answer.column("tenant"))) == (0, [], [])
    assert either.insert("metric_facts", {"tenant": []}) == 0


def test_errors_are_the_same_on_both(either: Database) -> None:
    with pytest.raises(QueryFailed, match="nowhere"):
        either.query("SELECT * FROM nowhere")
    with pytest.raises(MissingTable, match="supportpulse migrate"):
        either.query("SELECT * FROM metric_windows")
    with pytest.raises(MissingTable, match="supportpulse migrate"):
        either.insert("metric_windows", {"a": [1]})
    with pytest.raises(QueryFailed) as failed:
        either.query("SELECT FROM WHERE")
    assert failed.value.code == 62
    assert "Stack trace" not in str(failed.value)
    with pytest.raises(QueryFailed, match="no name of a table"):
        either.insert("metric_facts; DROP TABLE metric_facts", {"a": [1]})
    with pytest.raises(QueryFailed, match="different lengths"):
        either.insert("metric_facts", {"a": [1], "b": []})


def test_a_failed_statement_leaves_the_connection_usable(either: Database) -> None:
    with pytest.raises(DatabaseError):
        either.query("SELECT * FROM nowhere")
    assert either.query("SELECT 1 AS one").rows == [(1,)]


def test_threads_take_turns(either: Database) -> None:
    either.execute(FACTS)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                either.insert("metric_facts", rows.fact_columns([samples.fact(f"c{number}-{i}/1/1/first_response")]))
                either.query("SELECT count() FROM metric_facts")
        except BaseException as exc:  # noqa: BLE001 - carried over to the test's thread
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert either.query("SELECT count() FROM metric_facts").rows == [(40,)]


def test_nothing_listening_is_a_lost_connection_that_says_where() -> None:
    database = ServerDatabase("clickhouse://reader:secret@127.0.0.1:1/default", patience=_IMPATIENT)
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1/default") as lost:
        database.query("SELECT 1")
    assert "secret" not in str(lost.value)
    assert lost.value.retryable


def test_an_unknown_user_is_told_so(clickhouse_server: ClickHouseServer) -> None:
    parts = urlsplit(clickhouse_server.url)
    database = ServerDatabase(f"clickhouse://nobody:secret@127.0.0.1:{parts.port}/default", patience=_IMPATIENT)
    with pytest.raises(AccessDenied) as denied:
        database.query("SELECT 1")
    assert str(denied.value).startswith(f"clickhouse://127.0.0.1:{parts.port}/default: ")
    assert ".." not in str(denied.value)
    assert "secret" not in str(denied.value)
    assert not denied.value.retryable


def test_a_server_that_dies_and_comes_back_is_met_again(own_clickhouse_server: ClickHouseServer) -> None:
    database = ServerDatabase(own_clickhouse_server.url, patience=Patience(attempts=30, longest_wait_seconds=0.5))
    database.execute(FACTS)
    given = columns(100)
    before = {name: list(values) for name, values in given.items()}
    database.insert("metric_facts", given)
    own_clickhouse_server.kill()

    def revive() -> None:
        time.sleep(0.7)
        own_clickhouse_server.start()

    reviver = threading.Thread(target=revive)
    reviver.start()
    try:
        database.insert("metric_facts", given)
    finally:
        reviver.join()
    assert given == before
    assert database.query("SELECT count() FROM metric_facts FINAL").rows == [(100,)]
    database.close()


def test_an_address_is_printed_without_its_password() -> None:
    assert without_password("clickhouse://me:secret@db:9000/x?secure=1") == "clickhouse://db:9000/x"


@pytest.mark.parametrize(
    "url",
    [
        "http://me:sekret@db:8123/",
        "me:sekret@db:9000/x",
        "clickhouse://me:se/kret@db:9000/x",
        "clickhouse://me:9/kret@db:9000/x",
        "clickhouse://me:se#kret@db:9000/x",
        "clickhouse://me:9#kret@db:9000/x",
        "clickhouse://me:se?kret@db:9000/x",
        "clickhouse://me:9?kret@db:9000/x",
        "clickhouse://me:se[kret@db:9000/x",
        "clickhouse://me:se@kr/et@db:9000/x",
        "clickhouse://me:sekret@db:abc/x",
        "clickhouse://me:sekret@db:99999/x",
        "clickhouse://me:sekret@db/x?connect_timeout=sekret",
        "clickhouse://me:sekret@/x",
    ],
)
def test_an_address_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(DatabaseError) as wrong:
        ServerDatabase(url, patience=_IMPATIENT)
    assert str(wrong.value) == (
        "--clickhouse cannot be used: write clickhouse://USER:PASSWORD@HOST:9000/DATABASE, and percent-encode "
        "/ # ? @ [ in a password"
    )


def test_a_password_is_percent_encoded() -> None:
    database = ServerDatabase("clickhouse://me:a%2Fb%23c%3Fd%40e%5Bf@db:9000/x", patience=_IMPATIENT)
    assert database.address == "clickhouse://db:9000/x"
    assert database._client.connection.password == "a/b#c?d@e[f"
