"""The law of the pipeline: what lands in ClickHouse is what a replay from scratch says, row for row."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from connectors.importing import import_files
from connectors.simulator.profiles import SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import documents, times
from schemas.records import InteractionEvent, MetricWindow
from schemas.times import EpochMs
from sinks.clickhouse.embedded import EmbeddedDatabase
from streams.sla import policy_file
from streams.windows.batch import same_figures, windows_at
from streams.windows.shape import PANE_MS
from supportpulse.up.live import simulator_policies
from tests.connectors.samples import EventList
from tests.datasets.queries import FILES
from tests.pipeline.conftest import MakePipeline
from tests.pipeline.harness import FIELDS, Pipeline, by_name, replay
from tests.streams.shared import SHARED, shared_file

_NOW_MS = times.parse("2026-06-10T12:00:00.000Z")
_HOUR_MS = 3_600_000
_LARGEST = "uci_incidents"


def check(pipeline: Pipeline, events: Sequence[InteractionEvent], as_of_ms: EpochMs) -> None:
    """Through the pipeline, and held to a replay: facts row for row, the distinct events, the windows."""
    until = pipeline.publish(events)
    pipeline.work(until, as_of_ms)
    pipeline.land()
    expected = by_name(replay(events, pipeline.book, as_of_ms))
    assert len(expected) > 0
    assert pipeline.landed_facts() == expected
    stored = pipeline.database.query("SELECT count() FROM interactions FINAL").columns[0][0]
    assert stored == len({(event.tenant, event.conversation_id, event.source, event.event_id) for event in events})


def shuffled_with_duplicates(events: Sequence[InteractionEvent], seed: int) -> list[InteractionEvent]:
    chance = random.Random(seed)
    found = [*events, *(event for event in events if chance.random() < 0.1)]
    chance.shuffle(found)
    return found


def test_simulated_traffic_in_the_order_of_its_arrival(make_pipeline: MakePipeline) -> None:
    simulation = Simulation(SimulationConfig(seed=11, conversations_per_day=600))
    events = [arrival.event for arrival in simulation.history(_NOW_MS - 48 * _HOUR_MS, _NOW_MS)]
    pipeline = make_pipeline(policy_file.load(simulator_policies()))
    check(pipeline, events, _NOW_MS)
    _check_windows(pipeline, events)


def test_the_worked_suite_in_any_order_and_real_data(make_pipeline: MakePipeline) -> None:
    """One run for all of them, since they share no tenant: the wander suite shuffled and doubled, and the data sets."""
    suite = shared_file("conformance/wander.events.jsonl")
    events = EventList(documents.parse_event(line) for line in suite.read_bytes().splitlines())
    pipeline = make_pipeline(policy_file.load(suite.with_name("policies.yaml")))
    for format_name, file in FILES.items():
        if format_name != _LARGEST or _meets_the_largest(pipeline):
            import_files([SHARED / "datasets" / file], format_name, events)
    as_of_ms = times.parse("2026-06-01T00:00:00.000Z")
    check(pipeline, shuffled_with_duplicates(events, seed=5), as_of_ms)
    _check_published_facts(pipeline, suite.with_name("wander.facts.jsonl"))


def _meets_the_largest(pipeline: Pipeline) -> bool:
    """Each broker and each ClickHouse once: four times 130,000 events would say nothing more."""
    return (pipeline.broker.name == "tansu") == isinstance(pipeline.database, EmbeddedDatabase)


def _check_published_facts(pipeline: Pipeline, path: Path) -> None:
    landed = {key: dict(zip(FIELDS, row, strict=True)) for key, row in pipeline.landed_facts().items()}
    for line in path.read_text(encoding="utf-8").splitlines():
        published = json.loads(line)
        found = landed[published["tenant"], published["fact_id"]]
        for field, value in published.items():
            ours = found[field]
            is_instant = field in ("started_at", "ended_at", "deadline") and ours is not None
            assert (times.render(ours) if is_instant else ours) == value, (published["fact_id"], field)


def _check_windows(pipeline: Pipeline, events: Sequence[InteractionEvent]) -> None:
    history = replay(events, pipeline.book, _NOW_MS)
    now_ms = -(-_NOW_MS // PANE_MS) * PANE_MS
    expected = {_name(window): window for window in windows_at(history, now_ms)}
    landed = {_name(window): window for window in pipeline.landed_windows() if window.count}
    assert expected.keys() == landed.keys()
    assert len(expected) > 500
    for name, window in expected.items():
        assert same_figures(landed[name], window), name


def _name(window: MetricWindow) -> tuple[str, str, str, str, int]:
    return (window.tenant, window.metric, window.dimension, window.dimension_value, window.window_seconds)
