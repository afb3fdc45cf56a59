"""`supportpulse` as a process of its own, with a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from speedups.project import PLAIN
from supportpulse import processes

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that an error is."""
        lines = self.err.splitlines()
        assert "Traceback" not in self.err, self.err
        assert len(lines) == 1, self.err
        return lines[0]


def environment(**more: str) -> dict[str, str]:
    """Ours, without settings of supportpulse, except which code is tested; metrics on ports of their own, so that runs
    do not meet.
    """
    kept = {name for name in os.environ if not name.startswith("SUPPORTPULSE_") or name == PLAIN}
    plain = {name: os.environ[name] for name in kept}
    ports = {f"SUPPORTPULSE_{who}_METRICS_PORT": str(processes.free_port()) for who in ("WORKER", "SINK")}
    return {**plain, **ports, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def command(*arguments: object) -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", "supportpulse", *map(str, arguments)]


def run(cwd: Path, *arguments: object, seconds: float = 120, env: Mapping[str, str] | None = None) -> Done:
    """Run it to its end, without a terminal."""
    found = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=dict(env or environment()),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Done(found.returncode, found.stdout.decode(), found.stderr.decode())


def ask(cwd: Path, statement: str, data_dir: Path) -> list[dict[str, Any]]:
    """`supportpulse sql`, its rows decoded."""
    done = run(cwd, "sql", statement, "--data-dir", data_dir, "--format", "JSONEachRow")
    assert done.status == 0, done.err
    return [msgspec.json.decode(line) for line in done.out.splitlines()]


def children_of(pid: int) -> Sequence[int]:
    """The processes whose parent it is."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
