"""What the sink and the notifier get from Kafka."""

from __future__ import annotations

import msgspec

from schemas.times import EpochMs


class SourceRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it lay in its topic."""

    offset: int
    timestamp_ms: EpochMs
    key: bytes | None
    value: bytes | None
