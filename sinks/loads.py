"""Rows on their way into one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.columnar.columns import joined
from sinks.clickhouse.blocks import TableBlock
from sinks.lanes import Lane


class Load(Protocol):
    """Something to insert."""

    lane: Lane[Any]

    @property
    def rows(self) -> int:
        """How many."""

    def columns(self) -> dict[str, Sequence[Any]]:
        """The table's columns."""


@dataclass(slots=True)
class RecordLoad:
    """What was read one by one."""

    lane: Lane[Any]
    records: list[Any] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """See `Load`."""
        return len(self.records)

    def columns(self) -> dict[str, Sequence[Any]]:
        """See `Load`."""
        return dict(self.lane.columns(self.records, self.positions))


@dataclass(slots=True)
class BlockLoad:
    """What was read at once."""

    lane: Lane[Any]
    blocks: list[TableBlock] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """See `Load`."""
        return sum(block.rows for block in self.blocks)

    def columns(self) -> dict[str, Sequence[Any]]:
        """See `Load`."""
        names = self.blocks[0].columns
        return {name: joined([block.columns[name] for block in self.blocks]) for name in names}
