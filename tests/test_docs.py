"""The files and folders that pages name are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layout import OURS, ROOT

FOLDERS = sorted({*OURS, "deploy", "docs"})
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "connectors" / "ADDING_A_CHANNEL.md"]
_PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w/*]")
#: Without its folder, or with only the last of them.
_MODULE = re.compile(r"`((?:\w+/)*\w+\.(?:py|pyx|pxd))`")
MODULES = [path for folder in FOLDERS for end in ("py", "pyx", "pxd") for path in (ROOT / folder).rglob(f"*.{end}")]


def missing(text: str) -> Iterator[str]:
    """What a page names and nobody has."""
    for name in sorted(set(_PATH.findall(text))):
        # The file that every vendor has.
        if not any(ROOT.glob(name.rstrip("/").replace("VENDOR", "*"))):
            yield name
    for name in sorted(set(_MODULE.findall(text))):
        if name.split("/")[0] not in FOLDERS and not any(path.as_posix().endswith(f"/{name}") for path in MODULES):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert list(missing(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "see `sinks/nowhere.py`.",
        "scripts/nothing",
        "`docs/runbooks/none-*.md`",
        "(`nowhere.pyx`)",
        "`sla/nowhere.py`",
    ],
)
def test_what_is_not_there_is_seen(text: str) -> None:
    assert len(set(missing(text))) == 1


@pytest.mark.parametrize(
    "text", ["`streams/timers/`", "(scripts/up, or `bench/requirements-*.txt`)", "clickhouse://h:9000/supportpulse/x"]
)
def test_what_is_there_or_no_path_is_not(text: str) -> None:
    assert list(missing(text)) == []
