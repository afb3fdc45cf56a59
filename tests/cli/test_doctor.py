"""`supportpulse doctor` over a deployment that works, and over ones that do not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from supportpulse import processes
from tests.cli.command import Done, run
from tests.sinks.samples import T0
from tests.up.runs import traffic, write_events

_HOUR_MS = 3_600_000


def levels(done: Done) -> dict[str, str]:
    return {each["check"]: each["level"] for each in msgspec.json.decode(done.out)}


@pytest.mark.parametrize(
    "which", [pytest.param("own_tansu"), pytest.param("own_kafka", marks=pytest.mark.server)], ids=("tansu", "kafka")
)
@pytest.mark.kafka
def test_a_deployment_that_works_and_one_that_lost_its_rows(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address = request.getfixturevalue(which).address
    events = write_events(tmp_path / "e.jsonl", traffic(T0, T0 + 6 * _HOUR_MS, per_day=400))
    done = run(tmp_path, "up", "--once", "--events", events, "--kafka", address, "--data-dir", "d")
    assert done.status == 0, done.err

    found = run(tmp_path, "doctor", "--kafka", address, "--data-dir", "d")
    assert found.status == 0, found.out
    assert "0 errors" in found.out.splitlines()[-1]
    said = levels(run(tmp_path, "doctor", "--kafka", address, "--data-dir", "d", "--json"))
    expected = {"kafka", "topics", "partitions", "lag of the worker", "lag of the sink", "migrations", "counts: events"}
    assert {check: said[check] for check in expected} == dict.fromkeys(expected, "ok")
    assert said["counts: facts"] == said["schema of interactions"] == "ok"
    assert said["min.insync.replicas"] == ("unknown" if which == "own_tansu" else "ok")

    assert run(tmp_path, "migrate", "--data-dir", "other").status == 0
    lost = run(tmp_path, "doctor", "--kafka", address, "--data-dir", "other", "--json")
    assert lost.status == 1
    said = levels(lost)
    assert [check for check, level in said.items() if level == "error"] == ["counts: events", "counts: facts"]


def test_what_is_not_there_is_an_error_each_and_no_traceback(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{processes.free_port()}"
    found = run(tmp_path, "doctor", "--kafka", nobody, "--data-dir", "none")
    assert found.status == 1
    assert "Traceback" not in found.err
    assert [line.split()[1] for line in found.out.splitlines() if line.startswith("ERROR")] == ["kafka", "clickhouse"]
    assert nobody in found.out
