"""The pages about importing and simulating name what the code has."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.importing import FORMATS
from connectors.simulator.profiles import TENANTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_format_has_its_section() -> None:
    sections = re.findall(r"^## `(.+)`$", (DOCS / "importing.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(FORMATS)


def test_the_simulated_tenants_are_listed_as_they_are() -> None:
    rows = re.findall(
        r"^\| ([a-z-]+) \| (\S+/\S+) \| (.+) \|$", (DOCS / "simulator.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows == [
        (tenant.name, tenant.timezone, ", ".join(channel for channel, _ in tenant.channels)) for tenant in TENANTS
    ]
