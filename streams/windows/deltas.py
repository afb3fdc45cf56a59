"""What a changed fact changes in the windows, and its form on the topic `window-deltas`.

A worker gives every changed fact to a `DeltaBuilder`; after a chunk it sends what `take` returns, one message per
tenant, keyed by tenant. On the wire: one version byte, then msgpack of the columns, each in the narrowest width that
holds it, with each string once per batch.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.errors import MalformedRecord, UnknownSchema
from schemas.records import MetricFact
from streams.windows.shape import GRADED

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
#: metric, outcome (graded metrics only), channel, team, agent, priority
GroupKey: TypeAlias = tuple[str, "str | None", str, "str | None", "str | None", "str | None"]

VERSION = 1
_KEY_WIDTH = 6
_COLUMNS = 4  # source_offset, ended_at, value_ms, group


@dataclass(frozen=True, slots=True)
class DeltaBatch:
    """One tenant's rows of one chunk. A row adds a fact's value to its group of series, or takes it away again.

    All rows of one source offset are in one batch. `epoch` numbers the incarnations of the source log: a larger one
    means that its offsets began again.
    """

    tenant: str
    epoch: int
    source_partition: int
    groups: list[GroupKey]
    source_offset: Ints
    ended_at: Ints
    value_ms: Ints
    #: Index into `groups`.
    group: Ints
    added: Flags

    def __len__(self) -> int:
        return len(self.source_offset)


class _Column(msgspec.Struct, frozen=True, array_like=True, gc=False):
    #: Added to every element.
    base: int
    width_bytes: int
    data: bytes


class _Wire(msgspec.Struct, frozen=True, array_like=True, gc=False):
    tenant: str
    epoch: int
    source_partition: int
    strings: list[str]
    #: Indexes into `strings` from 1, six per group; 0 is None.
    keys: _Column
    source_offset: _Column
    ended_at: _Column
    value_ms: _Column
    #: Twice the group's index, plus 1 if the row is added.
    group: _Column


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


class _Pending:
    """One tenant's rows, flat: plain lists are the cheapest thing to append to."""

    __slots__ = ("groups", "keys", "rows", "strings")

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.groups: dict[GroupKey, int] = {}
        self.keys: list[int] = []
        self.strings: dict[str | None, int] = {None: 0}

    def code(self, group: GroupKey) -> int:
        strings = self.strings
        self.keys += [strings.setdefault(name, len(strings)) for name in group]
        code = self.groups[group] = 2 * len(self.groups)
        return code


class DeltaBuilder:
    """Collects the rows of one chunk of one source partition."""

    __slots__ = ("_epoch", "_source_partition", "_tenants")

    def __init__(self, source_partition: int, epoch: int) -> None:
        self._source_partition = source_partition
        self._epoch = epoch
        self._tenants: dict[str, _Pending] = {}

    def replace(self, old: MetricFact | None, new: MetricFact | None, source_offset: int) -> None:
        """The event at `source_offset` turned the fact `old` into `new`; None where there is none.

        Both are versions of one fact. Nothing is recorded unless the windows can tell them apart.
        """
        if old is not None and (old.value_ms is None or old.ended_at is None or old.retracted):
            old = None
        if new is not None and (new.value_ms is None or new.ended_at is None or new.retracted):
            new = None
        if old is not None:
            if new is not None and _alike(old, new):
                return
            self._add(old, source_offset, 0)
        if new is not None:
            self._add(new, source_offset, 1)

    def take(self) -> dict[str, bytes]:
        """The rows so far as one message per tenant, and begin anew."""
        taken = {tenant: self._encode(tenant, pending) for tenant, pending in self._tenants.items()}
        self._tenants.clear()
        return taken

    def _add(self, fact: MetricFact, source_offset: int, added: int) -> None:
        pending = self._tenants.get(fact.tenant)
        if pending is None:
            pending = self._tenants[fact.tenant] = _Pending()
        metric = fact.metric
        outcome = fact.outcome if metric in GRADED else None
        group = (metric, outcome, fact.channel, fact.team, fact.agent_id, fact.priority)
        code = pending.groups.get(group)
        if code is None:
            code = pending.code(group)
        pending.rows += (source_offset, fact.ended_at, fact.value_ms, code + added)  # type: ignore[arg-type]

    def _encode(self, tenant: str, pending: _Pending) -> bytes:
        rows = _ints(pending.rows).reshape(-1, _COLUMNS)
        return bytes([VERSION]) + _encoder.encode(
            _Wire(
                tenant=tenant,
                epoch=self._epoch,
                source_partition=self._source_partition,
                strings=[name for name in pending.strings if name is not None],
                keys=_pack(_ints(pending.keys)),
                source_offset=_pack(rows[:, 0]),
                ended_at=_pack(rows[:, 1]),
                value_ms=_pack(rows[:, 2]),
                group=_pack(rows[:, 3]),
            )
        )


def decode(payload: bytes) -> DeltaBatch:
    """The reverse of `DeltaBuilder.take`.

    Raises `UnknownSchema` for a version this release does not have, `MalformedRecord` for anything else wrong.
    """
    if not payload:
        raise MalformedRecord("an empty message is no batch of window deltas")
    if payload[0] != VERSION:
        raise UnknownSchema(f"window deltas of version {payload[0]}, this release reads {VERSION}: upgrade it")
    try:
        wire = _decoder.decode(memoryview(payload)[1:])
        keys, group = _unpack(wire.keys), _unpack(wire.group)
        offset, ended_at, value_ms = _unpack(wire.source_offset), _unpack(wire.ended_at), _unpack(wire.value_ms)
        groups = _groups(wire.strings, keys)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError) as exc:
        raise MalformedRecord(f"window deltas cut short or damaged ({type(exc).__name__})") from exc
    if not len(group) == len(offset) == len(ended_at) == len(value_ms):
        raise MalformedRecord("window deltas with columns of different lengths")
    if len(group) and not 0 <= group.min() <= group.max() < 2 * len(groups):
        raise MalformedRecord("window deltas with rows of no group")
    return DeltaBatch(
        tenant=wire.tenant,
        epoch=wire.epoch,
        source_partition=wire.source_partition,
        groups=groups,
        source_offset=offset,
        ended_at=ended_at,
        value_ms=value_ms,
        group=group >> 1,
        added=(group & 1).astype(np.bool_),
    )


def _alike(old: MetricFact, new: MetricFact) -> bool:
    return (
        old.value_ms == new.value_ms
        and old.ended_at == new.ended_at
        and old.agent_id == new.agent_id
        and old.channel == new.channel
        and old.team == new.team
        and old.priority == new.priority
        and (old.outcome == new.outcome or new.metric not in GRADED)
    )


def _ints(numbers: list[int]) -> Ints:
    # Through array: numpy takes three times as long to look at a list of ints itself.
    return np.frombuffer(array("q", numbers), dtype=np.int64)


def _pack(column: Ints) -> _Column:
    base = int(column.min())
    span = int(column.max()) - base
    width = next(width for width in (1, 2, 4, 8) if span < 1 << 8 * width)
    return _Column(base, width, (column - base).astype(f"<u{width}").tobytes())


def _unpack(column: _Column) -> Ints:
    if column.width_bytes not in (1, 2, 4, 8):
        raise ValueError("a width that is never written")
    return np.frombuffer(column.data, dtype=f"<u{column.width_bytes}").astype(np.int64) + column.base


def _groups(strings: list[str], keys: Ints) -> list[GroupKey]:
    if len(keys) % _KEY_WIDTH or (len(keys) and not 0 <= keys.min() <= keys.max() <= len(strings)):
        raise ValueError("keys that name no string")
    table = keys.reshape(-1, _KEY_WIDTH)
    # Every fact has a metric and a channel.
    if not (table[:, 0].all() and table[:, 2].all()):
        raise ValueError("a group without metric or channel")
    name = [None, *strings].__getitem__
    columns = (map(name, table[:, index].tolist()) for index in range(_KEY_WIDTH))
    return list(zip(*columns, strict=True))
