"""Where many records are being read at once, and Avro's values from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.checks import MAX_NAME_CHARACTERS
from schemas.columnar.arrays import Bytes, Mask, Places, Values, Words, words_of
from schemas.registry import HEADER_BYTES

#: More than the fields behind each other that are no texts can take, and than a word.
_PADDING = bytes(1024)
#: What 8 bytes have of the lowest bit of each, and of the highest.
_GOES_ON = np.uint64(0x8080808080808080)
_SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
#: Neighbouring groups of 7, 14 and 28 bits are brought together: the mask of the lower, and how far the others move.
_FOLDS = (
    (np.uint64(0x007F007F007F007F), np.uint64(1)),
    (np.uint64(0x00003FFF00003FFF), np.uint64(2)),
    (np.uint64(0x000000000FFFFFFF), np.uint64(4)),
)
_ONE = np.uint64(1)
_HIGHEST = np.uint64(1 << 63)


class Cursor:
    """`at` is the place of each record in `data`; `sound` what could be read so far.

    A record that goes past its end stays past it, so `finished` tells; reading it until then does no harm.
    """

    __slots__ = ("_limit", "at", "data", "sound", "words")

    def __init__(self, data: Bytes, words: Words, at: Places) -> None:
        self.data = data
        self.words = words
        self.at = at
        self.sound: Mask = np.ones(len(at), np.bool_)
        self._limit = len(data) - len(_PADDING) + 1

    def __len__(self) -> int:
        return len(self.at)

    def part(self, rows: Places) -> Cursor:
        """Some of the records; `back` brings home where they are then."""
        return Cursor(self.data, self.words, self.at[rows])

    def back(self, rows: Places, part: Cursor) -> None:
        """`rows` are where `part` is."""
        self.at[rows] = part.at
        self.sound[rows] &= part.sound

    def require(self, sound: Mask) -> None:
        """Records for which this is not true are not sound."""
        self.sound &= sound

    def byte(self) -> Bytes:
        """The next byte."""
        found: Bytes = self.data.take(self.at)
        self.at += 1
        return found

    def long(self) -> Values:
        """A zig-zag varint of at most eight bytes."""
        first = self.data.take(self.at)
        if len(first) and int(first.max()) < 0x80:
            self.at += 1
            short = first.astype(np.int64)
            return _signed(short)
        words = self.words[self.at]
        ends = ~words & _GOES_ON
        # The highest bit of the last byte.
        last = ends & (~ends + _ONE)
        whole = last != 0
        if not whole.all():
            self.require(whole)
            last = np.where(whole, last, _HIGHEST)
        words &= (last - _ONE) & _SEVEN_BITS
        for mask, shift in _FOLDS:
            words = words & mask | (words & ~mask) >> shift
        # As a fraction it is a power of two: the exponent says which.
        self.at += (last.astype(np.float64).view(np.int64) >> 52) - 1022 >> 3
        return _signed(words.astype(np.int64))

    def double(self) -> Values:
        """Eight bytes."""
        found: Values = self.words[self.at].view(np.float64)
        self.at += 8
        return found

    def text(self) -> tuple[Places, Places]:
        """Start and size of a string. One that is too long for a name is not sound."""
        size = self.byte().astype(np.int64)
        self.require(size & 1 == 0)
        long = size > 0x7F
        if long.any():
            second = self.data.take(self.at)
            self.require(~long | (second < 0x80))
            size = np.where(long, size & 0x7F | second.astype(np.int64) << 7, size)
            self.at += long
        size >>= 1
        self.require(size <= MAX_NAME_CHARACTERS)
        starts = self.at.copy()
        self.at += size
        np.minimum(self.at, self._limit, out=self.at)
        return starts, size


def _signed(zigzag: Values) -> Values:
    numbers: Values = (zigzag >> 1) ^ -(zigzag & 1)
    return numbers


def cursor_over(payloads: Sequence[bytes], header: bytes) -> tuple[Cursor, Places]:
    """(behind the headers of these records, where each ends)."""
    data = np.frombuffer(b"".join((*payloads, _PADDING)), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, payloads), np.int64, len(payloads)))
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    cursor = Cursor(data, words_of(data), starts)
    expected = np.frombuffer(header, np.uint8)
    words = cursor.words[starts]
    cursor.require(words == expected[:8].view("<u8")[0])
    for offset in range(8, HEADER_BYTES):
        cursor.require(data.take(starts + offset) == expected[offset])
    cursor.at = starts + HEADER_BYTES
    return cursor, ends
