"""A record's schema as a row of steps, which is what the native readers and writers walk along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.codegen.plan import Run, Unsupported
from schemas.registry import SchemaVersion

_SIMPLE = ("string", "int", "long", "boolean", "double")


@dataclass(frozen=True, slots=True)
class Step:
    """One value, or an optional record whose values are the next `count` steps."""

    #: string, int, long, instant, boolean, double, enum, map, record.
    kind: str
    path: str
    optional: bool = False
    #: Of an enumeration; the same objects as in the code that names them.
    symbols: tuple[str, ...] = ()
    #: The name of the record.
    record: str = ""
    count: int = 0


def steps_of(version: SchemaVersion) -> list[Step]:
    """The steps, in the order of the bytes. Raises `Unsupported` for what no schema of ours has on a hot path."""
    return [step for field in version.document["fields"] for step in _steps(field["type"], field["name"])]


def in_runs(version: SchemaVersion, runs: tuple[Run, ...]) -> frozenset[str]:
    """The fields of the record itself that are part of a run."""
    names = [field["name"] for field in version.document["fields"]]
    ends = {first: len(names) if last is None else names.index(last) + 1 for first, last in runs}
    return frozenset(name for first, end in ends.items() for name in names[names.index(first) : end])


def _steps(schema: Any, path: str) -> Iterator[Step]:
    optional = isinstance(schema, list)
    if optional:
        if len(schema) != 2 or schema[0] != "null":
            raise Unsupported(f"{path}: an option is null or something, in this order")
        schema = schema[1]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        inner = [step for field in schema["fields"] for step in _steps(field["type"], f"{path}.{field['name']}")]
        if optional:
            if any(step.record for step in inner) or len(inner) != len(schema["fields"]):
                raise Unsupported(f"{path}: records in optional records")
            yield Step(kind, path, optional, record=schema["name"], count=len(inner))
        yield from inner
    elif kind == "enum":
        yield Step(kind, path, optional, symbols=tuple(map(sys.intern, schema["symbols"])))
    elif kind == "long" and isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis":
        yield Step("instant", path, optional)
    elif kind in _SIMPLE or (kind == "map" and schema["values"] == "string" and not optional):
        yield Step(kind, path, optional)
    else:
        raise Unsupported(f"{path}: {kind}")
