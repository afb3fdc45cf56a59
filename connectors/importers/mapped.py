"""Any CSV with a header, or JSON lines, by a mapping file (`mapping.py`): one row is one event."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.importers.lines import read_lines
from connectors.importers.mapping import NEEDED, ONLY_IN, Cell, FileMapping, MappingError, load
from connectors.importers.rows import Ignored, ImportOptions, Origin, Outcome, Refusal, Row, Unread
from schemas.documents import MAX_EVENT_BYTES, parse_event
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import InteractionEvent

FORMAT = "mapped"


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """An event per row. Raises `MappingError` if there is no mapping, or one that makes no sense."""
    mapping = mapping_of(options)
    for line, cells in (_objects if mapping.json_lines else _table)(path, mapping):
        if isinstance(cells, Refusal):
            yield cells
            continue
        try:
            yield _outcome(path, line, cells, mapping, options)
        except Refused as exc:
            yield Refusal(str(path), line, exc.detail)


def mapping_of(options: ImportOptions) -> FileMapping:
    """The mapping that the options name. Raises `MappingError`."""
    if options.mapping is None:
        raise MappingError("the format `mapped` needs a mapping file: --mapping FILE")
    return load(options.mapping)


def _outcome(path: Path, line: int, cells: Cell, mapping: FileMapping, options: ImportOptions) -> Outcome:
    if any(cells(each.column) in each.values for each in mapping.ignore):
        return Ignored(str(path), line, "ignored_by_mapping")
    return Row(str(path), line, (event_of(cells, mapping, options),))


def event_of(cells: Cell, mapping: FileMapping, options: ImportOptions) -> InteractionEvent:
    """One row's event. Raises `Refused`."""
    origin = Origin.of(FORMAT, options)
    found = {each.name: value for each in mapping.fields if (value := each.of(cells, origin.timezone)) is not None}
    for name in NEEDED:
        if name not in found:
            field = next(each for each in mapping.fields if each.name == name)
            raise InvalidEvent(f"{field.where} is empty, and {name} cannot be")
    document: dict[str, Any] = {"historical": origin.historical}
    for name, value in found.items():
        group, _, inner = name.partition(".")
        if ONLY_IN.get(group, found["type"]) != found["type"]:
            continue
        if inner:
            document.setdefault(group, {})[inner] = value
        else:
            document[name] = value
    document["tenant"] = options.tenant or document.get("tenant") or origin.tenant
    document["source"] = options.source or document.get("source") or origin.source
    # A row that names itself by nothing is named by all that it says: the same row again is the same event.
    document.setdefault("event_id", _name(document))
    return parse_event(msgspec.json.encode(document))


def _name(document: Mapping[str, Any]) -> str:
    said = {name: value for name, value in document.items() if name not in {"tenant", "source", "historical"}}
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:32]


def _table(path: Path, mapping: FileMapping) -> Iterator[tuple[int, Cell | Refusal]]:
    """The rows of a CSV file. A cell in quotes may have line breaks; a row's number is that of its first line."""
    header: dict[str, int] = {}
    width = 0
    for line, text in _logical_lines(path, mapping.delimiter):
        row = text if isinstance(text, Refusal) else _cells(path, line, text, mapping.delimiter)
        if isinstance(row, Refusal):
            yield line, row
        elif not header:
            # Of two columns with the same name the first counts.
            header, width = {name.strip(): place for place, name in reversed(list(enumerate(row)))}, len(row)
            missing = [name for name in mapping.columns if name not in header]
            if missing:
                yield line, Unread(str(path), line, f"no column {', '.join(missing)}: nothing of this file is read")
                return
        elif len(row) != width:
            yield line, Refusal(str(path), line, f"{len(row)} cells where the header has {width}")
        else:
            yield line, _cell_of(row, header)


def _logical_lines(path: Path, delimiter: str) -> Iterator[tuple[int, str | Refusal]]:
    """Lines, put together where a cell goes on in the next one."""
    held: list[str] = []
    first, size, is_open = 0, 0, False
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line.line, line
            first, held, size, is_open = 0, [], 0, False
            continue
        first = first or line.number
        try:
            text = line.data.decode("utf-8")
        except UnicodeDecodeError as exc:
            yield first, Refusal(str(path), first, f"not UTF-8: {exc.reason} at byte {exc.start}")
            first, held, size, is_open = 0, [], 0, False
            continue
        held.append(text)
        size += len(text) + 1
        is_open = _goes_on(text, delimiter, inside=is_open)
        if not is_open or size > MAX_EVENT_BYTES:
            yield first, "\n".join(held)
            first, held, size, is_open = 0, [], 0, False
    if held:
        yield first, Unread(str(path), first, "a quote that is opened here is never closed")


def _goes_on(line: str, delimiter: str, *, inside: bool) -> bool:
    """Whether a cell in quotes is open at the line's end. A quote within a plain cell opens nothing: 5" is a size."""
    place = 0
    while True:
        if not inside and line.startswith('"', place):
            inside, place = True, place + 1
        if inside:
            end = line.find('"', place)
            if end < 0:
                return True
            place = end + 1
            if line.startswith('"', place):
                place += 1
                continue
            inside = False
        place = line.find(delimiter, place) + 1
        if place == 0:
            return False


def _cells(path: Path, line: int, text: str, delimiter: str) -> list[str] | Refusal:
    try:
        row = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as exc:
        return Refusal(str(path), line, f"not CSV: {exc}")
    return row or Refusal(str(path), line, "an empty line")


def _cell_of(row: list[str], header: Mapping[str, int]) -> Cell:
    return lambda column: row[header[column]].strip() or None


def _objects(path: Path, mapping: FileMapping) -> Iterator[tuple[int, Cell | Refusal]]:  # noqa: ARG001
    """The lines of a JSON-lines file. A column is a key, or keys joined by dots."""
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line.line, line
            continue
        try:
            yield line.number, _value_of(msgspec.json.decode(line.data))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            yield line.number, Refusal(str(path), line.number, "not JSON in UTF-8")
        except MalformedRecord as exc:
            yield line.number, Refusal(str(path), line.number, exc.detail)


def _value_of(found: object) -> Cell:
    if not isinstance(found, dict):
        raise MalformedRecord("JSON, but not an object")

    def value(column: str) -> str | None:
        inner: Any = found
        for key in [column] if column in found else column.split("."):
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, bool):
            return "true" if inner else "false"
        return None if inner is None or isinstance(inner, (dict, list)) else str(inner).strip() or None

    return value
