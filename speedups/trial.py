"""Imports everything that a folder holds: `python -m speedups.trial ROOT FOLDER`. What fails is the status."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from speedups import manifest
from speedups.finder import Finder, State, opened
from speedups.manifest import Manifest
from speedups.project import SUFFIX, Project


class _Trial(Finder):
    """Takes the folder as it is."""

    def __init__(self, root: Path, folder: Path) -> None:
        found = Manifest.read(folder / manifest.NAME)
        if found is None:
            raise ImportError(f"{folder} has no {manifest.NAME}")
        self.modules = tuple(found.extensions)
        super().__init__(Project(root, self.modules))
        self._found, self._folder = found, folder

    def _decide(self) -> State:
        self._loaders = opened(self._project, self._found, self._folder)
        return State(cython=self._found.cython)


def main(root: str, folder: str) -> None:
    """Raises what an import raises."""
    trial = _Trial(Path(root), Path(folder))
    sys.meta_path.insert(0, trial)
    for name in trial.modules:
        module = importlib.import_module(name)
        if not str(module.__file__).endswith(SUFFIX):
            raise ImportError(f"{name} was imported from {module.__file__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
