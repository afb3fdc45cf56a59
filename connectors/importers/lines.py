"""Files → numbered lines, gzip or not, with bounded memory whatever the file holds."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from connectors.importers.rows import Refusal, Unread
from schemas.documents import MAX_EVENT_BYTES

_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SKIP_BYTES = 1 << 16

#: No id, state or time is longer. A longer cell is a row out of step, or somebody's text.
MAX_CELL_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `number` counts from 1."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table by column name; `line` counts from 1, the header included."""

    line: int
    values: Mapping[str, str]


def read_lines(path: Path) -> Iterator[Line | Refusal]:
    """Every line of a file. A line over `MAX_EVENT_BYTES` is refused without being held in memory.

    A file that cannot be opened, is no UTF-8 as a whole, or breaks off in the middle gives one `Unread` where it ends.
    """
    number = 0
    try:
        with opened(path) as stream:
            while data := stream.readline(MAX_EVENT_BYTES + 2):
                number += 1
                if number == 1:
                    if data.startswith(_UTF_16):
                        yield Unread(str(path), 0, "the file is UTF-16, nothing of it is read: save it as UTF-8")
                        return
                    data = data.removeprefix(_BYTE_ORDER_MARK)
                if len(data.rstrip(b"\r\n")) > MAX_EVENT_BYTES:
                    size = len(data) + _skip_rest(stream, data)
                    yield Refusal(str(path), number, f"a line of {size:,} bytes: at most {MAX_EVENT_BYTES:,} are read")
                    continue
                yield Line(number, data.rstrip(b"\r\n"))
    except (OSError, EOFError, zlib.error) as exc:
        where = "cannot be read" if number == 0 else "breaks off here, the rest is not read"
        cause = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        yield Unread(str(path), number + 1 if number else 0, f"the file {where}: {cause}")


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if it is gzipped. Raises `OSError`."""
    with path.open("rb") as probe:
        packed = probe.read(2) == _GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def _skip_rest(stream: IO[bytes], data: bytes) -> int:
    skipped = 0
    while data and not data.endswith(b"\n"):
        data = stream.readline(_SKIP_BYTES)
        skipped += len(data)
    return skipped


def read_table(
    path: Path, needed: Sequence[str], aliases: Mapping[str, str] | None = None
) -> Iterator[Cells | Refusal]:
    """Rows of a CSV file with a header. One line is one row: none of the formats has line breaks inside a cell.

    `aliases` maps other spellings of a column to the name in `needed`. Without a needed column the whole file is
    refused, at line 1. Of two columns with the same name the first counts.
    """
    header: list[str] = []
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line
            continue
        cells = _cells(line)
        if isinstance(cells, str):
            yield Refusal(str(path), line.number, cells)
        elif not header:
            header = [(aliases or {}).get(name, name) for name in cells]
            missing = [name for name in needed if name not in header]
            if missing:
                yield Unread(str(path), 1, f"no column {', '.join(missing)}: nothing of this file is read")
                return
        elif len(cells) != len(header):
            yield Refusal(str(path), line.number, f"{len(cells)} cells where the header has {len(header)}")
        else:
            yield Cells(line.number, dict(zip(reversed(header), reversed(cells), strict=True)))


def _cells(line: Line) -> list[str] | str:
    """The cells, or why there are none."""
    try:
        text = line.data.decode("utf-8")
        cells = next(csv.reader([text], strict=True), [])
    except UnicodeDecodeError as exc:
        return f"not UTF-8: {exc.reason} at byte {exc.start}"
    except csv.Error as exc:
        return f"not CSV: {exc}"
    if not cells:
        return "an empty line"
    if max(map(len, cells)) > MAX_CELL_CHARACTERS:
        return f"a cell of more than {MAX_CELL_CHARACTERS:,} characters"
    return cells
