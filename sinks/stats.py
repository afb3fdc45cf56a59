"""What the sink tells whoever watches it. `sinks.prometheus` shows it; `NoStats` is for those who do not look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.records import MetricWindow


class SinkStats(Protocol):
    """Called from the sink's event loop; must return at once and never raise."""

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        """`rows` are durable in `table`; the insert took `seconds`."""

    def landed(self, topic: str, latencies_seconds: Sequence[float]) -> None:
        """From each record's timestamp to the moment it was durable, one number per record."""

    def failed(self, table: str, error: str) -> None:
        """An insert failed and will be tried again; `error` is the name of a class in `sinks.errors`."""

    def refused(self, topic: str, reason: str) -> None:
        """A record could not be used, and its letter is the sink's to park or to land; `reason` as in `REASONS`."""

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """How far the sink is behind a topic's end, and how old the oldest record is that it holds or has not read."""

    def windows(self, windows: Sequence[MetricWindow]) -> None:
        """Rolling windows as they came by, in the order of the log."""


class NoStats:
    """Looks away."""

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        """See `SinkStats`."""

    def landed(self, topic: str, latencies_seconds: Sequence[float]) -> None:
        """See `SinkStats`."""

    def failed(self, table: str, error: str) -> None:
        """See `SinkStats`."""

    def refused(self, topic: str, reason: str) -> None:
        """See `SinkStats`."""

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """See `SinkStats`."""

    def windows(self, windows: Sequence[MetricWindow]) -> None:
        """See `SinkStats`."""
