"""Records → columns, one function per table, in the table's own names.

    columns = fact_columns(facts)                        # {"tenant": [...], "fact_id": [...], ...}
    columns = interaction_columns(events, positions)     # positions: where each lay in the log, see `log_position`

`checked_*` refuse what a decoder lets through and a column cannot hold; events are checked by their decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from schemas.errors import InvalidEvent
from schemas.records import Call, DeadLetter, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey
from schemas.times import MAX_MS, MIN_MS, EpochMs

R = TypeVar("R", bound=msgspec.Struct)

_PLAIN_EVENT_FIELDS = tuple(field for field in InteractionEvent.__struct_fields__ if field not in {"survey", "call"})
_MAX_EPOCH = (1 << 16) - 1
_OFFSET_BITS = 48
MAX_UINT32 = (1 << 32) - 1


def log_position(epoch: int, offset: int) -> int:
    """Where a record lies in all the logs there ever were: `epoch << 48 | offset`.

    `epoch` counts the incarnations of a broker that forgets; it is 0 for one that does not.
    """
    if not 0 <= epoch <= _MAX_EPOCH:
        raise ValueError(f"epoch {epoch} is not within 0 … {_MAX_EPOCH}")
    return epoch << _OFFSET_BITS | offset


def interaction_columns(events: Sequence[InteractionEvent], positions: Sequence[int]) -> dict[str, list[Any]]:
    """Columns of `interactions`."""
    columns = _columns(events, _PLAIN_EVENT_FIELDS)
    surveys: list[Survey | None] = [event.survey for event in events]
    calls: list[Call | None] = [event.call for event in events]
    columns["survey_kind"] = [None if survey is None else survey.kind for survey in surveys]
    for field in ("score", "min", "max"):
        columns[f"survey_{field}"] = [getattr(survey, field, None) for survey in surveys]
    columns["survey_id"] = [None if survey is None else survey.survey_id for survey in surveys]
    for field in Call.__struct_fields__:
        columns[f"call_{field}"] = [getattr(call, field, None) for call in calls]
    columns["log_position"] = list(positions)
    return columns


def fact_columns(facts: Sequence[MetricFact]) -> dict[str, list[Any]]:
    """Columns of `metric_facts`."""
    return _columns(facts, MetricFact.__struct_fields__)


def alert_columns(alerts: Sequence[SlaAlert]) -> dict[str, list[Any]]:
    """Columns of `sla_alerts`."""
    return _columns(alerts, SlaAlert.__struct_fields__)


def window_columns(windows: Sequence[MetricWindow], positions: Sequence[int]) -> dict[str, list[Any]]:
    """Columns of `metric_windows`."""
    return {**_columns(windows, MetricWindow.__struct_fields__), "log_position": list(positions)}


def dead_letter_columns(letters: Sequence[DeadLetter], positions: Sequence[int]) -> dict[str, list[Any]]:
    """Columns of `dead_letters`."""
    return {**_columns(letters, DeadLetter.__struct_fields__), "log_position": list(positions)}


def checked_fact(fact: MetricFact) -> MetricFact:
    """The fact, if ClickHouse can hold it; else raises `InvalidEvent`."""
    _instant("started_at", fact.started_at)
    _instant("ended_at", fact.ended_at)
    _instant("deadline", fact.deadline)
    _natural("revision", fact.revision)
    _natural("episode", fact.episode)
    return fact


def checked_alert(alert: SlaAlert) -> SlaAlert:
    """The alert, if ClickHouse can hold it; else raises `InvalidEvent`."""
    _instant("deadline", alert.deadline)
    _instant("raised_at", alert.raised_at)
    return alert


def checked_window(window: MetricWindow) -> MetricWindow:
    """The window, if ClickHouse can hold it; else raises `InvalidEvent`."""
    _instant("window_start", window.window_start)
    _instant("window_end", window.window_end)
    _natural("window_seconds", window.window_seconds)
    for field in ("count", "met", "breached"):
        if (getattr(window, field) or 0) < 0:
            raise InvalidEvent(f"a number of facts cannot be negative - at `$.{field}`")
    return window


def checked_dead_letter(letter: DeadLetter) -> DeadLetter:
    """The dead letter, if ClickHouse can hold it; else raises `InvalidEvent`."""
    _instant("parked_at", letter.parked_at)
    return letter


def _columns(records: Sequence[R], fields: Sequence[str]) -> dict[str, list[Any]]:
    return {field: list(map(attrgetter(field), records)) for field in fields}


def _instant(field: str, at_ms: EpochMs | None) -> None:
    if at_ms is not None and not MIN_MS <= at_ms <= MAX_MS:
        raise InvalidEvent(f"an instant outside of 1900 to 2299 - at `$.{field}`")


def _natural(field: str, value: int) -> None:
    if not 0 <= value <= MAX_UINT32:
        raise InvalidEvent(f"a number outside of 0 to {MAX_UINT32} - at `$.{field}`")
