"""A project of a few small modules, each kind that can be compiled, with its own copy of `speedups`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import speedups
from speedups.project import PLAIN, SUFFIX, Project

SOURCES: Mapping[str, str] = {
    "streams/__init__.py": "import speedups\n\nspeedups.install_finder()\n",
    "schemas/__init__.py": "import speedups\n\nspeedups.install_finder()\n",
    "streams/pairs.py": (
        "class Pair:\n    def __init__(self, left, right):\n        self.left = left\n        self.right = right\n"
    ),
    "streams/pairs.pxd": "cdef class Pair:\n    cdef public long left, right\n",
    "streams/kept.py": (
        "from __future__ import annotations\n\nimport msgspec\n\n\n"
        "class Inner(msgspec.Struct):\n    value: int\n\n\n"
        "class Kept(msgspec.Struct):\n    zeal: int\n    inner: Inner | None = None\n    names: list[str] = []\n"
    ),
    "streams/sums.py": (
        "from streams.kept import Kept\nfrom streams.pairs import Pair\n\n\n"
        "def total(pair: Pair) -> int:\n"
        "    return pair.left + pair.right\n\n\n"
        "def broken():\n"
        "    raise LookupError('on line ten')\n\n\n"
        "def kept_total(kept: Kept) -> int:\n"
        "    inner = kept.inner\n"
        "    return kept.zeal + len(kept.names) + inner.value\n"
    ),
    "streams/sums.pxd": (
        "from streams.kept cimport Inner, Kept\nfrom streams.pairs cimport Pair\n\n"
        "cpdef long total(Pair pair)\ncpdef kept_total(Kept kept)\n"
    ),
    "streams/names.py": "def name():\n    return 'names'\n",
    "schemas/native.pyx": "def answer():\n    cdef long found = 42\n    return found\n",
}
MODULES = ("streams.sums", "streams.pairs", "streams.names", "schemas.native")
RECORDS = {"streams.kept": ("Inner", "Kept")}
USE = "from streams.pairs import Pair\nfrom streams.sums import total\nprint(total(Pair(1, 2)))"


@dataclass(frozen=True, slots=True)
class Done:
    """How a process ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Toy:
    """Its root. What runs there finds its modules, and not ours."""

    root: Path

    @property
    def project(self) -> Project:
        return Project(self.root, MODULES, RECORDS)

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def python(self, *arguments: str, **environment: str) -> Done:
        env = {**os.environ, PLAIN: "", "PYTHONPATH": str(self.root), **environment}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout.strip(), done.stderr.strip())

    def build(self, *options: str, **environment: str) -> Done:
        return self.python("-m", "speedups", "build", *options, **environment)

    def state(self, **environment: str) -> str:
        return self.python("-m", "speedups", **environment).out

    def loaded(self, module: str, **environment: str) -> str:
        """The file that a new process has it from."""
        return self.python("-c", f"import {module}; print({module}.__file__)", **environment).out

    def use(self, **environment: str) -> Done:
        """Whether it works: it prints 3."""
        return self.python("-c", USE, **environment)

    def all_plain(self) -> bool:
        return not any(self.loaded(module).endswith(SUFFIX) for module in MODULES if module.startswith("streams"))

    def libraries(self) -> dict[str, Path]:
        """Module → its compiled file, of what counts now."""
        return {path.name.removesuffix(SUFFIX): path for path in self.project.built.glob(f"*/*{SUFFIX}")}


def toy(root: Path) -> Toy:
    """A new one at `root`, nothing compiled."""
    ours = Path(speedups.__file__).parent
    shutil.copytree(ours, root / "speedups", ignore=shutil.ignore_patterns("_built", "__pycache__"))
    for path, text in {**SOURCES, "speedups/modules.py": f"MODULES = {MODULES!r}\nRECORDS = {RECORDS!r}\n"}.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return Toy(root)
