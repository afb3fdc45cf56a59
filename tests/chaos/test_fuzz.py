"""The fuzzer, briefly over every reader; and it sees what it is there to see."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from random import Random

import msgspec
import pytest

from chaos.fuzz import cli
from chaos.fuzz.mutations import damaged
from chaos.fuzz.targets import Target, targets
from schemas.errors import MalformedRecord


@pytest.fixture(autouse=True)
def _alarm() -> None:
    signal.signal(signal.SIGPROF, cli._hang)


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_no_reader_is_brought_down(target: Target) -> None:
    found = cli.attack(target, 400, Random(20261122))
    assert found.findings == []
    assert len(found.outcomes) > 1, "all damage leads to the same: is it damage?"


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_what_is_damaged_was_good(target: Target) -> None:
    for body in target.corpus:
        assert target.feed(body) != "refused"


def fails(body: bytes) -> str:
    raise KeyError(len(body))


def hangs(_body: bytes) -> str:
    while True:
        """Turns in a circle."""


def waits(_body: bytes) -> str:
    time.sleep(0.3)
    return "in the end"


def refuses(_body: bytes) -> str:
    raise MalformedRecord("no")


def test_a_crash_is_a_finding_and_a_refusal_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_HANG_SECONDS", 0.05)
    found = cli.attack(Target("fails", (b"{}",), fails), 3, Random(1))
    assert (len(found.findings), found.outcomes["failed"]) == (3, 3)
    assert found.findings[0].startswith("KeyError")
    assert "took longer" in cli.attack(Target("hangs", (b"{}",), hangs), 1, Random(1)).findings[0]
    assert cli.attack(Target("waits", (b"{}",), waits), 1, Random(1)).findings == [], "another has the processor"
    assert cli.attack(Target("refuses", (b"{}",), refuses), 3, Random(1)).findings == []


def test_the_same_seed_is_the_same_damage() -> None:
    one, other = ([damaged(b'{"a": [1, 2]}', [b"xyz"], rng) for _ in range(50)] for rng in (Random(5), Random(5)))
    assert one == other
    assert len(set(one)) > 20


def test_figures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fuzz.json"
    assert cli.main(["--inputs", "100", "--seed", "3", "--json", str(path)]) == 0
    document = msgspec.json.decode(path.read_bytes())
    assert document["inputs"] == 100
    assert "event as Avro" in capsys.readouterr().out
