"""A command in a terminal, as somebody would have it on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.cli.command import environment

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """Runs a command with a terminal of 160 columns; `text` is everything it has shown, without control sequences."""

    def __init__(self, command: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        # As wide as the table: what a terminal is said to be, the test runner decides otherwise.
        shown = {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**(env or environment()), **shown},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._ours = ours
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return _CONTROL.sub("", bytes(self._shown).decode("utf-8", "replace"))

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """The last match of what it has shown; fails when it ends or time is over before there is one."""
        deadline = time.monotonic() + seconds
        while not (found := list(re.finditer(pattern, self.text))):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)
        return found[-1]

    def interrupt(self, within_seconds: float) -> int:
        """Ctrl-C; the status it ended with."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(within_seconds)
        self._reader.join(2)
        return status

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65536):
                self._shown += data
        except OSError:
            # That is how the end of a terminal reads on Linux.
            return

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(2)
        os.close(self._ours)
