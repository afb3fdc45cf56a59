"""What the notifier tells about itself, to whoever listens."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

#: old: raised too long ago; repeated: told already; unreadable: not an alert.
Result: TypeAlias = Literal["delivered", "refused", "old", "repeated", "unreadable"]
RESULTS: tuple[Result, ...] = ("delivered", "refused", "old", "repeated", "unreadable")


class NotifierStats(Protocol):
    """Must return at once and never raise."""

    def notified(self, result: Result) -> None:
        """An alert is done with."""

    def retried(self) -> None:
        """An attempt failed and another one follows."""


class NoStats:
    """Nobody listens."""

    def notified(self, result: Result) -> None:
        """Ignored."""

    def retried(self) -> None:
        """Ignored."""
