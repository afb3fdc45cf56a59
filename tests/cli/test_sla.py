"""`supportpulse sla check` and `sla simulate`, as they are called."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from schemas import documents, times
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.sla import policy_file
from supportpulse import settings
from supportpulse.commands import sla
from supportpulse.data_dir import DataDir
from tests.cli.command import ROOT, run

POLICIES = """\
calendars:
  office: {timezone: Europe/Berlin, hours: {mon: ["09:00-17:00"]}}
policies:
  - {name: rest, targets: {first_response: 5m}}
  - {name: "[vip]", match: {team: [vip]}, calendar: office, targets: {first_response: 1.5h}}
---
effective_from: "2100-01-01T00:00:00Z"
policies:
  - {name: rest, targets: {first_response: 10m}}
"""


def event(number: int, kind: str, minute: int) -> bytes:
    document = {
        "event_id": f"{number}{kind}",
        "tenant": "acme",
        "source": "test",
        "channel": "email",
        "type": "message",
        "occurred_at": f"2026-03-10T09:{minute:02d}:00Z",
        "conversation_id": f"c{number}",
        "actor": {"kind": kind, "id": "a"},
    }
    return json.dumps(document).encode()


# Answered after 2, 7 and 20 minutes.
LINES = [event(n, kind, at) for n, wait in enumerate((2, 7, 20)) for kind, at in (("customer", 0), ("human", wait))]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "policies.yaml").write_text(POLICIES, encoding="utf-8")
    (tmp_path / "old.yaml").write_text(POLICIES.partition("---")[0], encoding="utf-8")
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(LINES) + b"\n")
    return tmp_path


def test_check_shows_what_a_file_holds_and_warns(files: Path) -> None:
    done = run(files, "sla", "check", "policies.yaml")
    assert (done.status, done.err) == (0, "")
    for said in (
        "in force since ever",
        "lies ahead",
        "1.5h",
        "team: vip",
        "[vip]",
        "calendar office (Europe/Berlin) is",
    ):
        assert said in done.out
    assert "policies.yaml:5: policy '[vip]' can never match: 'rest', further up" in done.out
    assert "policies.yaml: 3 policies, 2 versions, 1 warning" in done.out


def test_check_shows_when_a_calendar_opens_in_its_own_time_and_in_everybodys(files: Path) -> None:
    done = run(files, "sla", "check", "policies.yaml")
    found = re.search(
        r"office \(Europe/Berlin\) is \w+, \w+ mon (\S+T(?:09|17):00:00\.000\+0[12]:00) \((\S+Z)\)", done.out
    )
    assert found is not None, done.out
    assert times.parse(found[1]) == times.parse(found[2])


def test_check_shows_what_facts_call_the_versions(files: Path) -> None:
    done = run(files, "sla", "check", "policies.yaml")
    for version in policy_file.load(files / "policies.yaml").versions:
        assert f"in facts {version.name}" in done.out


def test_check_refuses_a_broken_file_with_its_line(files: Path) -> None:
    (files / "policies.yaml").write_text(POLICIES.replace("10m", "soon"), encoding="utf-8")
    done = run(files, "sla", "check", "policies.yaml")
    assert done.status == 1
    assert done.complaint.startswith("supportpulse: policies.yaml:9: ")


def simulated(cwd: Path, *more: str) -> dict[str, Any]:
    done = run(cwd, "sla", "simulate", "--policies", "policies.yaml", "--against", "old.yaml", *more, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


EXPECTED = {
    "conversations": 3,
    "outcomes": [
        {
            "policy": "rest",
            "metric": "sla_first_response",
            "before": {"met": 1, "breached": 2, "cancelled": 0, "attainment": 1 / 3},
            "after": {"met": 2, "breached": 1, "cancelled": 0, "attainment": 2 / 3},
        }
    ],
    "moves": [{"before": "breached", "after": "met", "clocks": 1}],
}


def test_simulate_over_files_says_what_would_have_been(files: Path) -> None:
    assert simulated(files, "--events", "events.jsonl") == EXPECTED
    as_written = simulated(files, "--events", "events.jsonl", "--as-written")
    assert as_written["moves"] == []
    later = simulated(files, "--events", "events.jsonl", "--since", "2026-03-11T00:00:00Z")
    assert later["outcomes"] == []


def test_simulate_over_clickhouse_comes_to_the_same(files: Path) -> None:
    events = [documents.parse_event(line) for line in LINES]
    data_dir = DataDir(files / "data")
    data_dir.clickhouse.mkdir(parents=True)
    database = EmbeddedDatabase(data_dir.clickhouse)
    try:
        migrate(database, now_ms=0)
        database.insert("interactions", rows.interaction_columns(events, range(len(events))))
    finally:
        database.close()
    assert simulated(files, "--data-dir", "data") == EXPECTED


def test_simulate_shows_a_table(files: Path) -> None:
    done = run(files, "sla", "simulate", "--policies", "policies.yaml", "--events", "events.jsonl")
    assert done.status == 0, done.err
    assert "66.7%" in done.out
    assert "2 clocks: no target → met" in done.out
    assert "1 clock: no target → breached" in done.out
    assert "before: no policies" in done.out
    assert "after:  policies.yaml, its last version, as if in force since ever" in done.out
    assert "3 clocks in 3 conversations" in done.out


def test_simulate_adds_up_what_policies_of_other_names_judge(files: Path) -> None:
    renamed = POLICIES.partition("---")[0].replace("name: rest", "name: others").replace("5m", "10m")
    (files / "new.yaml").write_text(renamed, encoding="utf-8")
    files_given = ("--policies", "new.yaml", "--against", "old.yaml", "--events", "events.jsonl")
    done = run(files, "sla", "simulate", *files_given)
    (together,) = (line for line in done.out.splitlines() if "together" in line)
    assert [cell.strip() for cell in together.split("│")[3:-1]] == ["1", "2", "33.3%", "2", "1", "66.7%"]


def test_simulate_says_when_nothing_moves_and_when_there_is_nothing(files: Path) -> None:
    unchanged = ("sla", "simulate", "--policies", "old.yaml", "--against", "old.yaml", "--events", "events.jsonl")
    assert "no clock comes out otherwise" in run(files, *unchanged).out
    assert "no clock: no policy has a target" in run(files, *unchanged, "--since", "2026-03-11T00:00:00Z").out


def test_simulate_without_a_history_is_one_line(files: Path) -> None:
    done = run(files, "sla", "simulate", "--policies", "policies.yaml", "--data-dir", "nowhere")
    assert done.status == 1
    assert "there is no data in nowhere" in done.complaint


def test_the_policies_that_are_shipped_are_well() -> None:
    done = run(ROOT, "sla", "check", "deploy/policies.yaml")
    assert (done.status, done.err) == (0, "")
    assert "0 warnings" in done.out


@pytest.mark.parametrize("width", [60, 80, 100, 137])
def test_at_every_width_what_is_shown_is_whole(tmp_path: Path, width: int) -> None:
    (tmp_path / "new.yaml").write_text(POLICIES, encoding="utf-8")
    (tmp_path / "e.jsonl").write_bytes(b"\n".join((event(1, "customer", 0), event(1, "human", 4))))
    shown = Console(width=width, file=io.StringIO())
    sla.check(tmp_path / "new.yaml", 0, shown)
    options = sla.SimulateOptions(
        tmp_path / "new.yaml", None, [tmp_path / "e.jsonl"], since_ms=None, as_of_ms=None, as_written=False
    )
    sla.show(sla.simulate(settings.load(), options), options, shown)
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "…" not in text
    for whole in ("[vip]", "first_response", "1.5h", "100.0%", "attained"):
        assert whole in text
    assert max(len(line) for line in text.splitlines() if line[0] in "┏│") <= width
