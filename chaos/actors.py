"""The processes of the pipeline: started, killed, frozen, and started again as a supervisor would."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from supportpulse import processes
from supportpulse.processes import Server

ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Actor:
    """One process, or the next in its place. `command` is asked anew for each, so that ports can differ."""

    name: str
    command: Callable[[], Sequence[str]]
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    server: Server | None = None
    frozen: bool = False
    #: Times it was started, and times it ended although nobody had killed it.
    starts: int = 0
    falls: int = 0
    _killed: bool = True

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self.server is not None and self.server.running

    def supervise(self) -> None:
        """Start it if it is not there."""
        if self.running:
            return
        if not self._killed:
            self.falls += 1
        self.server = processes.start(
            self.name,
            [sys.executable, *self.command()],
            ready=lambda: True,
            log_path=self.log_path,
            env={**_plain_environment(), **self.environment},
        )
        self.starts += 1
        self.frozen = self._killed = False

    def kill(self) -> None:
        """SIGKILL."""
        if self.server is not None:
            self._killed = True
            self.server.kill()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def stop(self, within_seconds: float = 15.0) -> bool:
        """SIGTERM, and wait; False if it had to be killed, because it did not end in time."""
        if not self.running or self.server is None:
            return True
        self.thaw()
        self._killed = True
        self.server.process.terminate()
        deadline = time.monotonic() + within_seconds
        while self.server.running and time.monotonic() < deadline:
            time.sleep(0.05)
        ended = not self.server.running
        self.server.kill()
        return ended

    def _signal(self, number: int) -> None:
        if self.running and self.server is not None:
            os.kill(self.server.pid, number)


def _plain_environment() -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SUPPORTPULSE_")}
    return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
