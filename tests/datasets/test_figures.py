"""Real data sets through importer, fold and ClickHouse: every row accounted for, every figure to the digit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.importing import import_files
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rows import fact_columns, interaction_columns
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.samples import EventList
from tests.datasets.queries import ACCOUNTS, FIGURES, FILES, QUERIES

DATASETS = Path(__file__).parents[3] / "shared" / "datasets"

pytestmark = pytest.mark.skipif(not DATASETS.is_dir(), reason=f"the real data sets are not in {DATASETS}")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    opened = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(opened, now_ms=0)
    yield opened
    opened.close()


@pytest.mark.parametrize("format_name", QUERIES)
def test_the_published_figures_come_out_of_clickhouse(format_name: str, database: EmbeddedDatabase) -> None:
    events = EventList()
    report = import_files([DATASETS / FILES[format_name]], format_name, events)
    assert (report.rows, report.imported, report.refused_count) == ACCOUNTS[format_name]
    assert report.events == len(events)

    replay = Replay()
    for event in events:
        replay.add(event)
    assert replay.duplicates == 0
    database.insert("interactions", interaction_columns(events, range(len(events))))
    database.insert("metric_facts", fact_columns(replay.facts(PolicyBook(()))))

    answer = database.query(QUERIES[format_name], {"tenant": format_name})
    assert dict(zip(answer.names, answer.rows[0], strict=True)) == FIGURES[format_name]


def test_a_refused_row_is_named_by_file_and_line() -> None:
    path = DATASETS / FILES["twitter_threads"]
    report = import_files([path], "twitter_threads", EventList())
    assert [(refusal.file, refusal.line) for refusal in report.refused] == [(str(path), 2487)]


def test_importing_twice_gives_the_same_events() -> None:
    once, again = EventList(), EventList()
    import_files([DATASETS / FILES["twitter_threads"]], "twitter_threads", once)
    import_files([DATASETS / FILES["twitter_threads"]], "twitter_threads", again)
    assert once == again
