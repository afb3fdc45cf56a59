"""A data directory of an earlier release: its facts are brought to what today's says, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import times
from schemas.records import InteractionEvent, MetricFact
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import load_migrations, migrate
from streams.replay import Replay
from streams.sla import policy_file
from supportpulse.data_dir import DataDir
from tests.up.runs import Deployment, traffic, write_events

_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_FIRST_MS = _BEGIN_MS + 30 * 3_600_000
_SECOND_MS = _FIRST_MS + 3_600_000
#: What that release had: facts did not name the version of the policies that judged them.
_MIGRATIONS = 2


def _events(to_ms: int) -> list[InteractionEvent]:
    return [event for event in traffic(_BEGIN_MS, _SECOND_MS, per_day=60) if event.occurred_at < to_ms]


def _replayed(deployment: Deployment, events: list[InteractionEvent], as_of_ms: int) -> list[MetricFact]:
    history = Replay()
    for event in events:
        history.add(event)
    return history.facts(policy_file.load(deployment.policies), as_of_ms)


@pytest.fixture
def earlier(tmp_path: Path) -> Deployment:
    """What that release left behind."""
    deployment = Deployment(tmp_path)
    directory = DataDir(deployment.data_dir).clickhouse
    directory.mkdir(parents=True)
    database = EmbeddedDatabase(directory)
    migrate(database, now_ms=0, migrations=load_migrations()[:_MIGRATIONS])
    events = _events(_FIRST_MS)
    facts = rows.fact_columns(_replayed(deployment, events, _FIRST_MS))
    del facts["policy_version"]
    database.insert("interactions", rows.interaction_columns(events, range(len(events))))
    database.insert("metric_facts", facts)
    database.close()
    return deployment


def test_facts_of_an_earlier_release_get_the_name_of_their_version_once(earlier: Deployment) -> None:
    before, after = _events(_FIRST_MS), _events(_SECOND_MS)
    known = {fact.fact_id for fact in _replayed(earlier, before, _FIRST_MS) if fact.policy_version is not None}
    assert known
    fresh = write_events(earlier.home / "fresh.jsonl", [event for event in after if event.occurred_at >= _FIRST_MS])

    earlier.once([fresh], _SECOND_MS)
    earlier.check(after, _SECOND_MS)
    landed = earlier.number("SELECT sum(revision) FROM metric_facts FINAL")
    # `facts` is asked for the column too, and so it has it.
    named = {row["fact_id"] for row in earlier.ask("SELECT fact_id FROM facts WHERE policy_version IS NOT NULL")}
    assert known <= named
    assert earlier.number("SELECT count() FROM facts WHERE policy IS NOT NULL AND policy_version IS NULL") == 0

    earlier.once([fresh], _SECOND_MS)
    earlier.check(after, _SECOND_MS)
    assert earlier.number("SELECT sum(revision) FROM metric_facts FINAL") == landed
