"""The C compiler, Python's headers and Cython: whether they are there, and one module through both of them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from speedups.project import C_FLAGS, DIRECTIVES, PLAIN, SUFFIX, Project


class BuildError(Exception):
    """Nothing was compiled, and what was there before stays. The text says what to do."""


class NoCompiler(BuildError):
    """What cannot be had from a package index is missing. Everything works without it, slower."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """`linking` makes a shared library of C sources, in one step; `cython` is its version."""

    linking: tuple[str, ...]
    cython: str


def toolchain() -> Toolchain:
    """Raises NoCompiler, or BuildError without Cython."""
    linking = c_compiler()
    try:
        return Toolchain(linking, metadata.version("cython"))
    except metadata.PackageNotFoundError:
        raise BuildError("Cython is not installed: run scripts/install") from None


def c_compiler() -> tuple[str, ...]:
    """The command that makes a shared library of C sources for this Python. Raises NoCompiler."""
    words = [shlex.split(sysconfig.get_config_var(name) or "") for name in ("LDSHARED", "CFLAGS", "CCSHARED")]
    candidates = (os.environ.get("CC", ""), words[0][0] if words[0] else "", "cc", "gcc", "clang")
    found = next((each for each in candidates if each and shutil.which(shlex.split(each)[0])), None)
    if found is None:
        raise NoCompiler("there is no C compiler: on Debian, apt-get install gcc")
    headers = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    if not any(Path(folder, "Python.h").exists() for folder in headers):
        raise NoCompiler(f"Python.h is not in {min(headers)}: on Debian, apt-get install python3-dev")
    includes = [f"-I{folder}" for folder in sorted(headers)]
    return (*shlex.split(found), *words[0][1:], *words[1], *words[2], *C_FLAGS, *includes)


def lay_out(project: Project, folder: Path) -> None:
    """Into `folder`, for `compile_module`: where the fields of records lie."""
    folder.mkdir()
    command = [sys.executable, "-m", "speedups.layouts", str(project.root), str(folder)]
    _run(command, project.root, "the records do not say where their fields lie", {PLAIN: "1"})


def compile_module(
    project: Project, module: str, tools: Toolchain, layouts: Path, folder: Path
) -> tuple[Path, list[str]]:
    """`module` in `folder`: its file, and the paths below the root of the sources that went into it."""
    source, c_file = project.source(module), folder / f"{module}.c"
    options = [word for name, value in DIRECTIVES.items() for word in ("-X", f"{name}={value}")]
    # With paths below the root, so that a traceback names streams/fold/steps.py and not somebody's folders.
    cython = [sys.executable, "-m", "cython", *options, "-M", "--module-name", module, "-o", str(c_file), source]
    cython += ["-I", str(layouts)]
    _run(cython, project.root, f"{source}: Cython refuses it")
    library = folder / f"{module}{SUFFIX}"
    _run([*tools.linking, str(c_file), "-o", str(library)], project.root, f"{source}: the C compiler refuses it")
    dependencies = c_file.with_name(f"{c_file.name}.dep")
    used = _below(project.root, dependencies.read_text(encoding="utf-8"))
    dependencies.unlink()
    c_file.unlink()
    own = [path for path in used if not (project.root / path).is_relative_to(layouts)]
    # Which fields there are decides what comes out, wherever one of them is read.
    return library, sorted({source, *own, *project.record_sources()})


def _run(command: Sequence[str], where: Path, refused: str, also: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=where,
        env={**os.environ, **(also or {})},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise BuildError(f"{refused}\n{(done.stdout + done.stderr).strip()}")


def _below(root: Path, dependencies: str) -> list[str]:
    """What of `make`'s line of dependencies lies below `root`: Cython's own declarations have its version."""
    words = dependencies.partition(": ")[2].replace("\\\n", " ").split()
    paths = [os.path.relpath(root / word, root) for word in words]
    return [path for path in paths if not path.startswith(os.pardir)]
