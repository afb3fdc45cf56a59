"""What the runbooks ask ClickHouse can be asked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from tests.deploy.files import ROOT

PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
QUESTIONS = [
    (path.stem, shlex.split(line)[2])
    for path in PAGES
    for line in re.findall(r"^ {4}(supportpulse sql .+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    database = EmbeddedDatabase(Path(tmp_path_factory.mktemp("runbooks")) / "clickhouse")
    migrate(database, now_ms=0)
    yield database
    database.close()


@pytest.mark.parametrize(("page", "statement"), QUESTIONS, ids=[page for page, _ in QUESTIONS])
def test_questions_can_be_asked(page: str, statement: str, database: EmbeddedDatabase) -> None:
    assert list(database.query(statement).rows) == []


def test_there_are_questions() -> None:
    assert len(QUESTIONS) > 4
