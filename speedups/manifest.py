"""What lies beside compiled modules: what they are, and what they were made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from speedups.project import HOW, Project, digest

#: In the folder of an interpreter: the manifest that counts. It names the folder its modules are in.
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Extension:
    """A compiled module: its file, the file's size, and path → hash of the sources that it was made of."""

    file: str
    size: int
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` is `Project.files()` as it was; `how` is `HOW`."""

    cython: str
    how: str
    files: Mapping[str, str]
    extensions: Mapping[str, Extension]

    @property
    def fingerprint(self) -> str:
        """The name of the folder: another source, flag, compiler or interpreter gives another."""
        return fingerprint(self.cython, self.how, self.files, self.extensions)

    def differs(self, project: Project) -> str:
        """Why what was compiled is not what `project` is now; empty when it is."""
        if self.how != HOW:
            return "it was compiled with other options, or by another release"
        if set(self.extensions) != set(project.modules):
            return "other modules are to be compiled now"
        now = project.files()
        if changed := sorted(path for path in {*now, *self.files} if now.get(path) != self.files.get(path)):
            others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            return f"{changed[0]}{others} changed since it was compiled"
        return ""

    def damaged(self, project: Project) -> str:
        """Which file is not the one that was compiled; empty when none is."""
        for each in self.extensions.values():
            try:
                size = os.stat(f"{project.built}/{self.fingerprint}/{each.file}").st_size
            except OSError:
                return f"{each.file} is missing"
            if size != each.size:
                return f"{each.file} is damaged: {size:,} bytes instead of {each.size:,}"
        return ""

    def write(self, path: Path) -> None:
        """At once: whoever reads finds the one before or this one."""
        beside = path.with_name(f".{path.name}")
        beside.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Manifest | None:
        """None where there is none, or none that can be read: the same as nothing built."""
        try:
            document = json.loads(path.read_bytes())
            extensions = {name: Extension(**each) for name, each in document.pop("extensions").items()}
            return cls(extensions=extensions, **document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def fingerprint(cython: str, how: str, files: Mapping[str, str], modules: Iterable[str]) -> str:
    """One word for all of it."""
    return digest(json.dumps([cython, how, sorted(files.items()), sorted(modules)]).encode())
