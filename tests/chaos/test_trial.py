"""Twenty faults on the whole pipeline: every kind at least once, and not one number is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.schedule import KINDS
from tests.cli.command import ROOT
from tests.servers.clickhouse import find_command
from tests.servers.kafka import find_jars, find_java
from tests.servers.plugin import available

FAULTS = 20


@pytest.mark.kafka
@pytest.mark.server
def test_after_twenty_faults_clickhouse_is_a_replay_of_what_was_accepted(tmp_path: Path) -> None:
    with available("Apache Kafka"):
        find_java(), find_jars()
    with available("ClickHouse server"):
        find_command()
    report = tmp_path / "report.json"
    seed = os.environ.get("SUPPORTPULSE_CHAOS_SEED", "7")
    where = ("--json", str(report), "--scratch", str(tmp_path / "chaos"))
    done = subprocess.run(
        [sys.executable, "-m", "chaos", "--faults", str(FAULTS), "--seed", seed, *where],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_500,
    )
    assert done.returncode == 0, f"seed {seed}:\n{done.stdout[-4_000:]}\n{done.stderr[-2_000:]}"
    said = json.loads(report.read_text(encoding="utf-8"))
    assert (said["faults"], said["differences"], said["missing"], said["doubled"]) == (FAULTS, 0, 0, 0)
    assert set(said["by_kind"]) == set(KINDS)
    assert said["accepted"] > 1_000
    assert said["poison"] > 0
    assert said["dead_letters"] >= said["poison"]
