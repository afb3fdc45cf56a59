"""The pages about importing and simulating name what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec

from connectors.gateway import openapi
from connectors.importing import FORMATS, import_files
from connectors.simulator.profiles import TENANTS
from schemas import documents
from tests.connectors.samples import EventList

DOCS = Path(__file__).parents[2] / "docs"


def test_every_format_has_its_section() -> None:
    sections = re.findall(r"^## `(.+)`$", (DOCS / "importing.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(FORMATS)


def test_the_values_of_every_enumeration_are_listed() -> None:
    rows = re.findall(r"^\| `([a-z.]+)`.*? \| (`.+`) \|$", (DOCS / "importing.md").read_text("utf-8"), re.MULTILINE)
    listed = {field: tuple(re.findall(r"`(\w+)`", values)) for field, values in rows}
    assert {field: listed.get(field) for field in documents._ENUMS} == {
        field: get_args(literal) for field, literal in documents._ENUMS.items()
    }


def test_the_example_is_taken_whole_and_is_what_the_api_shows() -> None:
    taken = EventList()
    report = import_files([DOCS.parent / "deploy" / "example.jsonl"], "events", taken)
    assert (report.imported, report.refused_count) == (12, 0)
    assert {event.conversation_id for event in taken} == {"chat-1", "mail-1"}
    assert documents.parse_event(msgspec.json.encode(openapi.EXAMPLE)) in taken


def test_the_simulated_tenants_are_listed_as_they_are() -> None:
    rows = re.findall(
        r"^\| ([a-z-]+) \| (\S+/\S+) \| (.+) \|$", (DOCS / "simulator.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows == [
        (tenant.name, tenant.timezone, ", ".join(channel for channel, _ in tenant.channels)) for tenant in TENANTS
    ]
