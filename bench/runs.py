"""Contestants as processes: start one, wait for its reports, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.contestants.meter import Job, Told
from schemas.errors import SupportpulseError
from supportpulse.processes import tail

ROOT = Path(__file__).parents[1]
_decode = msgspec.json.Decoder(Told).decode
_LOOK_SECONDS = 0.05


class ContestantFailed(SupportpulseError):
    """A contestant ended before it was done, or took too long. The message ends with the tail of its log."""


@dataclass(slots=True)
class Run:
    """A contestant at work."""

    name: str
    job: Job
    process: subprocess.Popen[bytes]
    log_path: Path
    started_ns: int

    def told(self, reports: int, timeout_seconds: float = 900.0) -> Told:
        """Its report of that number, counted from 1, when it comes. Raises `ContestantFailed`."""
        path = Path(self.job.report)
        deadline = time.monotonic() + timeout_seconds
        while True:
            ended = self.process.poll() is not None
            lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
            if len(lines) >= reports:
                return _decode(lines[reports - 1])
            if ended:
                raise ContestantFailed(f"{self.name} ended with {self.process.returncode}:\n{tail(self.log_path)}")
            if time.monotonic() > deadline:
                raise ContestantFailed(f"{self.name} did not report in {timeout_seconds:g} s:\n{tail(self.log_path)}")
            time.sleep(_LOOK_SECONDS)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, within_seconds: float = 20.0) -> None:
        """Make sure that it is gone."""
        try:
            self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(name: str, job: Job, python: Path | None = None) -> Iterator[Run]:
    """`bench.contestants.NAME` as a process, which is gone afterwards. `python`: of its environment."""
    data_dir = Path(job.data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    log_path = data_dir / f"{name}.log"
    command = [str(python or sys.executable), "-m", f"bench.contestants.{name}", msgspec.json.encode(job).decode()]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    run = Run(name, job, process, log_path, time.monotonic_ns())
    finished = False
    try:
        yield run
        finished = True
    finally:
        if not finished:
            process.kill()
        run.end()


def measure(name: str, job: Job, python: Path | None = None) -> Told:
    """Run it to its end; its last report."""
    with running(name, job, python) as run:
        return run.told(len(job.stages))


def _environment() -> Mapping[str, str]:
    # Peers' environments know nothing of this repository but the path to it.
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
