"""A policies file that changes while the worker runs: taken when it may be, refused with line and reason when not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog

from schemas.times import EpochMs
from streams.sla.policies import PolicyBook
from streams.sla.policy_file import PolicyFileError
from streams.sla.reload import reload

log = structlog.get_logger()

#: What tells that a file may have changed: when it was written, its length and which file it is.
_Stamp = tuple[int, int, int]


class PolicyWatch:
    """Looks at the file every so often, and when it is `asked`. `use` gets every book that comes into force."""

    def __init__(
        self,
        book: PolicyBook,
        path: Path,
        use: Callable[[PolicyBook], None],
        now_ms: Callable[[], EpochMs],
        every_seconds: float = 2.0,
    ) -> None:
        self._book = book
        self._path = path
        self._use = use
        self._now_ms = now_ms
        self._every_seconds = every_seconds
        self._seen = _stamp(path)
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read the file again, changed or not: somebody wants to know whether it is good."""
        self._asked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._every_seconds)
            asked, stamp = self._asked.is_set(), _stamp(self._path)
            self._asked.clear()
            if asked or stamp != self._seen:
                self._seen = stamp
                self.look()

    def look(self) -> bool:
        """Read the file; whether it was taken, changed or not. What is refused leaves the old policies in force."""
        try:
            reloaded = reload(self._book, self._path, now_ms=self._now_ms())
        except PolicyFileError as exc:
            log.error("policies.refused", reason=str(exc), consequence="the old policies stay in force")
            return False
        if reloaded.changed:
            self._book = reloaded.book
            self._use(reloaded.book)
            log.info("policies.reloaded", file=str(self._path), versions=len(reloaded.book.versions))
        return True


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
