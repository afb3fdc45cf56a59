"""ClickHouse's Native format, by clickhouse-driver's own codec, and by `encoding` where columns allow it.

The server speaks it over the wire and the embedded engine over bytes. One codec for both means that a value cannot
arrive differently in one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_driver import defines
from clickhouse_driver.block import BlockInfo
from clickhouse_driver.bufferedreader import BufferedSocketReader
from clickhouse_driver.bufferedwriter import BufferedSocketWriter
from clickhouse_driver.columns.service import write_column
from clickhouse_driver.connection import ServerInfo
from clickhouse_driver.context import Context
from clickhouse_driver.streams.native import BlockInputStream, BlockOutputStream
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str, write_binary_uint8

from schemas.columnar import Column
from sinks.clickhouse.database import Answer
from sinks.clickhouse.encoding import encoder

_BUFFER_BYTES = 1 << 20


def encode(names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[Any]]) -> bytes:
    """One block in Native format."""
    sink = _Collected()
    stream = BlockOutputStream(BufferedSocketWriter(sink, _BUFFER_BYTES), _context())
    write(stream, list(zip(names, types, strict=True)), columns)
    return b"".join(sink.parts)


def write(stream: Any, names_and_types: Sequence[tuple[str, str]], columns: Sequence[Sequence[Any]]) -> None:
    """One block to one of clickhouse-driver's output streams. Changes no column."""
    out, revision = stream.fout, stream.context.server_info.used_revision
    if revision >= defines.DBMS_MIN_REVISION_WITH_BLOCK_INFO:
        BlockInfo().write(out)
    write_varint(len(columns), out)
    write_varint(len(columns[0]), out)
    for (name, kind), column in zip(names_and_types, columns, strict=True):
        write_binary_str(name, out)
        write_binary_str(kind, out)
        if revision >= defines.DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION:
            write_binary_uint8(0, out)
        encode_column = encoder(column, kind) if isinstance(column, Column) else None
        if encode_column is None:
            # A copy: the driver's codec writes into what it is given.
            write_column(stream.context, name, kind, list(column), out)
        else:
            for part in encode_column():
                out.write(part)
    stream.finalize()


def decode(payload: bytes) -> Answer:
    """All blocks of a result in Native format."""
    stream = BlockInputStream(BufferedSocketReader(_Bytes(payload), _BUFFER_BYTES), _context())
    names: tuple[str, ...] = ()
    parts: list[list[Sequence[Any]]] = []
    while True:
        try:
            block = stream.read()
        except EOFError:
            break
        names = names or tuple(name for name, _type in block.columns_with_types)
        if block.num_rows:
            parts.append(block.get_columns())
    return Answer(names, _joined(parts, len(names)))


def _joined(parts: list[list[Sequence[Any]]], width: int) -> tuple[Sequence[Any], ...]:
    if len(parts) == 1:
        return tuple(parts[0])
    return tuple([value for part in parts for value in part[i]] for i in range(width))


def _context() -> Any:
    # Revision 0 is the plain format that `FORMAT Native` reads and writes: no block info, no sparse columns.
    context = Context()
    context.server_info = ServerInfo("embedded", 0, 0, 0, 0, "UTC", "embedded", 0)
    context.settings = {}
    context.client_settings = {"use_numpy": False, "strings_as_bytes": False, "strings_encoding": "utf-8"}
    return context


class _Collected:
    """As much of a socket as the codec's writer needs."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def sendall(self, data: Any) -> None:
        self.parts.append(bytes(data))


class _Bytes:
    """As much of a socket as the codec's reader needs."""

    def __init__(self, payload: bytes) -> None:
        self._view = memoryview(payload)
        self._at = 0

    def recv_into(self, buffer: Any) -> int:
        size = min(len(buffer), len(self._view) - self._at)
        buffer[:size] = self._view[self._at : self._at + size]
        self._at += size
        return size
