"""What a changed fact changes in the windows, and its form on the topic `window-deltas`.

A worker gives every changed fact to a `DeltaBuilder`; after a chunk it sends what `take` returns, one message per
tenant, keyed by tenant. On the wire: one version byte, then msgpack of the kinds and profiles that there are and of the
columns, each in the narrowest width that holds it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.errors import MalformedRecord, UnknownSchema
from schemas.records import MetricFact
from streams.windows.shape import GRADED

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
#: metric, outcome (graded metrics only)
Kind: TypeAlias = tuple[str, "str | None"]
#: channel, team, agent, priority
Profile: TypeAlias = tuple[str, "str | None", "str | None", "str | None"]

VERSION = 3
#: Before, a row had its kind and its profile in one. Still read: a broker has a day of it after an upgrade.
_IN_ONE = 2


@dataclass(frozen=True, slots=True)
class DeltaBatch:
    """One tenant's rows of one chunk. A row adds a fact's value to its kind and profile, or takes it away again.

    All rows of one source offset are in one batch. `epoch` numbers the incarnations of the source log: a larger one
    means that its offsets began again.
    """

    tenant: str
    epoch: int
    source_partition: int
    kinds: list[Kind]
    profiles: list[Profile]
    source_offset: Ints
    ended_at: Ints
    value_ms: Ints
    #: Index into `kinds`.
    kind: Ints
    #: Index into `profiles`.
    profile: Ints
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
    kinds: list[Kind]
    profiles: list[Profile]
    kind: _Column
    profile: _Column
    #: Twice the source offset, plus 1 if the row is added.
    mark: _Column
    ended_at: _Column
    value_ms: _Column


class _WireInOne(msgspec.Struct, frozen=True, array_like=True, gc=False):
    tenant: str
    epoch: int
    source_partition: int
    groups: list[tuple[str, str | None, str, str | None, str | None, str | None]]
    group: _Column
    mark: _Column
    ended_at: _Column
    value_ms: _Column


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)
_decoder_in_one = msgspec.msgpack.Decoder(_WireInOne)
_Key = TypeVar("_Key", bound=Hashable)


#: No fact has it anywhere.
_NOTHING = object()


class _Pending:
    """One tenant's rows, as columns that grow."""

    __slots__ = (
        "agent",
        "channel",
        "ended_at",
        "kind",
        "kinds",
        "marks",
        "number",
        "priority",
        "profile",
        "profiles",
        "team",
        "value_ms",
    )

    def __init__(self) -> None:
        self.kinds: dict[Kind, int] = {}
        self.profiles: dict[Profile, int] = {}
        self.kind: list[int] = []
        self.profile: list[int] = []
        self.marks: list[int] = []
        self.ended_at: list[int | None] = []
        self.value_ms: list[int | None] = []
        #: The profile of the last row and its number: mostly the next row's as well, and then the very same objects.
        self.channel: object = _NOTHING
        self.team: str | None = None
        self.agent: str | None = None
        self.priority: str | None = None
        self.number = -1

    def profile_of(self, fact: MetricFact) -> int:
        """The number of a fact's profile."""
        channel, team, agent, priority = fact.channel, fact.team, fact.agent_id, fact.priority
        if channel is self.channel and team is self.team and agent is self.agent and priority is self.priority:
            return self.number
        self.channel, self.team, self.agent, self.priority = channel, team, agent, priority
        self.number = _number(self.profiles, (channel, team, agent, priority))
        return self.number


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
        metric = fact.metric
        outcome = fact.outcome if metric in GRADED else None
        pending.kind.append(_number(pending.kinds, (metric, outcome)))
        pending.profile.append(pending.profile_of(fact))
        pending.marks.append(mark)
        pending.ended_at.append(fact.ended_at)
        pending.value_ms.append(fact.value_ms)

    def _encode(self, tenant: str, pending: _Pending) -> bytes:
        return bytes([VERSION]) + _encoder.encode(
            _Wire(
                tenant=tenant,
                epoch=self._epoch,
                source_partition=self._source_partition,
                kinds=list(pending.kinds),
                profiles=list(pending.profiles),
                kind=_pack(np.array(pending.kind, dtype=np.int64)),
                profile=_pack(np.array(pending.profile, dtype=np.int64)),
                mark=_pack(np.array(pending.marks, dtype=np.int64)),
                ended_at=_pack(np.array(pending.ended_at, dtype=np.int64)),
                value_ms=_pack(np.array(pending.value_ms, dtype=np.int64)),
            )
        )


def decode(payload: bytes) -> DeltaBatch:
    """The reverse of `DeltaBuilder.take`.

    Raises `UnknownSchema` for a version this release does not have, `MalformedRecord` for anything else wrong.
    """
    if not payload:
        raise MalformedRecord("an empty message is no batch of window deltas")
    if payload[0] not in (_IN_ONE, VERSION):
        raise UnknownSchema(f"window deltas of version {payload[0]}, this release reads {VERSION}: upgrade it")
    try:
        wire = _read(payload[0], memoryview(payload)[1:])
        mark, ended_at, value_ms = _unpack(wire.mark), _unpack(wire.ended_at), _unpack(wire.value_ms)
        kind, profile = _unpack(wire.kind), _unpack(wire.profile)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError) as exc:
        raise MalformedRecord(f"window deltas cut short or damaged ({type(exc).__name__})") from exc
    if not len(mark) == len(ended_at) == len(value_ms) == len(kind) == len(profile):
        raise MalformedRecord("window deltas with columns of different lengths")
    if not (_are_places(kind, wire.kinds) and _are_places(profile, wire.profiles)):
        raise MalformedRecord("window deltas with rows of a kind or a profile that is not there")
    return DeltaBatch(
        tenant=wire.tenant,
        epoch=wire.epoch,
        source_partition=wire.source_partition,
        kinds=wire.kinds,
        profiles=wire.profiles,
        source_offset=mark >> 1,
        ended_at=ended_at,
        value_ms=value_ms,
        kind=kind,
        profile=profile,
        added=(mark & 1).astype(np.bool_),
    )


def _read(version: int, body: memoryview) -> _Wire:
    if version == VERSION:
        return _decoder.decode(body)
    was = _decoder_in_one.decode(body)
    group = _unpack(was.group)
    if not _are_places(group, was.groups):
        raise ValueError("a row of a group that is not there")
    kinds: dict[Kind, int] = {}
    profiles: dict[Profile, int] = {}
    kind = np.array([_number(kinds, each[:2]) for each in was.groups], dtype=np.int64)
    profile = np.array([_number(profiles, each[2:]) for each in was.groups], dtype=np.int64)
    return _Wire(
        tenant=was.tenant,
        epoch=was.epoch,
        source_partition=was.source_partition,
        kinds=list(kinds),
        profiles=list(profiles),
        kind=_pack(kind[group]),
        profile=_pack(profile[group]),
        mark=was.mark,
        ended_at=was.ended_at,
        value_ms=was.value_ms,
    )


def _number(keys: dict[_Key, int], key: _Key) -> int:
    """The number of a key; one that is new gets the next."""
    # A dictionary with a __missing__ of its own takes three times as long.
    number = keys.get(key)
    if number is None:
        number = keys[key] = len(keys)
    return number


def _are_places(column: Ints, of: Sequence[object]) -> bool:
    """Whether each is an index into `of`."""
    return not len(column) or (int(np.min(column)) >= 0 and int(np.max(column)) < len(of))


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


def _pack(column: Ints) -> _Column:
    base = int(np.min(column))
    span = int(np.max(column)) - base
    width = next(width for width in (1, 2, 4, 8) if span < 1 << 8 * width)
    return _Column(base, width, (column - base).astype(f"<u{width}").tobytes())


def _unpack(column: _Column) -> Ints:
    if column.width_bytes not in (1, 2, 4, 8):
        raise ValueError("a width that is never written")
    return np.frombuffer(column.data, dtype=f"<u{column.width_bytes}").astype(np.int64) + column.base
