"""Servers as child processes: start one, wait until it answers, stop it by its own id. Standard library only."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from schemas.errors import SupportpulseError

LOOPBACK = "127.0.0.1"

T = TypeVar("T")

# The kernel ends the child with us, even after a kill -9: nobody else would stop it.
_TIED = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit('the parent is gone')\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class ServerError(SupportpulseError):
    """A server cannot be had. The message says which, why and what to do."""


class ServerMissing(ServerError):
    """What the server consists of is not on this machine; the message says what to install."""


class ServerDied(ServerError):
    """The server ended, or never answered; the message ends with the tail of its log."""


class PortTaken(ServerError):
    """Somebody listens on the wanted port already."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running child process that listens on loopback."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def stop(self, within_seconds: float = 15.0) -> None:
        """Asks it to end, and ends it if it has not done so in time. May be called again."""
        if not self.running:
            return
        self.process.terminate()
        try:
            self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self.process.kill()
        self.process.wait()


def start(
    name: str,
    command: Sequence[str],
    *,
    ready: Callable[[], bool],
    log_path: Path,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> Server:
    """Starts `command`, its output appended to `log_path`, and returns when `ready()` says so.

    Raises `ServerMissing` if there is no such program and `ServerDied` if it ends or is not ready in time.
    """
    program = shutil.which(command[0])
    if program is None:
        raise ServerMissing(f"{name}: there is no program {command[0]!r} on the PATH: install it")
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - every caller names the program itself
            _tied([program, *command[1:]]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            # Ctrl-C in a terminal reaches the whole group; the order of the stops is ours.
            start_new_session=True,
        )
    server = Server(name, process, log_path)
    try:
        _wait(server, ready, timeout_seconds)
    except BaseException:
        server.stop(within_seconds=2)
        raise
    return server


def _tied(command: list[str]) -> list[str]:
    # The tie is to the thread that starts it, so only the main thread, which lasts as long as we do, may tie.
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return command
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]


def _wait(server: Server, ready: Callable[[], bool], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if not server.running:
            raise ServerDied(
                f"{server.name} ended with {server.process.returncode} before it answered:\n{tail(server.log_path)}"
            )
        if time.monotonic() > deadline:
            raise ServerDied(
                f"{server.name} did not answer within {timeout_seconds:g} s; its log is {server.log_path}:\n"
                f"{tail(server.log_path)}"
            )
        time.sleep(0.02)
    if not server.running:
        raise ServerDied(f"{server.name} ended, and somebody else answers in its place:\n{tail(server.log_path)}")


def tail(log_path: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; a sentence where it is empty or missing."""
    try:
        text = log_path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (it wrote nothing)"


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def on_port(name: str, port: int | None, start_on: Callable[[int], T], attempts: int = 3) -> T:
    """Calls `start_on` with `port`, or with a free one. Raises `PortTaken` if `port` is given and taken.

    Between finding a free port and listening on it another process can take it, so a free one gets several attempts.
    """
    if port is not None:
        if accepts(port):
            raise PortTaken(f"{name}: somebody listens on {LOOPBACK}:{port} already: stop it, or give another port")
        return start_on(port)
    for attempt in range(1, attempts + 1):
        wanted = free_port()
        try:
            return start_on(wanted)
        except ServerDied:
            if attempt == attempts or not accepts(wanted):
                raise
    raise ValueError(f"attempts is {attempts}: at least 1")


def accepts(port: int) -> bool:
    """Whether anybody accepts connections on this port of loopback."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers_kafka(port: int) -> bool:
    """Whether a Kafka broker answers on this port: an open port alone can be one that is still starting."""
    api_versions = struct.pack(">ihhih", 10, 18, 0, 1, -1)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(api_versions)
            return len(connection.recv(4)) > 0
    except OSError:
        return False
