"""Types of arrays, and what is done to many short stretches of bytes at once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Mask: TypeAlias = npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.int64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]
Values: TypeAlias = npt.NDArray[Any]

#: A size of so many bytes or more takes two bytes in front of a text, and this many are more than those two can say.
TWO_BYTE_SIZE = 1 << 7
SIZES_END = 1 << 14
#: Of so many bytes `packed` works out the places at once, which take eight times as much memory.
_AT_ONCE_BYTES = 1 << 18


def words_of(data: Bytes) -> Words:
    """The eight bytes from every place on as a little-endian number; a view."""
    words: Words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    return words


def packed(data: Bytes, starts: Places, sizes: Places) -> Bytes:
    """Stretches of `data` one behind the other, each behind its size as a varint; sizes are below `SIZES_END`.

    In front of each stretch `data` has as many bytes as the varint takes.
    """
    long = sizes >= TWO_BYTE_SIZE
    prefixes = long + np.int64(1)
    taken = sizes + prefixes
    ends = np.cumsum(taken)
    total = int(ends[-1]) if len(ends) else 0
    if total > _AT_ONCE_BYTES and len(sizes) > 1:
        half = len(sizes) // 2
        halves = (packed(data, starts[:half], sizes[:half]), packed(data, starts[half:], sizes[half:]))
        whole: Bytes = np.concatenate(halves)
        return whole
    begins = ends - taken
    places = np.repeat(starts - prefixes - begins, taken)
    places += np.arange(total)
    out: Bytes = data.take(places)
    out[begins] = sizes & 0x7F | long * np.int64(0x80)
    if long.any():
        out[begins[long] + 1] = sizes[long] >> 7
    return out


def text_starts(sizes: Places) -> Places:
    """Where the texts begin in what `packed` makes of texts of these sizes."""
    starts: Places = np.cumsum(sizes + (sizes >= TWO_BYTE_SIZE) + 1) - sizes
    return starts
