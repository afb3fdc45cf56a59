"""Which broker `supportpulse import` publishes to, and which one `up` and `--once` use."""

from __future__ import annotations

from pathlib import Path

import pytest

from supportpulse import processes, settings
from supportpulse.commands.importing import broker_of
from supportpulse.data_dir import DataDir
from tests.cli.command import environment, run


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory whose `up` says where its broker listens."""
    monkeypatch.delenv("SUPPORTPULSE_KAFKA", raising=False)
    DataDir(tmp_path).broker.write_text("127.0.0.1:5", encoding="ascii")
    return tmp_path


def test_the_broker_of_the_up_that_runs_is_found(running: Path) -> None:
    assert broker_of(settings.load(data_dir=running)) == "127.0.0.1:5"


def test_a_broker_that_is_named_comes_first(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broker_of(settings.load(data_dir=running, kafka="127.0.0.1:7")) == "127.0.0.1:7"
    monkeypatch.setenv("SUPPORTPULSE_KAFKA", "127.0.0.1:8")
    assert broker_of(settings.load(data_dir=running)) == "127.0.0.1:8"


def test_without_either_it_is_the_usual_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPPORTPULSE_KAFKA", raising=False)
    assert broker_of(settings.load(data_dir=tmp_path)) == "127.0.0.1:9092"


@pytest.mark.parametrize(
    "arguments",
    [("up",), ("up", "--once", "--events", "e.jsonl"), ("import", "e.jsonl", "--once")],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_broker_that_the_environment_names_takes_the_place_of_the_embedded_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "e.jsonl").touch()
    nobody = f"127.0.0.1:{processes.free_port()}"
    done = run(tmp_path, *arguments, env=environment(SUPPORTPULSE_KAFKA=nobody))
    assert done.status == 1
    assert nobody in done.complaint
