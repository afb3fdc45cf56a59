"""A worker, its topic and a reader of `metric-windows`, as far as windows are concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.records import MetricFact, MetricWindow
from schemas.times import EpochMs
from streams.windows.batch import same_figures, windows_at
from streams.windows.book import WindowBook
from streams.windows.deltas import DeltaBuilder, decode
from streams.windows.shape import WINDOW_SECONDS

NOW: EpochMs = 1_772_000_000_000
DAY_MS = 86_400_000

WindowKey = tuple[str, str, str, str, int]
#: One event's changes: (old version, new version) of each fact it touched.
Changes = list[tuple["MetricFact | None", "MetricFact | None"]]


def fact(
    number: int = 1,
    *,
    ended_at: EpochMs | None = NOW,
    value_ms: int | None = 1_000,
    metric: str = "first_response",
    tenant: str = "acme",
    outcome: str | None = None,
    channel: Literal["email", "sms"] = "email",
    team: str | None = None,
    agent_id: str | None = None,
    priority: Literal["high", "low"] | None = None,
    retracted: bool = False,
    revision: int = 1,
) -> MetricFact:
    return MetricFact(
        tenant=tenant,
        fact_id=f"c{number}/1/1/{metric}",
        revision=revision,
        retracted=retracted,
        metric=metric,
        conversation_id=f"c{number}",
        episode=1,
        value_ms=value_ms,
        outcome=outcome,
        started_at=ended_at,
        ended_at=ended_at,
        channel=channel,
        team=team,
        agent_id=agent_id,
        priority=priority,
    )


def key_of(window: MetricWindow) -> WindowKey:
    return (window.tenant, window.metric, window.dimension, window.dimension_value, window.window_seconds)


class Rig:
    """Sends events' changes to a book, again if asked, and remembers what the book said last of each window."""

    def __init__(self) -> None:
        self.book = WindowBook()
        self.log: list[Changes] = []
        self.facts: dict[tuple[str, str], MetricFact] = {}
        self.standing: dict[WindowKey, MetricWindow] = {}
        self.now_ms = NOW

    def change(self, *versions: MetricFact) -> None:
        """One event that makes these the current versions. It is in the log, but not sent yet."""
        changes: Changes = []
        for version in versions:
            identity = (version.tenant, version.fact_id)
            changes.append((self.facts.get(identity), version))
            self.facts[identity] = version
        self.log.append(changes)

    def send(self, first_offset: int, last_offset: int | None = None, *, epoch: int = 0, partition: int = 0) -> int:
        """A chunk of the log, from one offset up to before another, to the book. Says how many rows were news."""
        builder = DeltaBuilder(partition, epoch)
        for offset, changes in enumerate(self.log[first_offset:last_offset], first_offset):
            for old, new in changes:
                builder.replace(old, new, offset)
        return sum(self.book.apply(decode(payload), self.now_ms) for payload in builder.take().values())

    def tell(self, *versions: MetricFact) -> int:
        """One event and its chunk."""
        self.change(*versions)
        return self.send(len(self.log) - 1)

    @property
    def sketch_pages(self) -> int:
        """Pages of bucket counts that the book has in use."""
        return sum(window.sketches.pages for window in self.book._windows)

    def refresh(self, later_ms: int = 0) -> list[MetricWindow]:
        self.now_ms += later_ms
        said = self.book.refresh(self.now_ms)
        self.standing.update((key_of(window), window) for window in said)
        return said

    def assert_right(self) -> None:
        """What stands is what the reference makes of the final facts."""
        expected = {key_of(window): window for window in windows_at(self.facts.values(), self.now_ms)}
        held = {key: window for key, window in self.standing.items() if window.count}
        assert held.keys() == expected.keys()
        for key, window in held.items():
            assert same_figures(at_the_end_of(window, expected[key]), expected[key]), (window, expected[key])


def at_the_end_of(window: MetricWindow, other: MetricWindow) -> MetricWindow:
    """The window with the other's instants: one that did not change was said at an earlier end."""
    return msgspec.structs.replace(window, window_start=other.window_start, window_end=other.window_end)


def find(
    windows: Sequence[MetricWindow], seconds: int = WINDOW_SECONDS[0], dimension: str = "all", value: str = ""
) -> MetricWindow:
    """The one window of this size and series."""
    (window,) = (
        window
        for window in windows
        if (window.window_seconds, window.dimension, window.dimension_value) == (seconds, dimension, value)
    )
    return window
