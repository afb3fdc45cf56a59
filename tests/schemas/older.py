"""Records as earlier releases wrote them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
from fastavro import schemaless_writer

from schemas.registry import SchemaVersion, versions


def written_with(version: SchemaVersion, record: msgspec.Struct) -> bytes:
    """The bytes of a flat record under one version of its schema: what that version does not have is lost."""
    document: dict[str, Any] = msgspec.structs.asdict(record)
    out = BytesIO()
    out.write(version.header)
    schemaless_writer(out, version.parsed, {field: document[field] for field in fields_of(version)})
    return out.getvalue()


def fields_of(version: SchemaVersion) -> list[str]:
    """The names of its fields."""
    return [field["name"] for field in version.document["fields"]]


def earlier(record: str) -> list[SchemaVersion]:
    """Every released version but the one that is written today."""
    return list(versions(record)[:-1])
