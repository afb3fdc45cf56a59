"""What a worker tells about itself, to whoever listens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from schemas.records import SlaAlert
from schemas.ticks import SourceName
from schemas.times import EpochMs
from streams.timers.alerts import ClockChange
from streams.timers.standing import Figures, Group


class WorkerStats(Protocol):
    """Told by the worker, after the fact; must return at once and never raise."""

    def events(self, by_result: Mapping[str, int]) -> None:
        """A chunk was finished: events by result (accepted, late, duplicate, refused)."""

    def facts(self, by_metric: Mapping[str, int]) -> None:
        """Fact versions sent, by metric."""

    def dead_letters(self, topic: str, by_reason: Mapping[str, int]) -> None:
        """Records of `topic` that were parked, by reason."""

    def chunk(self, seconds: float) -> None:
        """How long a chunk took, from records in hand to offsets ready for commit."""

    def clocks(self, changes: Iterable[ClockChange]) -> None:
        """What became of SLA clocks that backfill did not start."""

    def alerts(self, alerts: Iterable[SlaAlert]) -> None:
        """Alerts that were sent."""

    def live(self, figures: Mapping[Group, Figures], now_ms: EpochMs) -> None:
        """How the open conversations stand, all of them."""

    def held(self, sources: Mapping[SourceName, bool]) -> None:
        """Of every watched source, whether its alerts are held."""

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """How far behind the end of its partitions of `topic` the worker is; 0 seconds when it is not."""


class SilentStats:
    """Nobody listens."""

    def events(self, by_result: Mapping[str, int]) -> None:
        """Ignored."""

    def facts(self, by_metric: Mapping[str, int]) -> None:
        """Ignored."""

    def dead_letters(self, topic: str, by_reason: Mapping[str, int]) -> None:
        """Ignored."""

    def chunk(self, seconds: float) -> None:
        """Ignored."""

    def clocks(self, changes: Iterable[ClockChange]) -> None:
        """Ignored."""

    def alerts(self, alerts: Iterable[SlaAlert]) -> None:
        """Ignored."""

    def live(self, figures: Mapping[Group, Figures], now_ms: EpochMs) -> None:
        """Ignored."""

    def held(self, sources: Mapping[SourceName, bool]) -> None:
        """Ignored."""

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """Ignored."""
