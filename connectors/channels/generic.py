"""Our own events over HTTP: one JSON object, a list of them, or one per line (NDJSON).

Not a vendor: nothing is mapped. What a body says is what `schemas.documents` reads, each event by itself, so that every
refused one can be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from schemas.documents import parse_event
from schemas.errors import MalformedRecord, Refused
from schemas.records import InteractionEvent

JSON = "application/json"
#: What one event per line may be called.
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_pieces = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that cannot be used: its place in the batch from 0, its line from 1 in NDJSON, and why."""

    index: int
    line: int | None
    error: Refused


@dataclass(slots=True)
class Batch:
    """What a body says. `places` holds, for each event, its index and line."""

    events: list[InteractionEvent] = field(default_factory=list)
    places: list[tuple[int, int | None]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def read_batch(body: bytes, content_type: str) -> Batch:
    """Every event of a body, or why not. Raises `MalformedRecord` if it is no batch at all."""
    batch = Batch()
    pieces = _lines(body) if content_type in NDJSON else _elements(body)
    for index, (line, piece) in enumerate(pieces):
        try:
            batch.events.append(parse_event(piece))
            batch.places.append((index, line))
        except Refused as exc:
            batch.refused.append(Refusal(index, line, exc))
    if not batch.events and not batch.refused:
        raise MalformedRecord("there is no event in the body: send one as a JSON object, a list, or one per line")
    return batch


def _lines(body: bytes) -> Iterator[tuple[int | None, bytes]]:
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _elements(body: bytes) -> Iterator[tuple[int | None, bytes]]:
    if not body.lstrip().startswith(b"["):
        yield None, body
        return
    try:
        found = _pieces.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedRecord("the body is no list in JSON: it is cut short, nested too deeply, or not UTF-8") from None
    for each in found:
        yield None, bytes(each)
