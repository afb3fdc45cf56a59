"""Payloads → columns of a table, all at once: `sinks.clickhouse.rows` for what comes in thousands.

block = interaction_block(payloads, positions)     # block.columns as `interaction_columns` has them
block.odd                                           # places in `payloads` to read one by one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from schemas.columnar import BlockReader, Column, Numbers
from schemas.columnar.arrays import Mask
from schemas.columnar.checks import instants, sound_events, within
from schemas.records import Call, InteractionEvent, MetricFact, Survey
from schemas.registry import latest
from sinks.clickhouse.rows import MAX_UINT32


class TableBlock(NamedTuple):
    """Columns of so many rows; `odd` are places of what is not among them."""

    columns: dict[str, Column]
    rows: int
    odd: list[int]


#: Payloads and their log positions → a block.
ReadBlock: TypeAlias = Callable[[Sequence[bytes], Sequence[int]], TableBlock]


def interaction_block(payloads: Sequence[bytes], positions: Sequence[int]) -> TableBlock:
    """A block of `interactions`."""
    return _table_block(_EVENTS, _EVENT_PATHS, payloads, positions)


def fact_block(payloads: Sequence[bytes], _positions: Sequence[int]) -> TableBlock:
    """A block of `metric_facts`."""
    return _table_block(_FACTS, _FACT_PATHS, payloads, None)


def _table_block(
    reader: BlockReader, paths: Mapping[str, str], payloads: Sequence[bytes], positions: Sequence[int] | None
) -> TableBlock:
    block = reader.read(payloads)
    if not len(block.rows):
        return TableBlock({}, 0, block.odd)
    columns = {name: block.columns[path] for name, path in paths.items()}
    if positions is not None:
        columns["log_position"] = Numbers(np.array(positions, np.uint64)[block.rows])
    return TableBlock(columns, len(block.rows), block.odd)


def _sound_facts(fields: Mapping[str, Any]) -> Mask:
    """Those that `checked_fact` lets through."""
    sound = instants(fields["started_at"].values)
    for name in ("ended_at", "deadline"):
        sound &= instants(fields[name].values)
    for name in ("revision", "episode"):
        sound &= within(fields[name].values, 0, MAX_UINT32)
    return sound


_FACT_PATHS = {field: field for field in MetricFact.__struct_fields__}
#: A column of `interactions` → where the schema has it.
_EVENT_PATHS = {
    **{field: field for field in InteractionEvent.__struct_fields__ if field not in {"survey", "call"}},
    "actor_kind": "actor.kind",
    "actor_id": "actor.id",
    **{f"survey_{field}": f"survey.{field}" for field in Survey.__struct_fields__ if field != "survey_id"},
    "survey_id": "survey.survey_id",
    **{f"call_{field}": f"call.{field}" for field in Call.__struct_fields__},
}
_EVENTS = BlockReader(latest("interaction_event"), sound_events, ("tenant", "source", "team", "language"))
_FACTS = BlockReader(
    latest("metric_fact"),
    _sound_facts,
    ("tenant", "metric", "outcome", "channel", "team", "priority", "policy", "policy_version"),
)
