"""The oracle would agree with every mistake of the product that it shared code with."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_layout import imports, named

HERE = Path(__file__).parent
#: What tells histories to both sides knows both.
BETWEEN = {"books.py", "compared.py", "histories.py"}
RULES = sorted(path for path in HERE.glob("*.py") if path.name not in BETWEEN and not path.name.startswith("test_"))
OURS = ("schemas", "streams", "sinks", "supportpulse", "connectors", "tests")


@pytest.mark.parametrize("path", RULES, ids=named)
def test_the_rules_are_written_without_the_product(path: Path) -> None:
    found = {module for _, module, _ in imports(ast.parse(path.read_text(encoding="utf-8")))}
    ours = {module for module in found if module.split(".")[0] in OURS}
    assert {module for module in ours if not module.startswith("tests.oracle")} <= {"schemas.records", "schemas.times"}
