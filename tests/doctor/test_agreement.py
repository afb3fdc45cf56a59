"""What a sink has committed and ClickHouse does not have is found; what it has not committed yet is no fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import wire
from schemas.topics import Topics
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from supportpulse.doctor import agreement, clickhouse
from supportpulse.topic_reading import Lying
from tests.sinks.samples import T0, event, fact

TOPICS = Topics()
EVENTS = [event(f"it's {n}\\") for n in range(900)]
FACTS = [fact(f"c{n}/1/1/first_response", revision=2) for n in range(900)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    opened = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(opened, now_ms=T0)
    yield opened
    opened.close()


def examined(database: EmbeddedDatabase, committed: int = 10_000) -> dict[str, tuple[str, str]]:
    samples = {
        TOPICS.interactions: [Lying(0, n, T0, b"", wire.encode_event(each), ()) for n, each in enumerate(EVENTS)],
        TOPICS.facts: [Lying(0, n, T0, b"", wire.encode_fact(each), ()) for n, each in enumerate(FACTS)],
    }
    samples[TOPICS.interactions].append(Lying(0, 900, T0, b"", b"for the dead letters", ()))
    ends = {(topic, 0): committed for topic in samples}
    found = agreement.examine(samples, ends, asking(database), TOPICS)
    return {each.check: (each.level, each.says) for each in found}


def asking(database: EmbeddedDatabase) -> clickhouse.Ask:
    def ask(statement: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in database.raw(statement, "JSONEachRow").splitlines()]

    return ask


def land(database: EmbeddedDatabase, events: int, facts: int, revision: int = 2) -> None:
    database.insert("interactions", rows.interaction_columns(EVENTS[:events], [*range(events)]))
    landed = [msgspec.structs.replace(each, revision=revision) for each in FACTS[:facts]]
    database.insert("metric_facts", rows.fact_columns(landed))


def test_all_that_was_committed_is_there(database: EmbeddedDatabase) -> None:
    land(database, 900, 900)
    land(database, 300, 300, revision=1)
    found = examined(database)
    assert {check: level for check, (level, _) in found.items()} == {"counts: events": "ok", "counts: facts": "ok"}
    assert all("900" in says for _, says in found.values())


def test_what_is_missing_or_old_is_an_error_unless_it_is_lag(database: EmbeddedDatabase) -> None:
    land(database, 890, 880)
    land(database, 890, 0)
    found = examined(database)
    assert found["counts: events"] == ("error", "10 of the newest 900 of interactions are missing")
    assert found["counts: facts"][0] == "error"
    assert "20 are missing, 0 are older" in found["counts: facts"][1]
    assert {level for level, _ in examined(database, committed=880).values()} == {"ok"}


def test_an_older_version_is_an_error(database: EmbeddedDatabase) -> None:
    land(database, 900, 900, revision=1)
    assert "0 are missing, 900 are older" in examined(database)["counts: facts"][1]


def test_a_schema_that_is_not_that_of_this_release(database: EmbeddedDatabase) -> None:
    def levels() -> dict[str, str]:
        return {each.check: each.level for each in clickhouse.examine(asking(database), lambda: T0)}

    assert levels() | {"clocks: clickhouse": "", "disk": ""} == dict.fromkeys(levels(), "ok") | {
        "clocks: clickhouse": "",
        "disk": "",
    }
    database.execute("DROP TABLE dead_letters")
    assert levels()["tables"] == "error"
    database.execute("TRUNCATE TABLE schema_migrations")
    assert levels()["migrations"] == "error"
