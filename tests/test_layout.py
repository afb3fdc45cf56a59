"""The layering of docs/decisions/0001-layout.md, read from every import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED: dict[str, set[str]] = {
    "speedups": {"speedups"},
    "schemas": {"schemas", "speedups"},
    "connectors": {"connectors", "schemas", "speedups"},
    "streams": {"streams", "schemas", "speedups"},
    "sinks": {"sinks", "schemas"},
    "supportpulse": {"supportpulse", "connectors", "schemas", "sinks", "speedups", "streams"},
}
OURS = {*ALLOWED, "tests", "bench", "chaos", "scripts"}
MAX_LINES = 400

MODULES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))
#: What Cython reads and `ast` cannot.
DECLARATIONS = sorted(
    path for package in ALLOWED for end in ("pxd", "pyx") for path in (ROOT / package).rglob(f"*.{end}")
)
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[int, str, int]]:
    """Line, module and level (0: absolute) of every import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "", node.level


def reaching_back(package: str, tree: ast.AST) -> list[str]:
    """Imports that `package` may not have, as "line: module"."""
    return [
        f"{line}: {module}"
        for line, module, level in imports(tree)
        if level == 0 and module.split(".")[0] in OURS - ALLOWED[package]
    ]


def declared_back(package: str, text: str) -> list[str]:
    """Modules that a .pxd or .pyx of `package` imports, and may not."""
    found = re.findall(r"^\s*(?:from|c?import)\s+([\w.]+)", text, flags=re.MULTILINE)
    return [module for module in found if module.split(".")[0] in OURS - ALLOWED[package]]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_follow_the_event(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert reaching_back(package, ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", DECLARATIONS, ids=named)
def test_declarations_follow_the_event_too(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert declared_back(package, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line", ["from streams.fold.state cimport State", "cimport streams.fold", "import sinks"])
def test_a_declaration_that_points_back_is_seen(line: str) -> None:
    assert declared_back("schemas", f"from schemas.codegen cimport varints\n    {line}\n") != []


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_are_absolute(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [line for line, _, level in imports(tree) if level > 0] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_the_present_is_taken_in_one_place() -> None:
    assert [named(path) for path in MODULES if "time.time_ns" in path.read_text("utf-8")] == ["schemas/times.py"]


@pytest.mark.parametrize("package", ALLOWED)
def test_every_folder_of_modules_is_a_package(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert sorted(named(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("speedups", "import schemas.times"),
        ("schemas", "from streams.fold import steps"),
        ("connectors", "import sinks"),
        ("streams", "import supportpulse.settings as settings"),
        ("sinks", "def late():\n    from connectors import importing"),
        ("supportpulse", "from tests.servers import kafka"),
    ],
)
def test_an_import_that_points_back_is_seen(package: str, line: str) -> None:
    assert len(reaching_back(package, ast.parse(line))) == 1
