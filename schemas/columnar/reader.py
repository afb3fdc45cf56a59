"""Reading a block: every field of a schema, one after the other, of all records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from schemas.columnar.arrays import Mask, Places
from schemas.columnar.columns import Column
from schemas.columnar.cursor import Cursor, cursor_over
from schemas.columnar.fields import Field, MapField, NumberField, SymbolField, TextField
from schemas.registry import SchemaVersion

Fields: TypeAlias = dict[str, Field]
#: Which records the contract allows, from their fields by path (`actor.kind`).
Check: TypeAlias = Callable[[Fields], Mask]


@dataclass(frozen=True, slots=True)
class Block:
    """What could be read at once: `columns`, by path in the schema, of the records at `rows`; the others are `odd`."""

    columns: dict[str, Column]
    rows: Places
    odd: list[int]


class BlockReader:
    """Reads one version of one record. `repeated` are the paths of strings that take few values."""

    def __init__(self, version: SchemaVersion, check: Check, repeated: Collection[str] = ()) -> None:
        self._version = version
        self._check = check
        self._repeated = frozenset(repeated)

    def read(self, payloads: Sequence[bytes]) -> Block:
        """Everything in `payloads` that is common."""
        rows = np.arange(len(payloads))
        columns: dict[str, Column] = {}
        while len(rows):
            columns, sound = self._pass([payloads[row] for row in rows.tolist()])
            if sound.all():
                break
            rows = rows[sound]
        odd = np.ones(len(payloads), np.bool_)
        odd[rows] = False
        return Block(columns if len(rows) else {}, rows, np.flatnonzero(odd).tolist())

    def _pass(self, payloads: Sequence[bytes]) -> tuple[dict[str, Column], Mask]:
        """(columns, which records are sound); the columns are right only where all are."""
        cursor, ends = cursor_over(payloads, self._version.header)
        fields: Fields = {}
        for field in self._version.document["fields"]:
            self._read(field["type"], field["name"], cursor, fields)
        cursor.require(cursor.at == ends)
        cursor.require(self._check(fields))
        columns: dict[str, Column] = {}
        if cursor.sound.all():
            for path, found in fields.items():
                columns[path], sound = found.column(cursor.data, repeated=path in self._repeated)
                cursor.require(sound)
        return columns, cursor.sound

    def _read(self, schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        if isinstance(schema, list):
            self._optional(schema, path, cursor, fields)
            return
        kind = schema["type"] if isinstance(schema, dict) else schema
        getattr(self, f"_{kind}")(schema, path, cursor, fields)

    def _optional(self, schema: list[Any], path: str, cursor: Cursor, fields: Fields) -> None:
        absent = schema.index("null")
        branch = cursor.byte()
        there = branch == 2 * (1 - absent)
        cursor.require(there | (branch == 2 * absent))
        rows = np.flatnonzero(there)
        part, found = cursor.part(rows), Fields()
        self._read(schema[1 - absent], path, part, found)
        cursor.back(rows, part)
        if isinstance(schema[1 - absent], dict) and schema[1 - absent]["type"] == "record":
            fields[path] = NumberField(there, ~there)
        fields.update((name, field.spread(rows, len(cursor))) for name, field in found.items())

    def _record(self, schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        for field in schema["fields"]:
            self._read(field["type"], f"{path}.{field['name']}", cursor, fields)

    def _string(self, _schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        fields[path] = TextField(*cursor.text())

    def _long(self, _schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        fields[path] = NumberField(cursor.long())

    _int = _long

    def _double(self, _schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        fields[path] = NumberField(cursor.double())

    def _boolean(self, _schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        byte = cursor.byte()
        cursor.require(byte <= 1)
        fields[path] = NumberField(byte == 1)

    def _enum(self, schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        byte = cursor.byte()
        sound = (byte < 2 * len(schema["symbols"])) & (byte & 1 == 0)
        cursor.require(sound)
        fields[path] = SymbolField(np.where(sound, byte >> 1, 0).astype(np.int64), tuple(schema["symbols"]))

    def _map(self, _schema: Any, path: str, cursor: Cursor, fields: Fields) -> None:
        fields[path] = MapField.read(cursor)
