"""Asterisk's `queue_log`, also a rotated or gzipped one: each line as `connectors.channels.asterisk` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.channels.asterisk import Asterisk
from connectors.channels.base import ChannelOptions, Delivery, Source, in_its_name
from connectors.importers.lines import read_lines
from connectors.importers.rows import Ignored, ImportOptions, Origin, Outcome, Refusal, Row
from schemas.errors import Refused
from schemas.records import InteractionEvent

FORMAT = "asterisk_queue_log"


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """A row per line. An event's name is what its line says, so a log may be read again while it grows."""
    origin = Origin.of(FORMAT, options)
    source = Source(origin.source, origin.tenant, ChannelOptions())
    connector, offset = Asterisk(), 0
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line
            continue
        try:
            delivery = Delivery("POST", "", {}, line.data, 0, {"offset": str(offset)})
            parsed = connector.parse(delivery, source)
        except Refused as exc:
            yield Refusal(str(path), line.number, exc.detail)
        else:
            if parsed.parked:
                yield Refusal(str(path), line.number, parsed.parked[0].detail)
            elif parsed.events:
                events = tuple(in_its_name(each, source) for each in parsed.events)
                yield Row(
                    str(path), line.number, tuple(_imported(each, historical=origin.historical) for each in events)
                )
            else:
                yield Ignored(str(path), line.number, parsed.ignored[0])
        offset += len(line.data) + 1


def _imported(event: InteractionEvent, *, historical: bool) -> InteractionEvent:
    return msgspec.structs.replace(event, ingested_at=None, historical=historical)
