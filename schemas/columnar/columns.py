"""Columns: sequences of values that numpy holds, as the records' own attributes would have them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from schemas.columnar.arrays import Bytes, Mask, Places, Values, packed, text_starts


@dataclass(frozen=True, slots=True, eq=False)
class Column(Sequence[Any]):
    """One field of many records."""

    @abstractmethod
    def values(self) -> list[Any]:
        """As a list."""

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.values()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(Column):
    """Whole numbers, fractions or truths; `null` marks what is absent, which is 0 in `array`."""

    array: Values
    null: Mask | None = None

    def __len__(self) -> int:
        return len(self.array)

    def values(self) -> list[Any]:
        """See `Column`."""
        return _with_nulls(self.array.tolist(), self.null)


@dataclass(frozen=True, slots=True, eq=False)
class Symbols(Column):
    """Texts of which there are few: `codes` are places in `symbols`."""

    codes: Places
    symbols: tuple[str, ...]
    null: Mask | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def values(self) -> list[Any]:
        """See `Column`."""
        symbols = self.symbols
        return _with_nulls([symbols[code] for code in self.codes.tolist()], self.null)

    def texts(self) -> Texts:
        """The same, spelled out."""
        encoded = [symbol.encode() for symbol in self.symbols]
        # Two bytes in front of each, where `packed` wants a place for the size.
        data = np.frombuffer(b"".join(b"  " + each for each in encoded), np.uint8)
        lengths = np.array([len(each) for each in encoded], np.int64)
        starts = np.cumsum(lengths + 2) - lengths
        sizes = lengths[self.codes] if self.null is None else np.where(self.null, 0, lengths[self.codes])
        return Texts(packed(data, starts[self.codes], sizes), sizes, self.null)


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Column):
    """Texts as UTF-8: `data` has each behind its size as a varint, as `packed` makes it."""

    data: Bytes
    #: In bytes; 0 for what is absent.
    sizes: Places
    null: Mask | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def values(self) -> list[Any]:
        """See `Column`."""
        data, starts = self.data.tobytes(), text_starts(self.sizes)
        ends = (starts + self.sizes).tolist()
        texts = [data[start:end].decode() for start, end in zip(starts.tolist(), ends, strict=True)]
        return _with_nulls(texts, self.null)


@dataclass(frozen=True, slots=True, eq=False)
class Maps(Column):
    """Maps of texts: `counts` entries of each, which lie one behind the other in `keys` and `entries`."""

    counts: Places
    keys: Texts
    entries: Texts

    def __len__(self) -> int:
        return len(self.counts)

    def values(self) -> list[Any]:
        """See `Column`."""
        pairs = zip(self.keys.values(), self.entries.values(), strict=True)
        return [dict(next(pairs) for _ in range(count)) for count in self.counts.tolist()]


def joined(parts: Sequence[Column]) -> Column:
    """The columns of one field of several blocks as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if all(isinstance(part, Numbers) for part in parts):
        return Numbers(np.concatenate([part.array for part in parts]), _null(parts))  # type: ignore[attr-defined]
    if all(isinstance(part, Symbols) for part in parts):
        return _joined_symbols(parts)  # type: ignore[arg-type]
    if isinstance(first, Maps):
        return _joined_maps(parts)  # type: ignore[arg-type]
    return _joined_texts([part.texts() if isinstance(part, Symbols) else part for part in parts])  # type: ignore[misc]


def _joined_symbols(parts: Sequence[Symbols]) -> Symbols:
    codes: dict[str, int] = {}
    found = []
    for part in parts:
        here = np.array([codes.setdefault(symbol, len(codes)) for symbol in part.symbols], np.int64)
        found.append(here[part.codes])
    return Symbols(np.concatenate(found), tuple(codes), _null(parts))


def _joined_texts(parts: Sequence[Texts]) -> Texts:
    data = np.concatenate([part.data for part in parts])
    return Texts(data, np.concatenate([part.sizes for part in parts]), _null(parts))


def _joined_maps(parts: Sequence[Maps]) -> Maps:
    keys = _joined_texts([part.keys for part in parts])
    entries = _joined_texts([part.entries for part in parts])
    return Maps(np.concatenate([part.counts for part in parts]), keys, entries)


def _null(parts: Sequence[Any]) -> Mask | None:
    if all(part.null is None for part in parts):
        return None
    return np.concatenate([np.zeros(len(part), np.bool_) if part.null is None else part.null for part in parts])


def _with_nulls(values: list[Any], null: Mask | None) -> list[Any]:
    if null is not None:
        for place in np.flatnonzero(null).tolist():
            values[place] = None
    return values
