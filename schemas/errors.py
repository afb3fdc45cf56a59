"""What can be wrong with a record, and what to do about it.

SupportpulseError            everything this project raises on purpose; its text says what to do
└── Refused                  a record that cannot be used: report it where it came from, or park it
    ├── InvalidEvent         the content breaks the contract
    ├── MalformedRecord      the bytes are not what they claim to be
    ├── UnknownSchema        written with a schema version this release does not have: upgrade, then redrive
    └── UnknownPayload       a channel's, of a kind that its connector does not know: upgrade, then redrive
"""

from __future__ import annotations

from typing import ClassVar


class SupportpulseError(Exception):
    """Base of every error raised on purpose. The message says what, where and what to do."""


class Refused(SupportpulseError):
    """A record that cannot be used. `reason` is bounded and safe as a metric label; `detail` is for people.

    Neither ever contains what a customer or an agent wrote.
    """

    reason: ClassVar[str] = "refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidEvent(Refused):
    """The content breaks the contract: unknown field, unknown value, wrong type, missing field."""

    reason = "invalid_event"


class MalformedRecord(Refused):
    """The bytes are not what they claim to be: not UTF-8, not JSON, not Avro, too large, cut short."""

    reason = "malformed"


class UnknownSchema(Refused):
    """Written with a schema version this release does not have. Upgrade, then redrive."""

    reason = "unknown_schema"


class UnknownPayload(Refused):
    """What a channel sent is of a kind that its connector does not know. Teach it, then redrive."""

    reason = "unknown_payload"


#: Every `reason` a dead letter or a refusal counter can carry.
REASONS: tuple[str, ...] = (
    InvalidEvent.reason,
    MalformedRecord.reason,
    UnknownSchema.reason,
    UnknownPayload.reason,
)
