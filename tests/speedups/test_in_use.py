"""The listed modules, as this process has them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from speedups.modules import MODULES
from speedups.project import SUFFIX, Project
from tests.speedups import asking


@pytest.mark.parametrize("module", MODULES)
def test_a_listed_module_is_the_compiled_one(module: str) -> None:
    asking.compiled_code()
    assert str(importlib.import_module(module).__file__).endswith(SUFFIX)


@pytest.mark.parametrize("module", MODULES)
def test_a_listed_module_lies_where_the_finder_is_installed(module: str) -> None:
    project = Project()
    assert (project.root / project.source(module)).exists()
    package = Path(project.root, module.split(".", maxsplit=1)[0], "__init__.py").read_text(encoding="utf-8")
    assert "speedups.install_finder()" in package


def test_no_module_is_listed_twice() -> None:
    assert len(set(MODULES)) == len(MODULES)
