"""What has been redriven: a compacted topic beside the dead letters.

A letter gets an entry before it is sent ("sending", with where the target's partitions ended then) and another behind
it ("sent", with where it lies now). Whoever finds a letter that is still "sending" looks for it behind those ends: the
record carries the letter's id in a header. So an interrupted redrive is finished, and nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from supportpulse import topic_reading

#: The header of a record that was sent again: its letter's id.
HEADER = "supportpulse-redrive"
_ACKNOWLEDGED_SECONDS = 60.0


class LedgerFailed(SupportpulseError):
    """What was redriven cannot be written down. Nothing was sent that is not noted; run the redrive again."""


class Entry(msgspec.Struct, frozen=True):
    """What is known of one letter. `to` is None while it is being sent."""

    letter: str
    topic: str
    #: partition of `topic` → where it ended before the letter was sent
    since: dict[int, int]
    at: EpochMs
    to: str | None = None


_decode = msgspec.json.Decoder(Entry).decode


def read(kafka: str, topic: str) -> dict[str, Entry]:
    """Letter id → the last that was said of it."""
    found: dict[str, Entry] = {}
    for record in topic_reading.read(kafka, topic):
        try:
            entry = _decode(record.value)
        except msgspec.MsgspecError as exc:
            raise LedgerFailed(
                f"{topic}/{record.partition}/{record.offset} cannot be read: a later release wrote it. Run that"
            ) from exc
        found[entry.letter] = entry
    return found


def write(kafka: str, topic: str, entries: Iterable[Entry]) -> None:
    """Add entries; returns when the broker has them all. Raises `LedgerFailed`."""
    try:
        producer = KafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=False, linger_ms=5)
    except KafkaError as exc:
        raise LedgerFailed(f"no broker answers at {kafka} ({exc}): start it, and run the redrive again") from exc
    try:
        waiting = [
            producer.send(topic, key=entry.letter.encode(), value=msgspec.json.encode(entry)) for entry in entries
        ]
        for future in waiting:
            future.get(_ACKNOWLEDGED_SECONDS)
    except KafkaError as exc:
        raise LedgerFailed(f"{topic} did not take an entry ({exc}): run the redrive again when it is well") from exc
    finally:
        producer.close(timeout=1)
