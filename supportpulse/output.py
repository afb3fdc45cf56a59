"""Where answers go: stdout, which may be closed, or full."""

from __future__ import annotations

import os
import sys
from typing import IO

from schemas.errors import SupportpulseError


def stdout() -> IO[bytes]:
    """What answers are written to. Raises `SupportpulseError` when whoever started us closed it."""
    # Python itself has no stdout then, whatever its type says.
    if sys.stdout is None:
        raise SupportpulseError("there is nowhere to write the answer: stdout is closed")
    return sys.stdout.buffer


def give_up() -> None:
    """Throw away what stdout still holds: Python would try to write it once more at its end, and complain."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
