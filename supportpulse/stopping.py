"""SIGTERM and SIGINT: a process that is told to end does so well, and within ten seconds in any case.

    with stopping.in_time() as told:
        asyncio.run(serve(told))        # stop = told.event(): set once a signal has come

What ends well finishes what it has begun and commits it. Where a broker or a server has gone, its client may wait for
it for a minute and longer. Then the process ends where it is, as after a crash: what was not committed is done again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

#: Supervisors wait for ten seconds or more before they kill.
WITHIN_SECONDS = 8.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Told:
    """What signals do inside `in_time`."""

    def __init__(self, within_seconds: float) -> None:
        self._last = threading.Timer(within_seconds, _end_here)
        self._last.daemon = True

    def event(self) -> asyncio.Event:
        """Inside a running loop: an event that the first signal sets."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._tell, stop.set)
        return stop

    def flag(self) -> threading.Event:
        """Without a loop, in the main thread: an event that the first signal sets."""
        stop = threading.Event()
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self._tell(stop.set))
        return stop

    def _tell(self, stop: Callable[[], None]) -> None:
        stop()
        if self._last.ident is None:
            self._last.start()

    def _over(self) -> None:
        self._last.cancel()


@contextmanager
def in_time(within_seconds: float = WITHIN_SECONDS) -> Iterator[Told]:
    """Inside, a signal gives the process so many seconds to leave the block; then it ends with status 1."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    told = Told(within_seconds)
    try:
        yield told
    finally:
        told._over()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_here() -> None:
    log.warning(
        "ended in the middle",
        reason="somebody did not answer in time",
        consequence="what was not committed is done again at the next start; nothing is lost",
    )
    os._exit(1)
