"""Columns that numpy holds → ClickHouse's Native format, as clickhouse-driver's codec writes it.

It is asked for all the others: what `encoder` has nothing for, and columns that are lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from schemas.columnar import Column, Maps, Numbers, Symbols, Texts
from schemas.columnar.arrays import Mask

#: What is written behind a column's name and type.
Encoded: TypeAlias = "list[bytes]"

_NUMBERS = {
    "Bool": "u1",
    "UInt8": "u1",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Int64": "<i8",
    "Float64": "<f8",
    "DateTime64(3, 'UTC')": "<i8",
}
#: The version of how keys are laid out; then that the dictionary goes with the block and replaces what was before.
_KEYS_VERSION = 1
_OWN_DICTIONARY = 1 << 9 | 1 << 10


def encoder(column: Column, kind: str) -> Callable[[], Encoded] | None:
    """How to write a column of this type; None: clickhouse-driver knows, or knows what to say."""
    if isinstance(column, Maps):
        return (lambda: _maps(column)) if kind == "Map(String, String)" else None
    keyed, kind = _unwrapped(kind, "LowCardinality")
    nullable, kind = _unwrapped(kind, "Nullable")
    if not isinstance(column, (Numbers, Symbols, Texts)) or (column.null is not None and not nullable):
        return None
    if keyed:
        fits = isinstance(column, Symbols) and kind == "String"
        return (lambda: _low_cardinality(column, nullable=nullable)) if fits else None
    write = _writer(column, kind)
    if write is None or not nullable:
        return write
    return lambda: [_nulls(column.null, len(column)), *write()]


def _unwrapped(kind: str, wrapper: str) -> tuple[bool, str]:
    if kind.startswith(f"{wrapper}("):
        return True, kind[len(wrapper) + 1 : -1]
    return False, kind


def _writer(column: Numbers | Symbols | Texts, kind: str) -> Callable[[], Encoded] | None:
    if not isinstance(column, Numbers):
        return (lambda: [_texts(column).data.tobytes()]) if kind == "String" else None
    wanted = _NUMBERS.get(kind)
    if wanted is None or (column.array.dtype.kind == "f" and kind != "Float64"):
        return None
    return lambda: [column.array.astype(wanted).tobytes()]


def _texts(column: Texts | Symbols) -> Texts:
    return column.texts() if isinstance(column, Symbols) else column


def _nulls(null: Mask | None, rows: int) -> bytes:
    return bytes(rows) if null is None else null.astype("u1").tobytes()


def _low_cardinality(column: Any, *, nullable: bool) -> Encoded:
    codes, symbols = column.codes, column.symbols
    if nullable:
        # The first entry stands for what is absent.
        codes = codes + 1 if column.null is None else np.where(column.null, 0, codes + 1)
        symbols = ("", *symbols)
    width = int(np.log2(len(symbols))) // 8
    numbers = np.array([_KEYS_VERSION, _OWN_DICTIONARY | width, len(symbols)], "<i8").tobytes()
    entries = Symbols(np.arange(len(symbols)), symbols).texts().data.tobytes()
    keys = codes.astype(f"<u{1 << width}").tobytes()
    return [numbers, entries, np.array(len(codes), "<i8").tobytes(), keys]


def _maps(column: Maps) -> Encoded:
    return [np.cumsum(column.counts).astype("<u8").tobytes(), column.keys.data.tobytes(), column.entries.data.tobytes()]
