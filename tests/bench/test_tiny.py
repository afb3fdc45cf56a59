"""Every benchmark once, on next to nothing: they run, and write what they promise. Their figures are not looked at."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import speedups
from bench import peers
from bench.cli import BENCHMARKS, main
from bench.peers import PeerMissing
from tests.servers.plugin import REQUIRED, Broker

pytestmark = [
    pytest.mark.kafka,
    # Minutes, and the peers' environments: once in CI is enough to keep them from rotting.
    pytest.mark.skipif(
        os.environ.get(REQUIRED) != "1", reason=f"benchmarks run tiny in CI, and here with {REQUIRED}=1"
    ),
]


def bench(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """The figures of a run."""
    path = tmp_path / "figures.json"
    assert main([*arguments, "--tiny", "--json", str(path)]) == 0
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert figures["benchmark"] == arguments[0]
    assert figures["tiny"] is True
    assert figures["events"] > 0
    assert figures["machine"]["cores"] >= 1
    assert figures["versions"]["faust-streaming"]
    assert figures["versions"]["hot_path"] == str(speedups.state())
    return figures


def needs(*names: str) -> None:
    """Peers that cannot be had skip a test, loudly; where everything is required they fail it."""
    for name in names:
        try:
            peers.peer(name, peers.default_dir())
        except PeerMissing as exc:
            if os.environ.get(REQUIRED) == "1":
                pytest.fail(f"{exc}; {REQUIRED}=1 asks for it", pytrace=False)
            pytest.skip(f"no server: {name} for the benchmarks ({exc})")


@pytest.fixture(autouse=True)
def _tansu_is_there(tansu: Broker) -> None:
    """Skips, or fails, where Tansu cannot be had."""


def test_throughput_measures_the_worker_and_what_it_is_held_against(tmp_path: Path) -> None:
    figures = bench(tmp_path, "throughput", "--broker", "tansu", "--only", "decode_ceiling,worker,plain_faust")
    assert all(figures[name] > 0 for name in ("decode_ceiling", "worker", "plain_faust"))
    assert (figures["quix"], figures["bytewax"]) == (None, None)


@pytest.mark.server
def test_throughput_measures_the_peers(kafka: Broker, tmp_path: Path) -> None:
    needs("quix", "bytewax")
    figures = bench(tmp_path, "throughput", "--broker", "kafka", "--only", "worker,plain_faust,quix,bytewax")
    assert all(figures[name] > 0 for name in ("worker", "plain_faust", "quix", "bytewax"))
    facts = {name: figures["detail"][name]["facts"] for name in ("worker", "plain_faust", "quix", "bytewax")}
    assert facts["worker"] == facts["bytewax"] > 0
    assert facts["plain_faust"] == facts["quix"] > 0
    assert {"quixstreams", "bytewax"} <= figures["versions"].keys()


def test_scaling_runs(tmp_path: Path) -> None:
    assert bench(tmp_path, "scaling", "--broker", "tansu")["ratio"] > 0


def test_latency_sees_facts_and_windows(tmp_path: Path) -> None:
    figures = bench(tmp_path, "latency", "--broker", "tansu")
    assert figures["facts_measured"] > 0
    assert figures["windows_measured"] > 0
    assert 0 < figures["fact_p50_seconds"] <= figures["fact_p99_seconds"]
    assert 0 < figures["window_p50_seconds"] <= figures["window_p99_seconds"]


def test_alarm_sees_breaches(tmp_path: Path) -> None:
    figures = bench(tmp_path, "alarm", "--broker", "tansu")
    assert figures["alerts_measured"] > 0
    assert 0 < figures["alert_p50_seconds"] <= figures["alert_p99_seconds"] <= figures["alert_max_seconds"]
    assert figures["tick_few_open_us"] > 0
    assert figures["tick_many_open_us"] > 0


def test_recovery_runs(tmp_path: Path) -> None:
    assert bench(tmp_path, "recovery", "--broker", "tansu")["seconds_to_first_event"] > 0


def test_memory_runs(tmp_path: Path) -> None:
    assert bench(tmp_path, "memory", "--broker", "tansu")["rss_bytes"] > 0


def test_growth_runs(tmp_path: Path) -> None:
    figures = bench(tmp_path, "growth", "--broker", "tansu")
    assert figures["many_over_few"] > 0
    assert figures["windows_filled_over_empty"] > 0


def test_sink_runs_into_the_embedded_clickhouse(tmp_path: Path) -> None:
    assert bench(tmp_path, "sink", "--broker", "tansu", "--into", "embedded")["embedded_ratio"] > 0


@pytest.mark.server
def test_sink_runs_into_a_server(tmp_path: Path, clickhouse_server: object) -> None:
    assert bench(tmp_path, "sink", "--broker", "tansu", "--into", "server")["server_ratio"] > 0


def test_gateway_is_held_against_a_bare_server(tmp_path: Path) -> None:
    figures = bench(tmp_path, "gateway", "--broker", "tansu")
    assert figures["ratio"] > 0
    assert figures["ratio_to_application"] > 0
    assert 0 < figures["half_p50_ms"] <= figures["half_p99_ms"]


def test_rebalance_sees_traffic_before_during_and_after(tmp_path: Path) -> None:
    figures = bench(tmp_path, "rebalance", "--broker", "tansu")
    assert all(figures[f"{what}_seconds"] > 0 for what in ("steady", "joins", "leaves", "dies"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_says_how_it_is_used(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--tiny" in said
    assert "--json" in said


def test_an_unknown_contestant_is_an_error_that_names_the_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["throughput", "--only", "storm"]) == 1
    assert "there are decode_ceiling, worker" in capsys.readouterr().err
