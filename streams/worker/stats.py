"""What a worker tells about itself, to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class WorkerStats(Protocol):
    """Told by the worker, after the fact; must not raise or wait."""

    def events(self, counts: Mapping[str, int]) -> None:
        """A chunk was finished: events by result (accepted, late, duplicate, refused)."""

    def facts(self, counts: Mapping[str, int]) -> None:
        """Fact versions sent, by metric."""

    def dead_letters(self, counts: Mapping[str, int]) -> None:
        """Records parked, by reason."""

    def chunk_seconds(self, seconds: float) -> None:
        """How long a chunk took, from records in hand to offsets ready for commit."""

    def lag(self, partition: int, records: int, seconds: float) -> None:
        """How far behind the end of a partition of `interactions` the worker is."""

    def window_series(self, count: int) -> None:
        """How many windows the last refresh sent."""


class SilentStats:
    """Nobody listens."""

    def events(self, counts: Mapping[str, int]) -> None:
        """Ignored."""

    def facts(self, counts: Mapping[str, int]) -> None:
        """Ignored."""

    def dead_letters(self, counts: Mapping[str, int]) -> None:
        """Ignored."""

    def chunk_seconds(self, seconds: float) -> None:
        """Ignored."""

    def lag(self, partition: int, records: int, seconds: float) -> None:
        """Ignored."""

    def window_series(self, count: int) -> None:
        """Ignored."""
