"""What the stages get from a partition: a chunk of its records, and where it lay."""

from __future__ import annotations

from typing import Any

import msgspec
from faust import Schema

from schemas.times import EpochMs


class FetchedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it lay in its partition."""

    offset: int
    timestamp: EpochMs
    key: bytes | None
    value: bytes | None


class Chunk(msgspec.Struct, frozen=True):
    """All records that a partition has from `begins` up to `ends`, which is the next offset to read.

    Not every offset is a record: transactions leave marks in the log, and compaction leaves holes.
    """

    begins: int
    ends: int
    records: list[Any]


class ChunkSchema(Schema):  # type: ignore[misc]
    """The value of a message is its chunk, as it is."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> None:
        """A chunk has no key."""

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """The chunk."""
        return message.value
