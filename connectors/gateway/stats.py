"""What the gateway counts. Who shows it is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class GatewayStats(Protocol):
    """Labels are bounded: vendors and sources are those of `sources.yaml`, codes those of the connectors."""

    def answered(self, vendor: str, source: str, status: int, seconds: float) -> None:
        """A request was answered. `vendor` and `source` are empty where the address names none that is known."""

    def published(self, vendor: str, source: str, types: Iterable[str]) -> None:
        """Events of these types are with Kafka."""

    def ignored(self, vendor: str, codes: Iterable[str]) -> None:
        """Pieces that are known and mean nothing here."""

    def parked(self, vendor: str, source: str, reason: str) -> None:
        """A dead letter is with Kafka."""

    def in_flight(self, requests: int) -> None:
        """How many requests are being answered."""

    def reloaded(self, accepted: bool) -> None:
        """The sources file was read again."""


class NoStats:
    """Counts nothing."""

    def answered(self, vendor: str, source: str, status: int, seconds: float) -> None:
        """See `GatewayStats`."""

    def published(self, vendor: str, source: str, types: Iterable[str]) -> None:
        """See `GatewayStats`."""

    def ignored(self, vendor: str, codes: Iterable[str]) -> None:
        """See `GatewayStats`."""

    def parked(self, vendor: str, source: str, reason: str) -> None:
        """See `GatewayStats`."""

    def in_flight(self, requests: int) -> None:
        """See `GatewayStats`."""

    def reloaded(self, accepted: bool) -> None:
        """See `GatewayStats`."""
