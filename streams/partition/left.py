"""The conversations that left memory: which they are, and the little of them that ClickHouse does not have.

Nearly all of them are two numbers in a table of 16 bytes a place. A conversation is known there by two hashes of its
name, 96 bits together: taking a new one for one that left would make its partition wait for events that never come.
"""

from __future__ import annotations

from array import array

import msgspec

from schemas.times import EpochMs
from streams.timers.kept import Raised

#: Stands before a packed `Left`, and never before a packed head: those are arrays.
_MARK = b"L"
_SHARDS = 64
_SHARD_BITS = 6
_FEWEST_PLACES = 8
_NOTED = 1
_MAX_64 = (1 << 64) - 1
_MAX_32 = (1 << 32) - 1


class Left(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is kept of a conversation that left. New fields go to the end, with a default."""

    #: How many distinct events it has.
    events: int
    #: What its head had under these names. Most conversations have none of them.
    judged_ms: EpochMs | None = None
    revisions: dict[str, int] = {}
    raised: dict[str, list[Raised]] = {}
    edition: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether the number of events says it all."""
        return self.judged_ms is None and not (self.revisions or self.raised or self.edition)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Left).decode


def pack_left(left: Left) -> bytes:
    """As it stands in the changelog, in the place of a head."""
    return _MARK + _encode(left)


def says_left(packed: bytes) -> bool:
    """Whether this stands for a conversation that left."""
    return packed.startswith(_MARK)


def unpack_left(packed: bytes) -> Left:
    """The reverse of `pack_left`."""
    return _decode(packed[1:])


class LeftBook:
    """Name of a conversation → `Left`."""

    __slots__ = ("_count", "_namesakes", "_notes", "_shards")

    def __init__(self) -> None:
        self._count = 0
        #: Many small tables: the largest step is to make one of them anew.
        self._shards = [_Shard() for _ in range(_SHARDS)]
        #: hash → packed `Left`, for those that are not plain
        self._notes: dict[int, bytes] = {}
        #: Those whose first hash is another one's too.
        self._namesakes: dict[str, Left] = {}

    def __len__(self) -> int:
        return self._count

    def get(self, name: str) -> Left | None:
        """What is kept of it; None if it has not left."""
        wanted = _hash(name)
        shard = self._shards[wanted % _SHARDS]
        value = shard.values[shard.place(wanted)]
        if not value or value >> 32 != _second_hash(name):
            return self._namesakes.get(name) if self._namesakes else None
        return _decode(self._notes[wanted]) if value & _NOTED else Left((value & _MAX_32) >> 1)

    def put(self, name: str, left: Left) -> None:
        """It has left."""
        self.discard(name)
        self._count += 1
        wanted = _hash(name)
        shard = self._shards[wanted % _SHARDS]
        if shard.values[shard.place(wanted)]:
            self._namesakes[name] = left
            return
        if not left.is_plain:
            self._notes[wanted] = _encode(left)
        shard.set(wanted, _second_hash(name) << 32 | left.events << 1 | (not left.is_plain))

    def discard(self, name: str) -> None:
        """It is here again, or never left."""
        if not self._count:
            return
        wanted = _hash(name)
        shard = self._shards[wanted % _SHARDS]
        place = shard.place(wanted)
        value = shard.values[place]
        if value and value >> 32 == _second_hash(name):
            # The key stays, so that what lies behind it is still found.
            shard.values[place] = 0
            self._notes.pop(wanted, None)
            self._count -= 1
        elif self._namesakes.pop(name, None) is not None:
            self._count -= 1


class _Shard:
    """An open-addressed table of 64-bit numbers; 0 is a free place, or a value that is gone."""

    __slots__ = ("keys", "taken", "values")

    def __init__(self) -> None:
        self.keys = array("Q", bytes(8 * _FEWEST_PLACES))
        self.values = array("Q", bytes(8 * _FEWEST_PLACES))
        self.taken = 0

    def place(self, wanted: int) -> int:
        """Where the key is, or would be."""
        keys = self.keys
        last = len(keys) - 1
        place = (wanted >> _SHARD_BITS) & last
        while (key := keys[place]) and key != wanted:
            place = (place + 1) & last
        return place

    def set(self, key: int, value: int) -> None:
        """Put a value; 0 is none."""
        place = self.place(key)
        if not self.keys[place]:
            if self.taken * 4 >= len(self.keys) * 3:
                self._make_room()
                place = self.place(key)
            self.taken += 1
        self.keys[place], self.values[place] = key, value

    def _make_room(self) -> None:
        found = [(key, value) for key, value in zip(self.keys, self.values, strict=True) if value]
        places = len(self.keys) * (2 if len(found) * 2 > len(self.keys) else 1)
        self.keys, self.values, self.taken = array("Q", bytes(8 * places)), array("Q", bytes(8 * places)), len(found)
        for key, value in found:
            place = self.place(key)
            self.keys[place], self.values[place] = key, value


def _hash(name: str) -> int:
    # Python's own differs from process to process, and the table never leaves this one.
    return hash(name) & _MAX_64 or 1


def _second_hash(name: str) -> int:
    return hash(("left", name, len(name))) & _MAX_32
