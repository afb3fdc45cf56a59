"""The embedded engine for the sinks' tests: a path of its own for every test, closed behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from tests.sinks.samples import T0


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    """The embedded engine without a schema."""
    database = EmbeddedDatabase(tmp_path / "clickhouse")
    yield database
    database.close()


@pytest.fixture
def database(empty_database: EmbeddedDatabase) -> EmbeddedDatabase:
    """The embedded engine with this release's schema."""
    migrate(empty_database, now_ms=T0)
    return empty_database
