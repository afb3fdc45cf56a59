"""What a changed fact changes in the windows, and its form on the topic `window-deltas`.

A worker gives every changed fact to a `DeltaBuilder`; after a chunk it sends what `take` returns, one message per
tenant, keyed by tenant. On the wire: one version byte, then msgpack of the columns, each in the narrowest width that
holds it, with each string once per batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from sys import intern
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
_METRIC, _OUTCOME, _CHANNEL = range(3)
_read = attrgetter("ended_at", "value_ms", "metric", "outcome", "channel", "team", "agent_id", "priority")


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
    #: Six columns one after the other: indexes into `strings` from 1; 0 is None.
    keys: _Column
    #: Twice the source offset, plus 1 if the row is added.
    mark: _Column
    ended_at: _Column
    value_ms: _Column


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


class _Codes(dict["str | None", int]):
    """Strings by number, in the order they were first asked for."""

    def __missing__(self, name: str | None) -> int:
        code = self[name] = len(self)
        return code


class _Pending:
    """One tenant's facts and what to do with them; they become columns all at once, which is the cheapest way."""

    __slots__ = ("facts", "marks")

    def __init__(self) -> None:
        self.facts: list[MetricFact] = []
        self.marks: list[int] = []


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
            self._add(old, 2 * source_offset)
        if new is not None:
            self._add(new, 2 * source_offset + 1)

    def take(self) -> dict[str, bytes]:
        """The rows so far as one message per tenant, and begin anew."""
        taken = {tenant: self._encode(tenant, pending) for tenant, pending in self._tenants.items()}
        self._tenants.clear()
        return taken

    def _add(self, fact: MetricFact, mark: int) -> None:
        pending = self._tenants.get(fact.tenant)
        if pending is None:
            pending = self._tenants[fact.tenant] = _Pending()
        pending.facts.append(fact)
        pending.marks.append(mark)

    def _encode(self, tenant: str, pending: _Pending) -> bytes:
        rows = len(pending.facts)
        ended_at, value_ms, *names = zip(*map(_read, pending.facts), strict=True)
        codes = _Codes({None: 0})
        keys = np.fromiter(map(codes.__getitem__, chain.from_iterable(names)), np.int64, _KEY_WIDTH * rows)
        _forget_ungraded(keys.reshape(_KEY_WIDTH, rows), codes)
        return bytes([VERSION]) + _encoder.encode(
            _Wire(
                tenant=tenant,
                epoch=self._epoch,
                source_partition=self._source_partition,
                strings=[name for name in codes if name is not None],
                keys=_pack(keys),
                mark=_pack(np.fromiter(pending.marks, np.int64, rows)),
                ended_at=_pack(np.fromiter(ended_at, np.int64, rows)),
                value_ms=_pack(np.fromiter(value_ms, np.int64, rows)),
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
        mark, ended_at, value_ms = _unpack(wire.mark), _unpack(wire.ended_at), _unpack(wire.value_ms)
        groups, group = _groups(wire.strings, _unpack(wire.keys))
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError) as exc:
        raise MalformedRecord(f"window deltas cut short or damaged ({type(exc).__name__})") from exc
    if not len(mark) == len(ended_at) == len(value_ms) == len(group):
        raise MalformedRecord("window deltas with columns of different lengths")
    return DeltaBatch(
        tenant=wire.tenant,
        epoch=wire.epoch,
        source_partition=wire.source_partition,
        groups=groups,
        source_offset=mark >> 1,
        ended_at=ended_at,
        value_ms=value_ms,
        group=group,
        added=(mark & 1).astype(np.bool_),
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


def _forget_ungraded(keys: Ints, codes: _Codes) -> None:
    """Only a graded metric's outcome tells groups apart."""
    graded = np.zeros(len(codes), dtype=np.int64)
    graded[[codes[metric] for metric in GRADED if metric in codes]] = 1
    keys[_OUTCOME] *= graded[keys[_METRIC]]


def _pack(column: Ints) -> _Column:
    base = int(np.min(column))
    span = int(np.max(column)) - base
    width = next(width for width in (1, 2, 4, 8) if span < 1 << 8 * width)
    return _Column(base, width, (column - base).astype(f"<u{width}").tobytes())


def _unpack(column: _Column) -> Ints:
    if column.width_bytes not in (1, 2, 4, 8):
        raise ValueError("a width that is never written")
    return np.frombuffer(column.data, dtype=f"<u{column.width_bytes}").astype(np.int64) + column.base


def _groups(strings: list[str], keys: Ints) -> tuple[list[GroupKey], Ints]:
    """The groups there are, and the index of each row's."""
    columns = keys.reshape(_KEY_WIDTH, -1)
    if not columns.size:
        return [], columns[0]
    if not 0 <= np.min(columns) <= np.max(columns) <= len(strings):
        raise ValueError("keys that name no string")
    # Every fact has a metric and a channel.
    if not (columns[_METRIC].all() and columns[_CHANNEL].all()):
        raise ValueError("a group without metric or channel")
    first, group = _distinct(columns, len(strings) + 1)
    # Interned, so that comparing groups of different batches is comparing pointers.
    said = [None, *map(intern, strings)]
    names = [said[code] for code in columns[:, first].ravel().tolist()]
    each = len(first)
    return list(zip(*(names[start : start + each] for start in range(0, len(names), each)), strict=True)), group


def _distinct(columns: Ints, base: int) -> tuple[Ints, Ints]:
    """Where each distinct row is first, and for every row the number of its like."""
    if base**_KEY_WIDTH < 1 << 63:
        digits = base ** np.arange(_KEY_WIDTH, dtype=np.int64)
        _, first, group = np.unique(digits @ columns, return_index=True, return_inverse=True)
    else:
        _, first, group = np.unique(columns, axis=1, return_index=True, return_inverse=True)
    return first, group.reshape(-1)
