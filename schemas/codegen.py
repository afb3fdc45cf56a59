"""Readers and writers for one record, as Python generated from its Avro schema.

fastavro reads and writes any schema; these read and write one, and only what is common in it. A reader answers None for
whatever is not common (a longer varint, a map with something in it, an optional record that is there), and its caller
then asks fastavro, which also says what is wrong with broken bytes. So a generated reader never has to be right about
damage, only certain when it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Any

from schemas.checks import MAX_NAME_CHARACTERS
from schemas.registry import HEADER_BYTES, SchemaVersion

_DOUBLE = Struct("<d")

#: An instant in milliseconds is a varint of six bytes from 2004 to 2039: all but the last have the high bit.
_SIX_BYTES_MASK, _SIX_BYTES = 0x808080808080, 0x008080808080


def compile_reader(
    version: SchemaVersion, result: str, names: Mapping[str, Any], unless: Iterable[str] = ()
) -> Callable[[bytes], Any | None]:
    """`bytes → result or None`.

    `result` is the expression to return and `unless` are conditions for None, in Python over the fields, which are
    called as in the schema with an underscore before them (`actor.kind` is `_actor_kind`), and over `names`. Fields
    that are not used are checked to be sound all the same. The caller has looked at the header; IndexError and
    UnicodeDecodeError mean None as well.
    """
    source = _ReaderSource()
    for field in version.document["fields"]:
        source.read(field["type"], field["name"])
    lines = [f"i = {HEADER_BYTES}", *source.lines, "if i != len(b): return None"]
    lines += [f"if {condition}: return None" for condition in unless]
    lines.append(f"return {result}")
    code = "def read(b):\n" + "\n".join(f"    {line}" for line in lines)
    read: Callable[[bytes], Any | None] = _compiled(
        code, "read", {**source.constants, **names, "double": _DOUBLE.unpack_from}
    )
    return read


def compile_writer(
    version: SchemaVersion, attributes: Mapping[str, str] | None = None, repeated: Iterable[str] = ()
) -> Callable[[Any], bytes]:
    """`record → bytes`, with header. `attributes`: path in the schema → expression on the record `r`.

    What is not in `attributes` is the attribute of the field's name. The bytes of optional strings, and of those in
    `repeated`, are remembered, up to a bound.
    """
    source = _WriterSource(dict(attributes or {}), frozenset(repeated))
    for field in version.document["fields"]:
        source.write(field["type"], field["name"], f"r.{field['name']}")
    pieces = ", ".join(source.pieces)
    code = f"def write(r):\n    return join((header, {pieces}))\n"
    names = {
        "header": version.header,
        "join": b"".join,
        "long": long_bytes,
        "first": _FIRST,
        "last": _LAST,
        "repeated_text": _Remembered(_text_bytes),
        "optional_text": _Remembered(_optional_text_bytes),
        "double": _DOUBLE.pack,
        **source.constants,
    }
    write: Callable[[Any], bytes] = _compiled(code, "write", names)
    return write


def long_bytes(value: int) -> bytes:
    """Avro's zig-zag varint."""
    zigzag = value << 1 if value >= 0 else ~(value << 1)
    if zigzag < 0x4000:
        return _LAST[zigzag]
    if zigzag < 0x10000000:
        return _FIRST[zigzag & 0x3FFF] + _LAST[zigzag >> 14]
    if zigzag < 0x40000000000:
        return _FIRST[zigzag & 0x3FFF] + _FIRST[zigzag >> 14 & 0x3FFF] + _LAST[zigzag >> 28]
    return _varint(zigzag)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


#: 14 bits as a varint that ends, and as two bytes of one that goes on.
_LAST = [_varint(number) for number in range(0x4000)]
_FIRST = [bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(0x4000)]


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


class _ReaderSource:
    """Lines that leave every field in a local variable, with `b` the bytes and `i` the place in them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}

    def read(self, schema: Any, path: str) -> None:
        if isinstance(schema, list):
            self._optional(schema, path)
            return
        kind = schema["type"] if isinstance(schema, dict) else schema
        getattr(self, f"_{kind}")(schema, path)

    def _optional(self, schema: list[Any], path: str) -> None:
        local = _local(path)
        inner = next(branch for branch in schema if branch != "null")
        if isinstance(inner, dict) and inner["type"] == "record":
            # Surveys and calls are rare.
            self.lines += ["if b[i]: return None", "i += 1"]
            self.lines += [f"{local} = None"]
            return
        self.lines += ["if b[i] == 0:", f"    {local} = None", "    i += 1", "elif b[i] == 2:", "    i += 1"]
        nested = _ReaderSource()
        nested.read(inner, path)
        self.constants.update(nested.constants)
        self.lines += [f"    {line}" for line in nested.lines]
        self.lines += ["else: return None"]

    def _string(self, _schema: Any, path: str) -> None:
        self._bytes(_schema, path)
        self.lines[-1] = f"{_local(path)} = b[i - n:i].decode()"

    def _bytes(self, _schema: Any, path: str) -> None:
        self.lines += [
            "n = b[i]",
            "i += 1",
            "if n & 1: return None",
            "if n > 127:",
            "    if b[i] > 127: return None",
            "    n = n & 127 | b[i] << 7",
            # Names of more characters than `checks` allows have more bytes than this.
            f"    if n > {2 * MAX_NAME_CHARACTERS}: return None",
            "    i += 1",
            "n >>= 1",
            "i += n",
            f"{_local(path)} = b[i - n:i]",
        ]

    def _long(self, _schema: Any, path: str) -> None:
        local = _local(path)
        self.lines += [
            "n = b[i]",
            "if n < 128:",
            "    i += 1",
            "else:",
            "    n = from_bytes(b[i:i + 6], 'little')",
            f"    if n & {_SIX_BYTES_MASK} == {_SIX_BYTES}:",
            "        i += 6",
            "        n = (n & 0x7f | n >> 1 & 0x3f80 | n >> 2 & 0x1fc000 | n >> 3 & 0xfe00000"
            " | n >> 4 & 0x7f0000000 | n >> 5 & 0x3f800000000)",
            "    else:",
            "        n = b[i] & 127",
            "        shift = 7",
            "        while True:",
            "            i += 1",
            "            n |= (b[i] & 127) << shift",
            "            if b[i] < 128: break",
            "            shift += 7",
            "            if shift > 35: return None",
            "        i += 1",
            f"{local} = n >> 1 ^ -(n & 1)",
        ]
        self.constants["from_bytes"] = int.from_bytes

    _int = _long

    def _boolean(self, _schema: Any, path: str) -> None:
        self.lines += ["if b[i] > 1: return None", f"{_local(path)} = b[i] == 1", "i += 1"]

    def _double(self, _schema: Any, path: str) -> None:
        self.lines += ["if i + 8 > len(b): return None", f"{_local(path)} = double(b, i)[0]", "i += 8"]

    def _enum(self, schema: Any, path: str) -> None:
        symbols = f"symbols_{schema['name']}"
        # Odd numbers are negative.
        self.constants[symbols] = tuple(symbol for name in schema["symbols"] for symbol in (name, None))
        local = _local(path)
        self.lines += [f"{local} = {symbols}[b[i]]", f"if {local} is None: return None", "i += 1"]

    def _record(self, schema: Any, path: str) -> None:
        for field in schema["fields"]:
            self.read(field["type"], f"{path}.{field['name']}")

    def _map(self, _schema: Any, path: str) -> None:
        self.lines += ["if b[i]: return None", "i += 1", f"{_local(path)} = {{}}"]


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
        local = _local(path)
        nested = _WriterSource(self._attributes, self._repeated)
        nested.write(inner, path, local)
        self.constants.update(nested.constants)
        present = " + ".join(nested.pieces)
        self.pieces.append(f"(b'\\x00' if ({local} := {expression}) is None else b'\\x02' + {present})")

    def _optional_enum(self, schema: dict[str, Any], expression: str) -> None:
        table = f"optional_numbers_{schema['name']}"
        symbols = {symbol: b"\x02" + long_bytes(number) for number, symbol in enumerate(schema["symbols"])}
        self.constants[table] = {None: b"\x00", **symbols}
        self.pieces.append(f"{table}[{expression}]")

    def _string(self, _schema: Any, path: str, expression: str) -> None:
        if path in self._repeated:
            self.pieces.append(f"repeated_text[{expression}]")
        else:
            local = _local(path)
            self.pieces += [f"last[len({local} := {expression}.encode()) << 1]", local]

    def _bytes(self, _schema: Any, _path: str, expression: str) -> None:
        self.pieces += [f"long(len({expression}))", expression]

    def _long(self, _schema: Any, path: str, expression: str) -> None:
        local = _local(path)
        six = f"first[{local} << 1 & 0x3fff] + first[{local} >> 13 & 0x3fff] + last[{local} >> 27]"
        self.pieces.append(f"({six} if 0x8000000 <= ({local} := {expression}) < 0x20000000000 else long({local}))")

    def _int(self, _schema: Any, path: str, expression: str) -> None:
        local = _local(path)
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


def _local(path: str) -> str:
    return "_" + path.replace(".", "_")


def _compiled(code: str, name: str, names: dict[str, Any]) -> Any:
    exec(compile(code, f"<{name} generated by schemas.codegen>", "exec"), names)  # noqa: S102 - our own schemas
    return names[name]
