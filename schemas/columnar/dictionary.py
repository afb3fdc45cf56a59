"""Texts of which there are few → places in the list of them."""

from __future__ import annotations

import numpy as np

from schemas.columnar.arrays import Bytes, Places, Words, words_of

_SLOT_BITS = 17
#: Odd numbers: each spreads the texts over the slots in another way.
_SPREADS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
_LONGEST_BYTES = 32
#: The lowest 0 to 8 bytes of a word.
_LOWEST = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)


def dictionary(data: Bytes, starts: Places, sizes: Places) -> tuple[Places, Places] | None:
    """(code of each, place of one text of each code); None if there are too many, or a long one.

    Behind every text `data` goes on for eight bytes. Exact: texts of one code are the same, byte for byte.
    """
    if not len(sizes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    longest = int(sizes.max())
    if longest > _LONGEST_BYTES:
        return None
    parts = _parts(data, starts, sizes, longest)
    for spread in _SPREADS:
        found = _coded(parts, np.uint64(spread))
        if found is not None:
            return found
    return None


def _parts(data: Bytes, starts: Places, sizes: Places, longest: int) -> list[Words]:
    """The sizes, and the texts' bytes eight at a time, 0 behind their ends."""
    words = words_of(data)
    parts: list[Words] = [sizes.astype(np.uint64)]
    last = len(words) - 1
    for offset in range(0, longest, 8):
        masks = _LOWEST[np.clip(sizes - offset, 0, 8)]
        parts.append(words[np.minimum(starts + offset, last)] & masks)
    return parts


def _coded(parts: list[Words], spread: np.uint64) -> tuple[Places, Places] | None:
    mixed = parts[0] * spread
    for part in parts[1:]:
        mixed ^= part
        mixed *= spread
        mixed ^= mixed >> np.uint64(32)
    mixed *= spread
    slots = (mixed >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
    holder = np.full(1 << _SLOT_BITS, -1, np.int64)
    holder[slots] = np.arange(len(slots))
    theirs = holder[slots]
    if any((part != part[theirs]).any() for part in parts):
        return None
    holders = holder[holder >= 0]
    holder[slots[holders]] = np.arange(len(holders))
    return holder[slots], holders
