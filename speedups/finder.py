"""Finds the compiled module where Python would find the plain one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType

from speedups import manifest
from speedups.manifest import Manifest
from speedups.project import PLAIN, Project

REMEDY = (
    "install a C compiler and Python's headers (on Debian: apt-get install gcc python3-dev), then run scripts/install"
)


@dataclass(frozen=True, slots=True)
class State:
    """Which code this process runs. `why` it is the plain one, and what to do about it; both empty when compiled."""

    cython: str = ""
    why: str = ""
    remedy: str = ""

    @property
    def compiled(self) -> bool:
        """Whether the hot path is compiled."""
        return not self.why

    def __str__(self) -> str:
        return f"compiled (Cython {self.cython})" if self.compiled else "plain"


class Loader(ExtensionFileLoader):
    """Of one compiled module. Its library is opened at once, its body runs when it is imported."""

    def __init__(self, name: str, path: str, source: Path) -> None:
        super().__init__(name, path)
        self._source = source
        self.spec = ModuleSpec(name, self, origin=path)
        self.spec.has_location = True
        self._opened: ModuleType | None = super().create_module(self.spec)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """What was opened; anew when it is imported once more."""
        module, self._opened = self._opened, None
        return module or super().create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run its body. By now others are in use, which cannot be taken back: then this process cannot go on."""
        try:
            super().exec_module(module)
        except ImportError as exc:
            raise ImportError(
                f"{self.name}, compiled, cannot be imported: {exc}. "
                f"Run `python -m speedups build --force`, or set {PLAIN}=1 for the plain modules",
                name=self.name,
                path=self.path,
            ) from exc

    def get_source(self, fullname: str) -> str:  # type: ignore[override]  # noqa: ARG002
        """What it was compiled from: tracebacks show these lines, wherever they are printed."""
        return self._source.read_text(encoding="utf-8")


class Finder:
    """Knows the listed modules. Looks at what is built when the first of them is asked for."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._listed = frozenset(project.modules)
        self._loaders: Mapping[str, Loader] = {}
        self._state: State | None = None

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """None for modules that are none of ours, and for all where the plain ones are used."""
        if fullname not in self._listed:
            return None
        self.state()
        loader = self._loaders.get(fullname)
        return None if loader is None else loader.spec

    def state(self) -> State:
        """Decided once: what a process started with it keeps."""
        with self._lock:
            if self._state is None:
                self._state = self._decide()
            return self._state

    def _decide(self) -> State:
        if os.environ.get(PLAIN, "0") not in ("", "0"):
            return State(why=f"{PLAIN} is set", remedy=f"unset {PLAIN}")
        built = self._project.built
        found = Manifest.read(built / manifest.NAME)
        if found is None:
            return State(why="nothing was compiled for this Python", remedy=REMEDY)
        rebuild = "run scripts/install"
        try:
            why = found.differs(self._project) or found.damaged(self._project)
        except OSError as exc:
            why = f"a source cannot be read: {exc}"
        if why:
            return State(why=why, remedy=rebuild)
        try:
            self._loaders = opened(self._project, found, built / found.fingerprint)
        except ImportError as exc:
            return State(
                why=f"a compiled module cannot be loaded: {exc}", remedy="run `python -m speedups build --force`"
            )
        return State(cython=found.cython)


def opened(project: Project, found: Manifest, folder: Path) -> dict[str, Loader]:
    """A loader for each, its library open. All or an ImportError: modules know of each other how they lie in memory."""
    return {
        name: Loader(name, str(folder / each.file), project.root / project.source(name))
        for name, each in found.extensions.items()
    }


def install_finder() -> None:
    """Have compiled modules found from now on; a second time does nothing."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, Finder(Project()))


def state() -> State:
    """Which code this process runs."""
    install_finder()
    (finder,) = (each for each in sys.meta_path if isinstance(each, Finder))
    return finder.state()
