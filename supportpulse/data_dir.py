"""The directory of an embedded deployment: who uses it, what is where."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import SupportpulseError


class DataDirInUse(SupportpulseError):
    """Another process works in the directory. Stop it, or name another directory with --data-dir."""


class DataDirUnusable(SupportpulseError):
    """Nothing can be written there. Name another directory with --data-dir."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """Paths below one directory. Nothing is made before it is needed."""

    root: Path

    @property
    def clickhouse(self) -> Path:
        """The embedded ClickHouse."""
        return self.root / "clickhouse"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"

    @property
    def worker(self) -> Path:
        """What a worker keeps on disk."""
        return self.root / "worker"

    @property
    def broker(self) -> Path:
        """Where the embedded broker listens, while it does."""
        return self.root / "broker-address"

    @property
    def exists(self) -> bool:
        """Whether there is anything to ask."""
        return self.clickhouse.exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one who works here. Raises `DataDirInUse`."""
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            opened = (self.root / "lock").open("a+", encoding="ascii")
        except OSError as exc:
            raise DataDirUnusable(
                f"{self.root} cannot hold data ({exc.strerror}): name a directory you may write to with --data-dir"
            ) from exc
        with opened as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                lock.seek(0)
                owner = lock.read().strip() or "?"
                raise DataDirInUse(
                    f"{self.root} is in use by process {owner}: stop it, or name another directory with --data-dir"
                ) from exc
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def next_incarnation(self) -> int:
        """Count the incarnations of a broker that forgets: 0, 1, 2, …"""
        counter = self.root / "incarnation"
        current = int(counter.read_text(encoding="ascii")) + 1 if counter.exists() else 0
        replacement = counter.with_suffix(".new")
        replacement.write_text(str(current), encoding="ascii")
        replacement.replace(counter)
        return current
