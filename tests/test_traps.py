"""docs/traps.md names tests that exist, and the protections that `python -m chaos.controls` switches off."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from chaos import controls
from chaos.controls import ROOT, switched_off
from chaos.protections import CONTROLS, Control

TEXT = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
ROWS = [row.strip("|").split("|") for row in TEXT.splitlines() if re.match(r"\| (?!-)", row)]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
HELD = [(control, *test.partition("[")[0].split("::")) for control in CONTROLS for test in control.tests]


@cache
def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)), ids=lambda part: part.rpartition("/")[2])
def test_every_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert name in functions_in(path)


def test_every_trap_names_a_test() -> None:
    bare = [row[0].strip() for row in ROWS if row[-1].strip() != "held by" and "::test_" not in row[-1]]
    assert bare == []
    assert len(ROWS) > 30


@pytest.mark.parametrize(("control", "path", "name"), HELD, ids=lambda part: getattr(part, "protection", ""))
def test_every_protection_can_be_switched_off_and_its_test_exists(control: Control, path: str, name: str) -> None:
    assert switched_off(control, (ROOT / control.path).read_text(encoding="utf-8"))
    assert name in functions_in(path)


def test_words_that_the_usage_shows_select_protections() -> None:
    (example,) = re.findall(r"chaos\.controls (\w[\w ]+?) +#", controls.__doc__ or "")
    for word in example.split():
        assert any(word in control.protection for control in CONTROLS), word


def test_the_page_lists_the_protections_that_are_switched_off() -> None:
    listed = TEXT.partition("## Protections, switched off")[2]
    assert re.findall(r"^- (.+)$", listed, re.MULTILINE) == [control.protection for control in CONTROLS]
