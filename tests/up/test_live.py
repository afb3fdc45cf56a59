"""`supportpulse up` without files: one pass where nobody watches, a live table in a terminal, and on after a stop."""

from __future__ import annotations

import re
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from connectors.simulator.profiles import TENANTS, SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import times
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from sinks.prometheus import catalogue
from supportpulse.up.feed import SimulationMemo
from tests.cli.command import ask, children_of, command, environment, run
from tests.up.runs import FACT, SETTINGS, replayed
from tests.up.runs import Deployment as Directory
from tests.up.terminal import Terminal

_NAMES = [tenant.name for tenant in TENANTS]


def test_without_a_terminal_it_ends_by_itself_with_numbers_that_sql_confirms(tmp_path: Path) -> None:
    done = run(tmp_path, "up", "--data-dir", "d", "--conversations", "800")
    assert done.status == 0, done.err
    rows = dict(re.findall(r"^│ (\S+) +│(.*)│$", done.out, re.MULTILINE))
    assert sorted(rows) == sorted(_NAMES)
    answers = ask(
        tmp_path,
        "SELECT tenant, countIf(metric = 'first_response') AS responses, "
        "countIf(metric = 'resolution') AS resolutions, "
        "countIf(startsWith(metric, 'sla_') AND outcome = 'met') AS met, "
        "countIf(startsWith(metric, 'sla_') AND outcome = 'breached') AS breached "
        "FROM facts GROUP BY tenant SETTINGS output_format_json_quote_64bit_integers = 0",
        tmp_path / "d",
    )
    waiting = ask(
        tmp_path,
        "SELECT tenant, count() AS open FROM open_conversations GROUP BY tenant "
        "SETTINGS output_format_json_quote_64bit_integers = 0",
        tmp_path / "d",
    )
    opened = {row["tenant"]: row["open"] for row in waiting}
    for answer in answers:
        cells = [cell.strip() for cell in rows[answer["tenant"]].split("│")]
        assert cells[0] == f"{opened[answer['tenant']]:,}"
        assert cells[3] == f"{answer['responses']:,}"
        assert cells[6] == f"{answer['resolutions']:,}"
        assert cells[8] == f"{answer['met'] / (answer['met'] + answer['breached']):.1%}"
    assert sum(answer["responses"] for answer in answers) > 100
    assert "Traceback" not in done.err


@dataclass(slots=True)
class Watched:
    """What was seen during two runs in a terminal on one directory."""

    directory: Path
    asked: int = 0
    metrics: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    memos: list[SimulationMemo] = field(default_factory=list)


_ARGUMENTS = ("up", "--data-dir", "d", "--days", "0.1", "--conversations", "15000")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    home = tmp_path_factory.mktemp("live")
    found = Watched(home / "d")
    for _ in range(2):
        env = environment()
        with Terminal(command(*_ARGUMENTS), home, env) as terminal:
            terminal.wait_for(r"acme-retail +│ +[1-9]", seconds=180)
            [row] = ask(home, "SELECT count() AS events FROM interactions", home / "d")
            found.asked = int(row["events"])
            for who, counted in _COUNTED.items():
                found.metrics[who] = _scrape(env[f"SUPPORTPULSE_{who}_METRICS_PORT"], counted)
            children = children_of(terminal.process.pid)
            assert len(children) >= 2
            found.statuses.append(terminal.interrupt(within_seconds=60))
            found.orphans += [pid for pid in children if Path(f"/proc/{pid}").exists()]
            assert "Traceback" not in terminal.text
        found.memos.append(msgspec.json.decode((home / "d" / "simulation.json").read_bytes(), type=SimulationMemo))
    return found


#: What each of them must have counted soon after the table has shown numbers.
_COUNTED = {
    "WORKER": r'^supportpulse_events_total\{result="(accepted|duplicate)"\} [1-9]',
    "SINK": r'^supportpulse_sink_rows_total\{table="interactions"\} [1-9]',
}


def _scrape(port: str, counted: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            page = str(answer.read().decode())
        if re.search(counted, page, re.MULTILINE):
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.2)


def test_sql_answers_while_it_runs(watched: Watched) -> None:
    assert watched.asked > 100


def test_worker_and_sink_serve_what_the_catalogue_says(watched: Watched) -> None:
    for who, metrics in (("WORKER", catalogue.WORKER), ("SINK", (*catalogue.SINK, *catalogue.WINDOWS))):
        declared = set(re.findall(r"^# TYPE (\S+)", watched.metrics[who], re.MULTILINE))
        assert {metric.name for metric in metrics} <= declared


def test_ctrl_c_ends_it_well_and_leaves_no_process(watched: Watched) -> None:
    assert watched.statuses == [0, 0]
    assert watched.orphans == []


def test_started_again_it_goes_on_without_a_gap_or_a_repeat(watched: Watched) -> None:
    first, second = watched.memos
    assert (second.seed, second.since_ms) == (first.seed, first.since_ms)
    assert second.reached_ms > first.reached_ms
    stored = _stored(watched.directory)
    assert len(stored) == len(set(stored))
    assert _identities(_simulated(second, second.reached_ms - 5_000)) <= set(stored)
    assert set(stored) <= _identities(_simulated(second, second.reached_ms + 5_000))


def test_everything_that_was_accepted_has_landed_with_its_facts(watched: Watched) -> None:
    stored = set(_stored(watched.directory))
    memo = watched.memos[-1]
    events = [event for event in _simulated(memo, memo.reached_ms + 5_000) if _identity(event) in stored]
    policies = Directory(watched.directory.parent).policies
    # Whether a clock that is still open has been judged hangs on how long it ran.
    least, most = replayed(events, 0, policies), replayed(events, times.now_ms(), policies)
    rows = ask(watched.directory.parent, f"SELECT {FACT} FROM facts SETTINGS {SETTINGS}", watched.directory)
    found = {(r["tenant"], r["fact_id"]): {name: v for name, v in r.items() if v is not None} for r in rows}
    # A few of each: to print the difference of thousands takes minutes.
    assert sorted(least.keys() - found.keys())[:5] == []
    assert sorted(found.keys() - most.keys())[:5] == []
    assert [key for key in found if found[key] != most[key]][:5] == []


Identity = tuple[str, str, str, str]


def _identity(event: InteractionEvent) -> Identity:
    return event.tenant, event.conversation_id, event.source, event.event_id


def _identities(events: list[InteractionEvent]) -> set[Identity]:
    return {_identity(event) for event in events}


def _simulated(memo: SimulationMemo, until_ms: EpochMs) -> list[InteractionEvent]:
    simulation = Simulation(SimulationConfig(seed=memo.seed, conversations_per_day=memo.conversations_per_day))
    return [arrival.event for arrival in simulation.history(memo.since_ms, until_ms)]


def _stored(directory: Path) -> list[Identity]:
    rows = ask(directory.parent, "SELECT tenant, conversation_id, source, event_id FROM interactions FINAL", directory)
    return [(row["tenant"], row["conversation_id"], row["source"], row["event_id"]) for row in rows]
