"""Events as JSON, one per line (`.jsonl`, also gzipped): the form of `POST /v1/events`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.importers.lines import read_lines
from connectors.importers.rows import ImportOptions, Outcome, Refusal, Row
from schemas.documents import parse_event
from schemas.errors import Refused


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """Every line is one event, as it is, unless `options` say otherwise."""
    changes = _changes(options)
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line
        elif not line.data.strip():
            yield Refusal(str(path), line.number, "an empty line")
        else:
            try:
                event = parse_event(line.data)
            except Refused as exc:
                yield Refusal(str(path), line.number, exc.detail)
            else:
                yield Row(str(path), line.number, (msgspec.structs.replace(event, **changes) if changes else event,))


def _changes(options: ImportOptions) -> dict[str, str | bool]:
    said: dict[str, str | bool | None] = {
        "tenant": options.tenant,
        "source": options.source,
        "historical": options.historical,
    }
    return {name: value for name, value in said.items() if value is not None}
