"""What the sink has read and not yet inserted. Pure: no Kafka, no ClickHouse, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.errors import Refused
from schemas.records import DeadLetter, MetricWindow
from schemas.times import EpochMs
from schemas.topics import Topics
from sinks.clickhouse.rows import log_position
from sinks.lanes import Lane
from sinks.loads import BlockLoad, Load, RecordLoad
from sinks.source import SourceRecord

#: So many records are read at once, where a lane can: enough that a record's share of each step is small, few enough
#: that what a step works on stays in the processor's cache.
_BLOCK_ROWS = 4_096
#: Reading at once costs as much as this many records one by one.
_FEW_ROWS = 128


class Refusal(NamedTuple):
    """A record that could not be read, and whose letter is ours to park or to land."""

    topic: str
    reason: str


class _Piece(NamedTuple):
    """Records of one partition, in their order."""

    partition: int
    records: Sequence[SourceRecord]


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
    _unread: dict[str, list[_Piece]] = field(default_factory=lambda: defaultdict(list))
    _blocks: dict[str, BlockLoad] = field(default_factory=dict)
    _loads: dict[str, RecordLoad] = field(default_factory=dict)

    def add(self, topic: str, partition: int, records: Sequence[SourceRecord], now_ms: EpochMs) -> None:
        """Take records of one partition, in their order. `now_ms` is when letters count as parked."""
        if not records:
            return
        self.rows += len(records)
        self.size_bytes += sum([len(record.value or b"") for record in records])
        self.offsets[topic, partition] = records[-1].offset + 1
        self.timestamps_ms[topic] += [record.timestamp_ms for record in records]
        unread = self._unread[topic]
        unread.append(_Piece(partition, records))
        if self.lanes[topic].block is None or sum(len(piece.records) for piece in unread) >= _BLOCK_ROWS:
            self._read(topic, now_ms)

    def close(self, now_ms: EpochMs) -> None:
        """Read what was taken and not yet read: nothing is added from here on."""
        for topic in list(self._unread):
            self._read(topic, now_ms)

    def loads(self) -> Iterator[Load]:
        """What has to be inserted, causes before effects. The batch is closed."""
        for topic in self.lanes:
            for load in (self._blocks.get(topic), self._loads.get(topic)):
                if load is not None and load.rows:
                    yield load

    def _read(self, topic: str, now_ms: EpochMs) -> None:
        pieces = self._unread.pop(topic)
        lane = self.lanes[topic]
        records = [record for piece in pieces for record in piece.records]
        if lane.block is None or len(records) < _FEW_ROWS:
            self._read_each(topic, pieces, range(len(records)), now_ms)
            return
        first = log_position(self.epoch, 0)
        positions = [first | record.offset for record in records]
        block = lane.block([record.value or b"" for record in records], positions)
        if block.rows:
            self._blocks.setdefault(topic, BlockLoad(lane)).blocks.append(block)
        self._read_each(topic, pieces, block.odd, now_ms)

    def _read_each(self, topic: str, pieces: Sequence[_Piece], places: Sequence[int], now_ms: EpochMs) -> None:
        """Read the records at these places of the pieces one by one."""
        if not places:
            return
        lane = self.lanes[topic]
        load = self._loads.setdefault(topic, RecordLoad(lane))
        sources = [(piece.partition, record) for piece in pieces for record in piece.records]
        for place in places:
            partition, record = sources[place]
            read = self._record(lane, partition, record, now_ms)
            if read is None:
                continue
            if isinstance(read, MetricWindow):
                self.windows.append(read)
            load.records.append(read)
            load.positions.append(log_position(self.epoch, record.offset))

    def _record(self, lane: Lane[Any], partition: int, record: SourceRecord, now_ms: EpochMs) -> Any:
        try:
            return lane.read(record.value or b"")
        except Refused as refused:
            return self._refused(lane.topic, partition, record, refused, now_ms)

    def _refused(
        self, topic: str, partition: int, record: SourceRecord, refused: Refused, now_ms: EpochMs
    ) -> DeadLetter | None:
        if topic == self.topics.interactions:
            # A tick, or what the worker, which reads them too, parks and counts.
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
        self.letters.append(letter)
        return None
