"""Which topic holds what, how it is read and which table it lands in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from schemas import fast, wire
from schemas.records import DeadLetter, MetricFact, MetricWindow, SlaAlert
from schemas.topics import Topics
from sinks.clickhouse import blocks, rows
from sinks.clickhouse.blocks import ReadBlock

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Lane(Generic[R]):
    """One topic's way into one table."""

    topic: str
    #: The name of its schemas.
    record: str
    table: str
    #: Bytes → record; raises `Refused`.
    read: Callable[[bytes], R]
    #: Records and their log positions → the table's columns.
    columns: Callable[[Sequence[R], Sequence[int]], dict[str, list[Any]]]
    #: Payloads → the same columns at once, for topics of which there is much.
    block: ReadBlock | None = None


def lanes(topics: Topics) -> dict[str, Lane[Any]]:
    """Topic → lane, in the order in which a batch is inserted: causes before effects."""
    found: tuple[Lane[Any], ...] = (
        Lane(
            topics.interactions,
            "interaction_event",
            "interactions",
            fast.decode_event,
            rows.interaction_columns,
            blocks.interaction_block,
        ),
        Lane(
            topics.facts,
            "metric_fact",
            "metric_facts",
            _fact,
            lambda facts, _positions: rows.fact_columns(facts),
            blocks.fact_block,
        ),
        Lane(topics.alerts, "sla_alert", "sla_alerts", _alert, lambda alerts, _positions: rows.alert_columns(alerts)),
        Lane(topics.windows, "metric_window", "metric_windows", _window, rows.window_columns),
        Lane(topics.dead_letters, "dead_letter", "dead_letters", _dead_letter, rows.dead_letter_columns),
    )
    return {lane.topic: lane for lane in found}


def _fact(payload: bytes) -> MetricFact:
    return rows.checked_fact(fast.decode_fact(payload))


def _alert(payload: bytes) -> SlaAlert:
    return rows.checked_alert(wire.decode_alert(payload))


def _window(payload: bytes) -> MetricWindow:
    return rows.checked_window(fast.decode_window(payload))


def _dead_letter(payload: bytes) -> DeadLetter:
    return rows.checked_dead_letter(wire.decode_dead_letter(payload))
