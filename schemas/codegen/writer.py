"""Writers: a record → its bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from schemas.codegen.plan import Shape
from schemas.codegen.source import DOUBLE, compiled, local_name
from schemas.codegen.varints import FIRST, LAST, OPTIONAL_FIRST, long_bytes, varint
from schemas.registry import SchemaVersion

#: What a generated writer raises for what does not fit.
_UNFIT = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)


def compile_writer(
    version: SchemaVersion, shape: Shape, plainly: Callable[[Any], bytes], repeated: tuple[str, ...] = ()
) -> Callable[[Any], bytes]:
    """See `CompileWriter`. The bytes of what is repeated are remembered, up to a bound."""
    attributes = {path: f"r.{name}" for name, path in shape.arguments().items()}
    source = _WriterSource(attributes, frozenset(repeated))
    for field in version.document["fields"]:
        source.write(field["type"], field["name"], f"r.{field['name']}")
    pieces = ", ".join(source.pieces)
    code = f"def write(r):\n    return join((header, {pieces}))\n"
    names = {
        "header": version.header,
        "join": b"".join,
        "long": long_bytes,
        "first": FIRST,
        "last": LAST,
        "repeated_text": _Remembered(_text_bytes),
        "optional_text": _Remembered(_optional_text_bytes),
        "optional_first": OPTIONAL_FIRST,
        "rest": _Remembered(varint),
        "double": DOUBLE.pack,
        **source.constants,
    }
    write: Callable[[Any], bytes] = compiled(code, "write", names)

    def guarded(value: Any) -> bytes:
        try:
            return write(value)
        # Whatever does not fit the schema is for the plain encoder to refuse in its own words.
        except _UNFIT:
            return plainly(value)

    return guarded


def _text_bytes(text: str) -> bytes:
    encoded = text.encode()
    return long_bytes(len(encoded)) + encoded


def _optional_text_bytes(text: str | None) -> bytes:
    return b"\x00" if text is None else b"\x02" + _text_bytes(text)


class _Remembered(dict[Any, bytes]):
    """Values that come again and again, and their bytes. Forgets everything before it grows too large."""

    _LIMIT = 20_000

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:
        if len(self) >= self._LIMIT:
            self.clear()
        encoded = self[value] = self._encode(value)
        return encoded


class _WriterSource:
    """Expressions for the pieces of a record's bytes."""

    def __init__(self, attributes: dict[str, str], repeated: frozenset[str]) -> None:
        self._attributes = attributes
        self._repeated = repeated
        self.pieces: list[str] = []
        self.constants: dict[str, Any] = {}

    def write(self, schema: Any, path: str, expression: str) -> None:
        expression = self._attributes.get(path, expression)
        if isinstance(schema, list):
            self._optional(schema, path, expression)
            return
        kind = schema["type"] if isinstance(schema, dict) else schema
        getattr(self, f"_{kind}")(schema, path, expression)

    def _optional(self, schema: list[Any], path: str, expression: str) -> None:
        inner = next(branch for branch in schema if branch != "null")
        if inner == "string":
            self.pieces.append(f"optional_text[{expression}]")
            return
        if isinstance(inner, dict) and inner["type"] == "enum":
            self._optional_enum(inner, expression)
            return
        if inner in ("long", "int") or (isinstance(inner, dict) and inner["type"] in ("long", "int")):
            self._optional_long(path, expression)
            return
        local = local_name(path)
        nested = _WriterSource(self._attributes, self._repeated)
        nested.write(inner, path, local)
        self.constants.update(nested.constants)
        present = " + ".join(nested.pieces)
        self.pieces.append(f"(b'\\x00' if ({local} := {expression}) is None else b'\\x02' + {present})")

    def _optional_long(self, path: str, expression: str) -> None:
        # Two pieces, since putting bytes together is what takes the time: 13 bits, and the rest, which is remembered.
        local = local_name(path)
        self.pieces += [
            f"(b'\\x00' if ({local} := {expression}) is None else optional_first[{local} & 0x1fff] if {local} > 0x1fff "
            f"else b'\\x02' + long({local}))",
            f"(b'' if {local} is None or {local} < 0x2000 else rest[{local} >> 13])",
        ]

    def _optional_enum(self, schema: dict[str, Any], expression: str) -> None:
        table = f"optional_numbers_{schema['name']}"
        symbols = {symbol: b"\x02" + long_bytes(number) for number, symbol in enumerate(schema["symbols"])}
        self.constants[table] = {None: b"\x00", **symbols}
        self.pieces.append(f"{table}[{expression}]")

    def _string(self, _schema: Any, path: str, expression: str) -> None:
        if path in self._repeated:
            self.pieces.append(f"repeated_text[{expression}]")
        else:
            local = local_name(path)
            self.pieces += [f"last[len({local} := {expression}.encode()) << 1]", local]

    def _bytes(self, _schema: Any, _path: str, expression: str) -> None:
        self.pieces += [f"long(len({expression}))", expression]

    def _long(self, _schema: Any, path: str, expression: str) -> None:
        local = local_name(path)
        six = f"first[{local} << 1 & 0x3fff] + first[{local} >> 13 & 0x3fff] + last[{local} >> 27]"
        self.pieces.append(f"({six} if 0x8000000 <= ({local} := {expression}) < 0x20000000000 else long({local}))")

    def _int(self, _schema: Any, path: str, expression: str) -> None:
        local = local_name(path)
        self.pieces.append(f"(last[{local} << 1] if 0 <= ({local} := {expression}) < 0x2000 else long({local}))")

    def _boolean(self, _schema: Any, _path: str, expression: str) -> None:
        self.pieces.append(f"(b'\\x01' if {expression} else b'\\x00')")

    def _double(self, _schema: Any, _path: str, expression: str) -> None:
        self.pieces.append(f"double({expression})")

    def _enum(self, schema: Any, _path: str, expression: str) -> None:
        table = f"numbers_{schema['name']}"
        self.constants[table] = {symbol: long_bytes(number) for number, symbol in enumerate(schema["symbols"])}
        self.pieces.append(f"{table}[{expression}]")

    def _record(self, schema: Any, path: str, expression: str) -> None:
        for field in schema["fields"]:
            self.write(field["type"], f"{path}.{field['name']}", f"{expression}.{field['name']}")

    def _map(self, _schema: Any, _path: str, expression: str) -> None:
        self.pieces.append(f"text_map({expression})")
        self.constants["text_map"] = _text_map_bytes


def _text_map_bytes(entries: Mapping[str, str]) -> bytes:
    if not entries:
        return b"\x00"
    pairs = b"".join(_text_bytes(key) + _text_bytes(value) for key, value in entries.items())
    return long_bytes(len(entries)) + pairs + b"\x00"
