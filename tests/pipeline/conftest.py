"""A pipeline on every broker and into every ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from schemas.topics import Topics
from sinks.clickhouse.database import Database
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.sla.policies import PolicyBook
from tests.pipeline.harness import Pipeline, Unique
from tests.pipeline.legacy import LegacyServer
from tests.servers.clickhouse import ClickHouseServer
from tests.servers.plugin import Broker

MakePipeline = Callable[[PolicyBook], Pipeline]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    opened = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(opened, now_ms=0)
    yield opened
    opened.close()


@pytest.fixture
def server(clickhouse_server: ClickHouseServer, unique: Unique) -> Iterator[LegacyServer]:
    opened = LegacyServer(urlunsplit(urlsplit(clickhouse_server.url)._replace(path=f"/{unique('pipeline')}")))
    yield opened
    opened.close()


@pytest.fixture(params=[pytest.param("embedded"), pytest.param("server", marks=pytest.mark.server)])
def database(request: pytest.FixtureRequest) -> Database:
    """Every ClickHouse the pipeline promises to run with."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def make_pipeline(broker: Broker, database: Database, tmp_path: Path, unique: Unique) -> MakePipeline:
    def make(book: PolicyBook) -> Pipeline:
        pipeline = Pipeline(broker, Topics(prefix=f"{unique('p')}."), database, book, tmp_path)
        pipeline.make_topics()
        return pipeline

    return make
