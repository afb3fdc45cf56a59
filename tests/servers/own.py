"""What the servers that tests start for themselves have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from supportpulse.processes import Server, ServerError


@dataclass(slots=True)
class OwnServer:
    """One server in `directory`. Started again after `stop` or `kill`, it has what it had, on the same port."""

    NAME: ClassVar[str]
    STOP_SECONDS: ClassVar[float]

    directory: Path
    port: int | None = None
    _server: Server | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._server is not None and self._server.running

    @property
    def log_path(self) -> Path:
        """What the server printed."""
        return self.directory / "server.log"

    def stop(self) -> None:
        """Stops it cleanly. May be called again, and before `start`."""
        if self._server is not None:
            self._server.stop(within_seconds=self.STOP_SECONDS)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._started().kill()

    def _started(self) -> Server:
        if self._server is None:
            raise self._not_started()
        return self._server

    def _not_started(self) -> ServerError:
        return ServerError(f"{self.NAME} has not been started")
