"""ClickHouse's Native format, by clickhouse-driver's own codec.

The server speaks it over the wire and the embedded engine over bytes. One codec for both means that a value cannot
arrive differently in one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.bufferedreader import BufferedSocketReader
from clickhouse_driver.bufferedwriter import BufferedSocketWriter
from clickhouse_driver.connection import ServerInfo
from clickhouse_driver.context import Context
from clickhouse_driver.streams.native import BlockInputStream, BlockOutputStream

from sinks.clickhouse.database import Answer

_BUFFER_BYTES = 1 << 20


def encode(names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[Any]]) -> bytes:
    """One block in Native format. `columns` are copied: the codec writes into what it is given."""
    sink = _Collected()
    block = ColumnOrientedBlock(list(zip(names, types, strict=True)), [list(values) for values in columns])
    BlockOutputStream(BufferedSocketWriter(sink, _BUFFER_BYTES), _context()).write(block)
    return b"".join(sink.parts)


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
