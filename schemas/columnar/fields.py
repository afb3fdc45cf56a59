"""What was read of a field and not yet taken out of the records' bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from schemas.columnar.arrays import Bytes, Mask, Places, Values, packed, text_starts
from schemas.columnar.columns import Column, Maps, Numbers, Symbols, Texts
from schemas.columnar.cursor import Cursor
from schemas.columnar.dictionary import dictionary

#: A map with more entries than a byte can say is not common.
_COUNT_BYTE_END = 0x80


class Field(Protocol):
    """One field of all records that have it."""

    def spread(self, rows: Places, total: int) -> Field:
        """The same, as the field of `rows` among `total` records; the others do not have it."""

    def column(self, data: Bytes, *, repeated: bool) -> tuple[Column, Mask]:
        """(the column, whose values are sound); `repeated`: it takes few values."""


@dataclass(frozen=True, slots=True)
class NumberField:
    """Numbers and truths."""

    values: Values
    null: Mask | None = None

    def spread(self, rows: Places, total: int) -> NumberField:
        """See `Field`."""
        values = np.zeros(total, self.values.dtype)
        values[rows] = self.values
        return NumberField(values, _nulls(self.null, rows, total))

    def column(self, data: Bytes, *, repeated: bool) -> tuple[Column, Mask]:  # noqa: ARG002
        """See `Field`."""
        return Numbers(self.values, self.null), np.ones(len(self.values), np.bool_)


@dataclass(frozen=True, slots=True)
class SymbolField:
    """An enumeration's symbols."""

    codes: Places
    symbols: tuple[str, ...]
    null: Mask | None = None

    def spread(self, rows: Places, total: int) -> SymbolField:
        """See `Field`."""
        codes = np.zeros(total, np.int64)
        codes[rows] = self.codes
        return SymbolField(codes, self.symbols, _nulls(self.null, rows, total))

    def column(self, data: Bytes, *, repeated: bool) -> tuple[Column, Mask]:  # noqa: ARG002
        """See `Field`."""
        return Symbols(self.codes, self.symbols, self.null), np.ones(len(self.codes), np.bool_)


@dataclass(frozen=True, slots=True)
class TextField:
    """Strings, by where they lie."""

    starts: Places
    sizes: Places
    null: Mask | None = None

    def spread(self, rows: Places, total: int) -> TextField:
        """See `Field`."""
        # There are bytes in front of a text, as `packed` wants it: a header's.
        starts, sizes = np.full(total, 2, np.int64), np.zeros(total, np.int64)
        starts[rows], sizes[rows] = self.starts, self.sizes
        return TextField(starts, sizes, _nulls(self.null, rows, total))

    def column(self, data: Bytes, *, repeated: bool) -> tuple[Column, Mask]:
        """See `Field`."""
        found = dictionary(data, self.starts, self.sizes) if repeated else None
        if found is None:
            texts = self._texts(data)
            return texts, _utf8(texts)
        codes, holders = found
        symbols, sound = [], np.ones(len(holders), np.bool_)
        for code, (start, size) in enumerate(
            zip(self.starts[holders].tolist(), self.sizes[holders].tolist(), strict=True)
        ):
            symbol = _decoded(data[start : start + size].tobytes())
            sound[code] = symbol is not None
            symbols.append(symbol or "")
        return Symbols(codes, tuple(symbols), self.null), sound[codes]

    def _texts(self, data: Bytes) -> Texts:
        return Texts(packed(data, self.starts, self.sizes), self.sizes, self.null)


@dataclass(frozen=True, slots=True)
class MapField:
    """Maps of strings: the entries of a record lie one behind the other in `keys` and `entries`."""

    counts: Places
    keys: TextField
    entries: TextField

    @classmethod
    def read(cls, cursor: Cursor) -> MapField:
        """Maps of one block of entries, or of none."""
        byte = cursor.byte()
        common = (byte & 1 == 0) & (byte < _COUNT_BYTE_END)
        cursor.require(common)
        counts = np.where(common, byte >> 1, 0).astype(np.int64)
        firsts = np.cumsum(counts) - counts
        total = int(counts.sum())
        found = np.zeros((4, total), np.int64)
        rows = np.flatnonzero(counts)
        part = cursor.part(rows)
        number = 0
        while len(rows):
            found[:, firsts[rows] + number] = (*part.text(), *part.text())
            number += 1
            goes_on = counts[rows] > number
            ended = rows[~goes_on]
            last = _of(part, ~goes_on)
            last.require(last.byte() == 0)
            cursor.back(ended, last)
            rows, part = rows[goes_on], _of(part, goes_on)
        return cls(counts, TextField(found[0], found[1]), TextField(found[2], found[3]))

    def spread(self, rows: Places, total: int) -> MapField:
        """See `Field`."""
        raise NotImplementedError("no released schema has a map that may be absent")

    def column(self, data: Bytes, *, repeated: bool) -> tuple[Column, Mask]:  # noqa: ARG002
        """See `Field`. Of an entry that is there twice the last would hold: such a record is not sound."""
        owners = np.repeat(np.arange(len(self.counts)), self.counts)
        keys, entries = self.keys._texts(data), self.entries._texts(data)
        sound = np.ones(len(self.counts), np.bool_)
        sound[owners[~(_utf8(keys) & _utf8(entries))]] = False
        if len(owners) and int(self.counts.max()) > 1:
            codes = _codes(self.keys, keys, data)
            pairs = owners * (int(codes.max()) + 1) + codes
            pairs.sort()
            twice = pairs[1:][pairs[1:] == pairs[:-1]] // (int(codes.max()) + 1)
            sound[twice] = False
        return Maps(self.counts, keys, entries), sound


def _of(cursor: Cursor, chosen: Mask) -> Cursor:
    part = cursor.part(np.flatnonzero(chosen))
    part.sound = cursor.sound[chosen]
    return part


def _codes(field: TextField, texts: Texts, data: Bytes) -> Places:
    """A number for each text; the same ones for the same text."""
    found = dictionary(data, field.starts, field.sizes)
    if found is not None:
        return found[0]
    raw, starts = texts.data.tobytes(), text_starts(texts.sizes)
    numbers: dict[bytes, int] = {}
    stretches = zip(starts.tolist(), (starts + texts.sizes).tolist(), strict=True)
    return np.array([numbers.setdefault(raw[start:end], len(numbers)) for start, end in stretches], np.int64)


def _nulls(null: Mask | None, rows: Places, total: int) -> Mask:
    nulls = np.ones(total, np.bool_)
    nulls[rows] = False if null is None else null
    return nulls


def _utf8(texts: Texts) -> Mask:
    """Which of them are UTF-8."""
    sound = np.ones(len(texts), np.bool_)
    if not len(texts.data) or int(texts.data.max()) < 0x80 or _sound_as_one(texts):
        return sound
    starts = text_starts(texts.sizes)
    ends = starts + texts.sizes
    for row in np.unique(np.searchsorted(ends, np.flatnonzero(texts.data >= 0x80), "right")).tolist():
        sound[row] = _decoded(texts.data[starts[row] : ends[row]].tobytes()) is not None
    return sound


def _sound_as_one(texts: Texts) -> bool:
    # A size of one byte is ASCII, so nothing that is broken at a text's end can be mended by the next one's beginning.
    return int(texts.sizes.max()) < 0x80 and _decoded(texts.data.tobytes()) is not None


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
