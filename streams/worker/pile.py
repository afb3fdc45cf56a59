"""Records for one partition, put into the batches that carry them as they come.

aiokafka's `BatchBuilder` hands every record through two methods in Python to the builder in C that it wraps. Here they
go to that one at once, or to one of our own where it is compiled, which takes a quarter of its time and adds up the
checksum ten times as fast; and the wrapper is told how many there are. Pinned to aiokafka 0.14.0;
`tests/streams/worker/test_pile.py` holds the batches to those that the wrapper makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.times import EpochMs

_NO_HEADERS: list[Any] = []


def _native() -> Callable[[int], Any] | None:
    try:
        from streams.worker.native_batch import NativeBatch  # noqa: PLC0415
    except ImportError:
        return None
    builder: Callable[[int], Any] = NativeBatch
    return builder


NATIVE = _native()


class Pile:
    """Records for one partition. Sent with `Outbox.send_pile`.

    `native`: makes the builder of a batch of so many bytes; None: it stays aiokafka's.
    """

    __slots__ = ("_append", "_batch_bytes", "_batches", "_count", "_native", "_new_batch")

    def __init__(
        self, new_batch: Callable[[], Any], batch_bytes: int, native: Callable[[int], Any] | None = NATIVE
    ) -> None:
        self._new_batch = new_batch
        self._batch_bytes = batch_bytes
        self._native = native
        self._batches: list[Any] = []
        self._begin()

    def append(self, key: bytes, value: bytes | None, timestamp_ms: EpochMs) -> None:
        """Put a record behind the others. An empty batch takes any; what is too large for it, the broker refuses."""
        if self._append(self._count, timestamp_ms, key, value, _NO_HEADERS) is None:
            self._settle()
            self._begin()
            self._append(0, timestamp_ms, key, value, _NO_HEADERS)
        self._count += 1

    def batches(self) -> list[Any]:
        """Full ones, and the last; nothing may be put behind it any more."""
        self._settle()
        return [batch for batch in self._batches if batch.record_count()]

    def _begin(self) -> None:
        batch = self._new_batch()
        if self._native is not None:
            batch._builder = self._native(self._batch_bytes)
        self._batches.append(batch)
        self._append = batch._builder.append
        self._count = 0

    def _settle(self) -> None:
        batch = self._batches[-1]
        batch._relative_offset = self._count
        batch.close()
