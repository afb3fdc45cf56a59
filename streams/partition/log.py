"""The events of a conversation as bytes that grow at the end.

An event in order needs nothing of the events before it but the certainty that it is not among them, and that can be had
by looking for its id in the bytes. So a log is unpacked only when a conversation is folded again.
"""

from __future__ import annotations

import msgspec

from streams.fold.events import LogEvent

#: Events of a conversation that are kept in its head; with more, the older ones are sealed into segments.
SEGMENT_EVENTS = 64
#: Or earlier, when they have grown to this: a head has to fit into a Kafka record, with room for one more event.
SEGMENT_BYTES = 128 * 1024

pack_event = msgspec.msgpack.Encoder().encode
_unpack_events = msgspec.msgpack.Decoder(list[LogEvent]).decode
_ARRAY_16 = 0xDC


def seal(log: bytes, count: int) -> bytes:
    """A log of `count` events as something that says itself how many they are."""
    return bytes((_ARRAY_16, count >> 8, count & 0xFF)) + log


def unpack(sealed: bytes) -> list[LogEvent]:
    """The events of a sealed log."""
    return _unpack_events(sealed)


def count_of(sealed: bytes) -> int:
    """How many events a sealed log has."""
    return int.from_bytes(sealed[1:3], "big")


def is_full(log: bytes, count: int) -> bool:
    """Whether it is time to seal a log of `count` events."""
    return count >= SEGMENT_EVENTS or len(log) >= SEGMENT_BYTES
