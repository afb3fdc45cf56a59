"""Switches protections off, to see that their tests would notice.

    python -m chaos.controls                    # all: one after the other, in a copy, with its tests
    python -m chaos.controls owner rebalance    # those whose name has one of these words

Status 0: without its protection every test failed. A test that passes all the same is named: it holds nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chaos.protections import CONTROLS, Control

ROOT = Path(__file__).parents[1]
_COPIED = (
    *("bench", "chaos", "connectors", "schemas", "sinks", "speedups", "streams", "supportpulse", "tests"),
    "pyproject.toml",
)
#: pytest's status for tests that failed, as against tests that could not be run.
_FAILED = 1


def switched_off(control: Control, text: str) -> str:
    """The file without its protection. Raises `ValueError` where the line is not there exactly once."""
    found = text.count(control.was)
    if found != 1:
        raise ValueError(f"{control.path} has {found} times what is to be switched off: {control.was!r}")
    return text.replace(control.was, control.off)


def outcomes(control: Control) -> dict[str, str | None]:
    """Test → what it fails with without its protection; None if it passes."""
    with tempfile.TemporaryDirectory(prefix="controls-") as folder:
        copy = Path(folder) / "supportpulse"
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_built"))
            else:
                shutil.copy(source, copy / name)
        path = copy / control.path
        path.write_text(switched_off(control, path.read_text(encoding="utf-8")), encoding="utf-8")
        return {test: _failure(copy, test) for test in control.tests}


def _failure(copy: Path, test: str) -> str | None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    # What is switched off is switched off in the sources: nothing compiled, here or in the processes that tests start.
    ours = {"SUPPORTPULSE_PLAIN": "1", "SUPPORTPULSE_REQUIRE_SERVERS": "0", "SUPPORTPULSE_REQUIRE_COMPILED": "0"}
    environment = {**os.environ, "PYTHONPATH": str(copy), **ours}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, _FAILED):
        raise RuntimeError(f"{test} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if done.returncode != _FAILED:
        return None
    told = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E ")]
    return told[0] if told else "it fails"


def main(words: Sequence[str]) -> int:
    """1 if a test passes without its protection."""
    bad = 0
    for control in CONTROLS:
        if words and not any(word in control.protection for word in words):
            continue
        print(control.protection, flush=True)
        for test, failure in outcomes(control).items():
            bad += failure is None
            print(f"    {test.partition('::')[2]}: {failure or 'PASSES WITHOUT IT'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
