"""The released versions of every record's Avro schema, found by fingerprint.

A version is a file `schemas/<record>/<number>.avsc`. Once released it never changes and is never removed, so that what
was written with it stays readable; the highest number is what is written today.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastavro import parse_schema
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.errors import SupportpulseError

SCHEMAS_DIR = Path(__file__).parent
RECORDS = ("interaction_event", "metric_fact", "sla_alert", "metric_window", "dead_letter")

#: The Avro specification's single-object encoding: this marker, the writer's fingerprint, the body.
MARKER = b"\xc3\x01"
HEADER_BYTES = len(MARKER) + 8


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One released version of one record's schema."""

    record: str
    number: int
    document: dict[str, Any]
    #: As fastavro wants it, without logical types: instants stay integers, which is what the pipeline works with.
    parsed: Any
    #: CRC-64-AVRO of the parsing canonical form, little-endian, as the header carries it.
    fingerprint: bytes

    @property
    def header(self) -> bytes:
        """What a record written with this version begins with."""
        return MARKER + self.fingerprint


@cache
def versions(record: str) -> tuple[SchemaVersion, ...]:
    """All released versions of `record`, oldest first."""
    files = sorted((SCHEMAS_DIR / record).glob("*.avsc"), key=lambda path: int(path.stem))
    if not files:
        raise SupportpulseError(f"no schema of {record!r} in {SCHEMAS_DIR}: the records are {', '.join(RECORDS)}")
    return tuple(_load(record, path) for path in files)


def latest(record: str) -> SchemaVersion:
    """The version that is written today."""
    return versions(record)[-1]


@cache
def by_fingerprint(record: str) -> dict[bytes, SchemaVersion]:
    """Fingerprint → version, for finding a writer's schema."""
    return {version.fingerprint: version for version in versions(record)}


def _load(record: str, path: Path) -> SchemaVersion:
    document = json.loads(path.read_text(encoding="utf-8"))
    # avro's own canonical form keeps {"type": "long"} where a logical type was and the specification says "long";
    # fastavro's is the specification's.
    canonical = to_parsing_canonical_form(document)
    return SchemaVersion(
        record=record,
        number=int(path.stem),
        document=document,
        parsed=parse_schema(_without_logical_types(document)),
        fingerprint=bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO")),
    )


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_logical_types(value) for key, value in node.items() if key != "logicalType"}
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node
