"""Compiles the listed modules, all or none.

Everything is made in a folder of its own, tried in a process of its own, and then renamed to its fingerprint; the
manifest, replaced in one step, says which folder counts. Whatever ends a build before that leaves things as they were.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from speedups import manifest
from speedups.manifest import Extension, Manifest
from speedups.project import HOW, PLAIN, Project
from speedups.toolchain import BuildError, Toolchain, compile_module, lay_out, toolchain

JOBS = 2
_UNFINISHED = "unfinished-"
#: Folders that stay: going back and forth between two branches compiles nothing.
_KEPT = 3

Tell = Callable[[str], None]


def build(project: Project, force: bool = False, tell: Tell = lambda _: None) -> Manifest:
    """What is built, afterwards. Raises BuildError, NoCompiler where that is for want of one."""
    tools = toolchain()
    target = project.built / manifest.NAME
    if not force and (found := _up_to_date(project, tools)):
        return found
    with _alone(project.built, tell):
        if not force and (found := _up_to_date(project, tools)):
            return found
        _sweep(project.built)
        scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=project.built))
        # Private until now. Who may read the sources may use what is made of them: in the image, another user.
        scratch.chmod(project.built.stat().st_mode)
        try:
            made = _compiled(project, tools, scratch, {} if force else _reusable(project, tools), tell)
            _try_out(project, made, scratch)
            folder = project.built / made.fingerprint
            shutil.rmtree(folder, ignore_errors=True)
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        made.write(target)
        _forget(project.built, keep=made.fingerprint)
    return made


def _up_to_date(project: Project, tools: Toolchain) -> Manifest | None:
    """What is built, if it is what would be built. Where a folder of before is, it counts again."""
    target = project.built / manifest.NAME
    wanted = manifest.fingerprint(tools.cython, HOW, project.files(), project.modules)
    found = Manifest.read(project.built / wanted / manifest.NAME)
    if found is None or found.fingerprint != wanted or found.damaged(project):
        return None
    if Manifest.read(target) != found:
        found.write(target)
    os.utime(project.built / wanted)
    return found


def _reusable(project: Project, tools: Toolchain) -> Mapping[str, tuple[Path, Extension]]:
    """Modules that would come out as they are: nothing that they were made of has changed."""
    found = Manifest.read(project.built / manifest.NAME)
    now = project.files()
    # A declaration that is new, or gone, may be one that a module takes up by its name.
    if found is None or (found.cython, found.how) != (tools.cython, HOW) or set(found.files) != set(now):
        return {}
    if found.damaged(project):
        return {}
    return {
        name: (project.built / found.fingerprint / each.file, each)
        for name, each in found.extensions.items()
        if all(now.get(path) == was for path, was in each.sources.items())
    }


def _compiled(
    project: Project,
    tools: Toolchain,
    folder: Path,
    reusable: Mapping[str, tuple[Path, Extension]],
    tell: Tell,
) -> Manifest:
    files = project.files()
    layouts = folder / "layouts"
    lay_out(project, layouts)
    extensions: dict[str, Extension] = {}

    def compiled(name: str) -> tuple[str, Extension]:
        library, sources = compile_module(project, name, tools, layouts, folder)
        return name, Extension(library.name, library.stat().st_size, {path: project.hash_of(path) for path in sources})

    for name in project.modules:
        if name in reusable:
            path, extensions[name] = reusable[name]
            shutil.copy2(path, folder)
    missing = [name for name in project.modules if name not in extensions]
    modules = "1 module" if len(missing) == 1 else f"{len(missing)} modules"
    tell(f"compiling the hot path: {modules}")
    with ThreadPoolExecutor(JOBS) as pool:
        tasks = [pool.submit(compiled, name) for name in missing]
        try:
            for number, task in enumerate(tasks, 1):
                name, extensions[name] = task.result()
                tell(f"compiling the hot path: {number} of {modules}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    shutil.rmtree(layouts)
    if project.files() != files:
        raise BuildError("sources were changed while they were compiled: run it again")
    return Manifest(tools.cython, HOW, files, {name: extensions[name] for name in project.modules})


def _try_out(project: Project, made: Manifest, folder: Path) -> None:
    """In a process of its own, import all of it: what does not load there is not put where others would load it."""
    made.write(folder / manifest.NAME)
    paths = [str(project.root), str(Path(__file__).parents[1])]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "speedups.trial", str(project.root), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), PLAIN: ""},
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"what was compiled does not load\n{(done.stdout + done.stderr).strip()}")


@contextmanager
def _alone(folder: Path, tell: Tell) -> Iterator[None]:
    """One build at a time. Another's lock ends with its process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("compiling the hot path: waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(folder: Path) -> None:
    """What builds that were killed have left."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _forget(folder: Path, keep: str) -> None:
    """All but the newest folders."""
    others = [path for path in folder.iterdir() if path.is_dir() and path.name != keep]
    for path in sorted(others, key=lambda each: each.stat().st_mtime, reverse=True)[_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
