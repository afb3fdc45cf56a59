"""Readers: bytes of one kind of record → whatever its caller makes of the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.checks import MAX_NAME_CHARACTERS
from schemas.codegen.plan import NO_CONDITIONS, Conditions, Run, Shape
from schemas.codegen.source import DOUBLE, compiled, local_name
from schemas.codegen.varints import FIRST
from schemas.registry import HEADER_BYTES, SchemaVersion

#: What a generated reader raises where it cannot tell.
_UNREADABLE = (IndexError, KeyError, UnicodeDecodeError)


def compile_reader(
    version: SchemaVersion,
    shape: Shape,
    plainly: Callable[[bytes], Any],
    conditions: Conditions = NO_CONDITIONS,
    beside: tuple[str, ...] = (),
    runs: tuple[Run, ...] = (),
) -> Callable[[bytes], Any]:
    """See `CompileReader`.

    What the bytes of a run mean is looked up at once, which costs less than reading two of its fields.
    """
    source = _ReaderSource()
    fields = version.document["fields"]
    starts = dict(runs)
    left = iter(fields)
    for field in left:
        if field["name"] in starts:
            last = starts[field["name"]]
            run = [field]
            while run[-1]["name"] != last and (following := next(left, None)) is not None:
                run.append(following)
            source.read_run(run, shape.nested, to_end=last is None)
        else:
            source.read(field["type"], field["name"])
    lines = [f"i = {HEADER_BYTES}", *source.lines, "if i != len(b): return None"]
    lines += [f"if {condition}: return None" for condition in _unless(conditions)]
    lines.append(f"return {_result(shape, beside, maps=_maps(fields))}")
    code = "def read(b):\n" + "\n".join(f"    {line}" for line in lines)
    known = {"kind": shape.kind, "sound": conditions.sound, **shape.nested, "double": DOUBLE.unpack_from}
    return _guarded(compiled(code, "read", {**source.constants, **known}), version.header, plainly)


def _guarded(
    read: Callable[[bytes], Any | None], header: bytes, plainly: Callable[[bytes], Any]
) -> Callable[[bytes], Any]:
    def guarded(payload: bytes) -> Any:
        if payload.startswith(header):
            try:
                found = read(payload)
            except _UNREADABLE:
                found = None
            if found is not None:
                return found
        return plainly(payload)

    return guarded


def _unless(conditions: Conditions) -> list[str]:
    """When the answer is None, in Python."""
    found = []
    if conditions.filled:
        found.append(f"not ({' and '.join(local_name(path) for path in conditions.filled)})")
    found += [f"_type == {kind!r} and {local_name(path)} is None" for kind, path in conditions.needed.items()]
    if conditions.sound is not None:
        parts = [local_name(path) for path in conditions.sound_of]
        there = " or ".join(f"{part} is not None" for part in parts)
        found.append(f"({there}) and not sound({', '.join(parts)})")
    return found


def _result(shape: Shape, beside: tuple[str, ...], maps: frozenset[str]) -> str:
    values = {
        # What a run means is shared by all records that have it, and this is all of it that can be changed.
        name: f"{local_name(path)}.copy()" if path in maps else local_name(path)
        for name, path in shape.arguments().items()
    }
    arguments = [f"{name}={value}" if shape.by_name else value for name, value in values.items()]
    made = f"kind({', '.join(arguments)})"
    return f"({', '.join((*map(local_name, beside), made))})" if beside else made


def _maps(fields: Sequence[Any]) -> frozenset[str]:
    return frozenset(
        field["name"] for field in fields if isinstance(field["type"], dict) and field["type"]["type"] == "map"
    )


class _Runs(dict[bytes, Any]):
    """What the bytes of a run mean: its values, or None. Forgets everything before it grows too large."""

    _LIMIT = 20_000
    _LONGEST_BYTES = 256

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, run: bytes) -> Any:
        try:
            values = self._read(run)
        except _UNREADABLE:
            values = None
        if len(run) <= self._LONGEST_BYTES:
            if len(self) >= self._LIMIT:
                self.clear()
            self[run] = values
        return values


class _UpperInstants(dict[bytes, int]):
    """The last four bytes of an instant's six → milliseconds: another one every eight seconds."""

    _LIMIT = 100_000

    def __missing__(self, upper: bytes) -> int:
        number = int.from_bytes(upper, "little")
        if len(upper) != 4 or number & 0x80808080 != 0x00808080:
            raise KeyError(upper)
        number = number & 0x7F | number >> 1 & 0x3F80 | number >> 2 & 0x1FC000 | number >> 3 & 0xFE00000
        if len(self) >= self._LIMIT:
            self.clear()
        milliseconds = self[upper] = number << 13
        return milliseconds


#: An instant in milliseconds is a varint of six bytes from 2004 to 2039, all but the last with the high bit. The first
#: two are looked up here, the others in the remembered ones.
_LOWER_INSTANTS = {FIRST[zigzag]: zigzag >> 1 for zigzag in range(0, 0x4000, 2)}
_UPPER_INSTANTS = _UpperInstants()


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
        if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis":
            kind = "instant"
        getattr(self, f"_{kind}")(schema, path)

    def read_run(self, fields: Sequence[Any], names: Mapping[str, Any], *, to_end: bool) -> None:
        run = _ReaderSource()
        for field in fields:
            run.read(field["type"], field["name"])
        locals_ = ", ".join(local_name(field["name"]) for field in fields)
        lines = ["i = 0", *run.lines, "if i != len(b): return None", f"return {locals_},"]
        code = "def read_run(b):\n" + "\n".join(f"    {line}" for line in lines)
        known = f"run_{fields[0]['name']}"
        read = compiled(code, "read_run", {**run.constants, **names, "double": DOUBLE.unpack_from})
        self.constants[known] = _Runs(read)
        if to_end:
            end = ["j = len(b)"]
        else:
            # Where a name is longer than this takes it to be, the run does not read, and the plain decoder is asked.
            steps = ["j += 1 + (b[j] >> 1)" if field["type"] == "string" else "j += 1" for field in fields]
            end = ["j = i", *steps]
        self.lines += [*end, f"run = {known}[b[i:j]]", "if run is None: return None", f"{locals_}, = run", "i = j"]

    def _optional(self, schema: list[Any], path: str) -> None:
        local = local_name(path)
        inner = next(branch for branch in schema if branch != "null")
        self.lines += ["if b[i] == 0:", f"    {local} = None", "    i += 1", "elif b[i] == 2:", "    i += 1"]
        nested = _ReaderSource()
        nested.read(inner, path)
        if isinstance(inner, dict) and inner["type"] == "record":
            values = ", ".join(local_name(f"{path}.{field['name']}") for field in inner["fields"])
            nested.lines.append(f"{local} = {inner['name']}({values})")
        self.constants.update(nested.constants)
        self.lines += [f"    {line}" for line in nested.lines]
        self.lines += ["else: return None"]

    def _string(self, _schema: Any, path: str) -> None:
        self._bytes(_schema, path)
        self.lines[-1] = f"{local_name(path)} = b[i - n:i].decode()"

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
            f"{local_name(path)} = b[i - n:i]",
        ]

    def _long(self, _schema: Any, path: str) -> None:
        local = local_name(path)
        self.lines += [
            "n = b[i]",
            "if n > 127:",
            "    n &= 127",
            "    shift = 7",
            "    while True:",
            "        i += 1",
            "        n |= (b[i] & 127) << shift",
            "        if b[i] < 128: break",
            "        shift += 7",
            "        if shift > 35: return None",
            "i += 1",
            f"{local} = n >> 1 ^ -(n & 1)",
        ]

    _int = _long

    def _instant(self, _schema: Any, path: str) -> None:
        self.lines += [f"{local_name(path)} = upper_instants[b[i + 2:i + 6]] + lower_instants[b[i:i + 2]]", "i += 6"]
        self.constants["upper_instants"], self.constants["lower_instants"] = _UPPER_INSTANTS, _LOWER_INSTANTS

    def _boolean(self, _schema: Any, path: str) -> None:
        self.lines += ["if b[i] > 1: return None", f"{local_name(path)} = b[i] == 1", "i += 1"]

    def _double(self, _schema: Any, path: str) -> None:
        self.lines += ["if i + 8 > len(b): return None", f"{local_name(path)} = double(b, i)[0]", "i += 8"]

    def _enum(self, schema: Any, path: str) -> None:
        symbols = f"symbols_{schema['name']}"
        # Odd numbers are negative.
        self.constants[symbols] = tuple(symbol for name in schema["symbols"] for symbol in (name, None))
        local = local_name(path)
        self.lines += [f"{local} = {symbols}[b[i]]", f"if {local} is None: return None", "i += 1"]

    def _record(self, schema: Any, path: str) -> None:
        for field in schema["fields"]:
            self.read(field["type"], f"{path}.{field['name']}")

    def _map(self, _schema: Any, path: str) -> None:
        # Nearly always one block, or none.
        self.lines += [
            f"{local_name(path)} = {{}}",
            "n = b[i]",
            "i += 1",
            "if n:",
            "    if n & 1 or n > 127: return None",
            "    for _ in range(n >> 1):",
            *(f"        {line}" for line in self._text_lines("key")),
            *(f"        {line}" for line in self._text_lines(f"{local_name(path)}[key]")),
            "    if b[i]: return None",
            "    i += 1",
        ]

    def _text_lines(self, target: str) -> list[str]:
        text = _ReaderSource()
        text._string("string", "text")
        return [*text.lines[:-1], f"{target} = b[i - n:i].decode()"]
