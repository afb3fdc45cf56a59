"""What the sink has read and not yet inserted. Pure: no Kafka, no ClickHouse, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.errors import Refused
from schemas.records import DeadLetter, MetricWindow
from schemas.ticks import is_tick
from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.clickhouse.rows import log_position
from sinks.lanes import Lane


class SourceRecord(NamedTuple):
    """A record as it lay in its topic."""

    offset: int
    timestamp_ms: EpochMs
    key: bytes | None
    value: bytes | None


class Refusal(NamedTuple):
    """A record that could not be read."""

    topic: str
    reason: str


@dataclass(slots=True)
class Load:
    """Records on their way into one table."""

    lane: Lane[Any]
    records: list[Any] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    def columns(self) -> dict[str, list[Any]]:
        """The table's columns."""
        return self.lane.columns(self.records, self.positions)


@dataclass(slots=True)
class Batch:
    """Records of all topics, to be inserted before the offsets behind them are committed."""

    lanes: Mapping[str, Lane[Any]]
    topics: Topics
    epoch: int
    #: Dead letters that have to reach the dead letter topic first.
    letters: list[DeadLetter] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    windows: list[MetricWindow] = field(default_factory=list)
    #: (topic, partition) → the offset to commit
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    #: topic → the timestamps of its records
    timestamps_ms: dict[str, list[EpochMs]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0
    size_bytes: int = 0
    _loads: dict[str, Load] = field(default_factory=dict)

    def add(self, topic: str, partition: int, records: Iterable[SourceRecord], now_ms: EpochMs) -> None:
        """Read records of one partition, in their order. `now_ms` is when letters count as parked."""
        lane = self.lanes[topic]
        load = self._loads.setdefault(topic, Load(lane))
        timestamps = self.timestamps_ms[topic]
        for record in records:
            self.rows += 1
            self.size_bytes += len(record.value or b"")
            self.offsets[topic, partition] = record.offset + 1
            timestamps.append(record.timestamp_ms)
            try:
                read = lane.read(record.value or b"")
            except Refused as refused:
                read = self._refused(topic, partition, record, refused, now_ms)
                if read is None:
                    continue
            if isinstance(read, MetricWindow):
                self.windows.append(read)
            load.records.append(read)
            load.positions.append(log_position(self.epoch, record.offset))

    def loads(self) -> Iterator[Load]:
        """What has to be inserted, causes before effects."""
        for topic in self.lanes:
            load = self._loads.get(topic)
            if load is not None and load.records:
                yield load

    def _refused(
        self, topic: str, partition: int, record: SourceRecord, refused: Refused, now_ms: EpochMs
    ) -> DeadLetter | None:
        if topic == self.topics.interactions and is_tick(record.key, record.value):
            return None
        self.refusals.append(Refusal(topic, refused.reason))
        letter = DeadLetter(
            reason=refused.reason,
            detail=refused.detail,
            origin=f"{topic}/{partition}/{record.offset}",
            parked_at=now_ms,
            key=record.key,
            original=record.value or b"",
        )
        if topic == self.topics.dead_letters:
            # Parked once more it would come round for ever, so it goes to where dead letters end.
            return letter
        if topic != self.topics.interactions:
            # The worker reads `interactions` too and parks what it cannot read there.
            self.letters.append(letter)
        return None
