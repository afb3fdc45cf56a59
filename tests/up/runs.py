"""A data directory, runs of `up --once` into it, and what it must hold afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.simulator.profiles import SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import documents, times
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.replay import Replay
from streams.sla import policy_file
from streams.windows.batch import QUANTILE_TOLERANCE, windows_at
from streams.windows.shape import PANE_MS
from supportpulse.up.live import simulator_policies
from tests.cli.command import Done, ask, run

#: What decides a fact. `revision` depends on the order of arrival.
FACT = "tenant, fact_id, metric, conversation_id, episode, value_ms, score, score_min, score_max, outcome"
FACT += ", started_at, ended_at, channel, team, priority, agent_id, business_ms, deadline, policy, policy_version"
_PLAIN = {"output_format_json_quote_64bit_integers": 0, "date_time_output_format": "'iso'"}
SETTINGS = ", ".join(f"{name} = {value}" for name, value in _PLAIN.items())

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A data directory with policies."""

    home: Path

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    @property
    def policies(self) -> Path:
        return simulator_policies()

    def arguments(self, files: Iterable[Path], as_of_ms: EpochMs) -> list[object]:
        """Of `up --once`."""
        events = [part for file in files for part in ("--events", file)]
        judged = ("--as-of", times.render(as_of_ms))
        return ["up", "--once", *events, "--policies", self.policies, *judged, "--data-dir", self.data_dir]

    def once(self, files: Iterable[Path], as_of_ms: EpochMs) -> Done:
        """`up --once` over the files; it must end well."""
        done = run(self.home, *self.arguments(files, as_of_ms))
        assert done.status == 0, done.err
        assert "Traceback" not in done.err
        return done

    def ask(self, statement: str) -> list[dict[str, Any]]:
        """A question, its instants in RFC 3339."""
        return ask(self.home, f"{statement} SETTINGS {SETTINGS}", self.data_dir)

    def number(self, statement: str) -> int:
        """A question with one answer."""
        [row] = self.ask(statement)
        [value] = row.values()
        return int(value)

    def facts(self) -> dict[Key, dict[str, Any]]:
        """Final versions, without what is null."""
        rows = self.ask(f"SELECT {FACT} FROM metric_facts FINAL WHERE NOT retracted")
        return {(row["tenant"], row["fact_id"]): {name: v for name, v in row.items() if v is not None} for row in rows}

    def check(self, events: Sequence[InteractionEvent], as_of_ms: EpochMs) -> None:
        """Events and facts are those of a replay of `events`; nothing lies there twice."""
        identities = {(event.tenant, event.conversation_id, event.source, event.event_id) for event in events}
        assert self.number("SELECT count() FROM interactions FINAL") == len(identities)
        expected = replayed(events, as_of_ms, self.policies)
        found = self.facts()
        assert len(expected) > 0
        missing = {key: expected[key] for key in expected.keys() - found.keys()}
        extra = {key: found[key] for key in found.keys() - expected.keys()}
        assert (missing, extra) == ({}, {})
        assert {key: (found[key], fact) for key, fact in expected.items() if found[key] != fact} == {}

    def check_windows(self, events: Sequence[InteractionEvent], as_of_ms: EpochMs) -> None:
        """Rolling windows at `as_of_ms` are those of a batch computation over a replay's facts."""
        end_ms = -(-as_of_ms // PANE_MS) * PANE_MS
        history = Replay()
        for event in events:
            history.add(event)
        expected = {
            (w.tenant, w.metric, w.dimension, w.dimension_value, w.window_seconds): w
            for w in windows_at(history.facts(policy_file.load(self.policies), as_of_ms), end_ms)
        }
        rows = self.ask(
            "SELECT * EXCEPT (window_start, window_end, log_position) FROM metric_windows FINAL "
            f"WHERE count > 0 AND window_end = fromUnixTimestamp64Milli({end_ms})"
        )
        names = ("tenant", "metric", "dimension", "dimension_value", "window_seconds")
        found = {tuple(row[name] for name in names): row for row in rows}
        assert found.keys() == expected.keys()
        for name, window in expected.items():
            assert [_differs(field, found[name][field], getattr(window, field)) for field in _FIGURES] == [
                None for _ in _FIGURES
            ], name


_FIGURES = ("count", "mean_ms", "min_ms", "max_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "met", "breached")


def _differs(field: str, ours: float | None, theirs: float | None) -> str | None:
    if ours is None or theirs is None:
        return None if ours == theirs else f"{field}: {ours} for {theirs}"
    tolerance = QUANTILE_TOLERANCE if field.startswith("p") else 1e-9
    return None if abs(ours - theirs) <= tolerance * abs(theirs) else f"{field}: {ours} for {theirs}"


def replayed(events: Iterable[InteractionEvent], as_of_ms: EpochMs, policies: Path) -> dict[Key, dict[str, Any]]:
    """The facts of a replay, in the form of `Deployment.facts`."""
    history = Replay()
    for event in events:
        history.add(event)
    return {
        (fact.tenant, fact.fact_id): _document(fact) for fact in history.facts(policy_file.load(policies), as_of_ms)
    }


def _document(fact: Any) -> dict[str, Any]:
    document = msgspec.to_builtins(documents.fact_document(fact))
    return {name: value for name, value in document.items() if value is not None and name not in _VERSION}


_VERSION = ("revision", "retracted")


def traffic(from_ms: EpochMs, to_ms: EpochMs, per_day: float, seed: int = 3) -> Iterator[InteractionEvent]:
    """Simulated events in the order of their arrival, duplicates and late ones included."""
    simulation = Simulation(SimulationConfig(seed=seed, conversations_per_day=per_day))
    return (arrival.event for arrival in simulation.history(from_ms, to_ms))


def write_events(path: Path, events: Iterable[InteractionEvent]) -> Path:
    """A file of events."""
    path.write_bytes(b"".join(documents.render_event(event) + b"\n" for event in events))
    return path
