"""What is compiled and how, and whether what was compiled belongs to the sources as they are now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec

from speedups.modules import MODULES, RECORDS

#: Set, it has everything run plain.
PLAIN = "SUPPORTPULSE_PLAIN"
#: What Cython is told. Annotations stay annotations: types come from the .pxd files alone.
DIRECTIVES: Mapping[str, str] = {
    "language_level": "3",
    "annotation_typing": "False",
    "binding": "True",
    "auto_pickle": "False",
    # What mypy says is never None is looked at once more: a field of None is an AttributeError, and not a crash.
    "nonecheck": "True",
}
#: What the C compiler is told after what Python itself was built with. Symbols for a debugger would be most of a file.
C_FLAGS: tuple[str, ...] = ("-O2", "-g0")

#: What the names of extension modules end with, and what of it tells the interpreter: cpython-311-x86_64-linux-gnu.
SUFFIX = EXTENSION_SUFFIXES[0]
TAG = SUFFIX.strip(".").rpartition(".")[0]

#: Everything besides sources and Cython's version that decides what comes out.
HOW = " ".join(
    [TAG, f"msgspec={msgspec.__version__}", *(f"{name}={value}" for name, value in DIRECTIVES.items()), *C_FLAGS]
)

_DECLARED_IN = ("connectors", "schemas", "streams")


@dataclass(frozen=True, slots=True)
class Project:
    """The sources below `root`, and where what is made of them lies."""

    root: Path = field(default_factory=lambda: Path(__file__).parents[1])
    modules: tuple[str, ...] = MODULES
    records: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: RECORDS)

    @property
    def built(self) -> Path:
        """Everything that this interpreter, and no other, can load."""
        return self.root / "speedups" / "_built" / TAG

    def source(self, module: str) -> str:
        """The path below the root of what `module` is written in."""
        stem = module.replace(".", "/")
        return f"{stem}.pyx" if os.path.exists(f"{self.root}/{stem}.pyx") else f"{stem}.py"

    def files(self) -> dict[str, str]:
        """Path below the root → hash of what it holds: the sources of modules and records, and every declaration.

        A source that cannot be read raises OSError.
        """
        paths = {*map(self.source, self.modules), *self.record_sources(), *self._declarations()}
        return {path: self.hash_of(path) for path in sorted(paths)}

    def record_sources(self) -> list[str]:
        """The paths below the root of the modules that have the records."""
        return list(map(self.source, self.records))

    def hash_of(self, path: str) -> str:
        """Of what the file at `path` below the root holds."""
        with open(f"{self.root}/{path}", "rb") as file:
            return digest(file.read())

    def _declarations(self) -> Iterator[str]:
        start = len(str(self.root)) + 1
        for package in _DECLARED_IN:
            for folder, below, names in os.walk(f"{self.root}/{package}"):
                below[:] = [name for name in below if name != "__pycache__"]
                yield from (f"{folder}/{name}"[start:] for name in names if name.endswith(".pxd"))


def digest(content: bytes) -> str:
    """Sixteen hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()
