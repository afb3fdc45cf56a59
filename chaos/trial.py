"""One trial: start, traffic, faults, settle, verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import faults
from chaos.schedule import Pace, plan
from chaos.stage import POLICIES, TOPICS, Stage
from chaos.traffic import Traffic
from chaos.verdict import FIELDS, Landed, Verdict, judge
from schemas import times
from schemas.records import MetricWindow
from schemas.times import EpochMs
from sinks.clickhouse.database import Database
from streams.sla import policy_file
from streams.windows.shape import PANE_MS
from tests.pipeline.legacy import LegacyServer

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrialConfig:
    """How much of what."""

    faults: int
    seed: int
    #: Events a second.
    rate: float = 60.0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial has shown."""

    verdict: Verdict
    by_kind: dict[str, int]
    #: about the run itself
    notes: dict[str, Any]


def run(config: TrialConfig, scratch: Path, say: Say) -> Result:
    """Run a trial in `scratch`. Raises `SupportpulseError` if the stage cannot be set, or does not settle."""
    began = time.monotonic()
    stage = Stage(scratch)
    traffic: Traffic | None = None
    try:
        stage.start()
        say(f"started: Kafka {stage.kafka.address}, gateway on {stage.gateway_port}; logs in {scratch}")
        traffic = Traffic(stage.gateway_port, stage.kafka.address, config.seed, times.now_ms(), config.rate)
        traffic.start()
        by_kind = _faults(config, stage, traffic, say)
        _calm(stage, traffic)
        say(f"accepted {len(traffic.accepted):,} events; settling")
        # A pane's end: the windows of the last refresh are those of this instant.
        as_of_ms = times.now_ms() // PANE_MS * PANE_MS
        stage.settle(as_of_ms)
        verdict = _verdict(stage, traffic, as_of_ms)
        notes = {
            "seed": config.seed,
            "seconds": round(time.monotonic() - began),
            "events_per_second": config.rate,
            "requests": traffic.requests,
            "requests_retried": traffic.retries,
            "requests_repeated": traffic.repeats,
            "poison": traffic.poison,
            "cut_inside": {"clickhouse": stage.to_clickhouse.cuts, "kafka": stage.to_kafka.cuts},
            "starts": {actor.name: actor.starts for actor in stage.actors},
            "ended_by_themselves": {actor.name: actor.falls for actor in stage.actors},
        }
        return Result(verdict, by_kind, notes)
    finally:
        if traffic is not None:
            traffic.abandon()
        stage.stop()


def _faults(config: TrialConfig, stage: Stage, traffic: Traffic, say: Say) -> dict[str, int]:
    def wait(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            stage.supervise()
            time.sleep(0.1)

    by_kind: Counter[str] = Counter()
    # Everybody is at work before the first one.
    stage.wait("the first results", lambda: stage.committed("supportpulse-sink", TOPICS.facts) > 0)
    for number, fault in enumerate(plan(config.faults, config.seed, config.pace), start=1):
        wait(fault.pause_seconds)
        if traffic.failure is not None:
            raise traffic.failure
        lasting = f" for {fault.seconds:.1f} s" if fault.seconds else ""
        say(f"{number}/{config.faults} {fault.kind} {fault.victim}{lasting}; {len(traffic.accepted):,} accepted")
        faults.apply(fault, stage, wait)
        by_kind[fault.kind] += 1
    return dict(by_kind)


def _calm(stage: Stage, traffic: Traffic) -> None:
    """What was begun is accepted, by a gateway that stays."""
    stage.supervise()
    traffic.finish_soon()
    stage.wait("the last events", lambda: not traffic.running, seconds=180)
    traffic.finish(timeout_seconds=1)


def _verdict(stage: Stage, traffic: Traffic, as_of_ms: EpochMs) -> Verdict:
    database = LegacyServer(stage.clickhouse.url)
    try:
        landed = landed_in(database)
    finally:
        database.close()
    return judge(
        traffic.accepted,
        stage.records(TOPICS.interactions),
        stage.records(TOPICS.facts),
        landed,
        policy_file.load(POLICIES),
        as_of_ms,
        TOPICS.interactions,
        stage.records(TOPICS.alerts),
    )


def landed_in(database: Database) -> Landed:
    """What the tables have."""
    windows = MetricWindow.__struct_fields__
    return Landed(
        events=database.query("SELECT tenant, conversation_id, source, event_id FROM interactions FINAL").rows,
        facts=database.query(f"SELECT {', '.join(FIELDS)} FROM metric_facts FINAL WHERE NOT retracted").rows,
        dead_letters=[origin for (origin,) in database.query("SELECT origin FROM dead_letters FINAL").rows],
        alerts=database.query("SELECT tenant, fact_id, level, share, deadline FROM sla_alerts FINAL").rows,
        windows=[
            MetricWindow(**dict(zip(windows, row, strict=True)))
            for row in database.query(
                f"SELECT {', '.join(windows)} FROM metric_windows FINAL "
                "WHERE window_end = (SELECT max(window_end) FROM metric_windows)"
            ).rows
        ],
    )
