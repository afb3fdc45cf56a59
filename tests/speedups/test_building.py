"""Building, and what becomes of what was built when anything changes or breaks: a small project of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from speedups import toolchain
from speedups.manifest import Manifest
from speedups.project import PLAIN, SUFFIX
from tests.speedups import asking
from tests.speedups.toy import MODULES, RECORDS, SOURCES, Toy, toy

NAMES = SOURCES["streams/names.py"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Built once. Tests take a copy."""
    asking.compilers()
    found = toy(tmp_path_factory.mktemp("toys") / "toy")
    done = found.build()
    assert (done.status, done.err) == (0, ""), done
    return found


@pytest.fixture
def built(compiled: Toy, tmp_path: Path) -> Toy:
    """One that is built."""
    shutil.copytree(compiled.root, tmp_path / "toy")
    return Toy(tmp_path / "toy")


@pytest.fixture
def unbuilt(tmp_path: Path) -> Toy:
    """One that is not."""
    asking.compilers()
    return toy(tmp_path / "toy")


def test_what_is_built_is_used(built: Toy) -> None:
    assert built.state().startswith("compiled (Cython ")
    assert built.use().out == "3"
    assert all(built.loaded(module).endswith(SUFFIX) for module in MODULES)


def test_what_is_built_can_be_read_by_whoever_can_read_the_sources(built: Toy) -> None:
    modes = {path.parent.stat().st_mode for path in built.libraries().values()}
    assert modes == {(built.root / "speedups").stat().st_mode}


def test_without_a_build_the_plain_modules_are_used(tmp_path: Path) -> None:
    plain = toy(tmp_path / "toy")
    assert "nothing was compiled for this Python" in plain.state()
    assert plain.use().out == "3"
    assert plain.all_plain()


def test_nothing_changed_builds_nothing(built: Toy) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.libraries().values()}
    done = built.build()
    assert (done.status, done.out, done.err) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in built.libraries().values()} == before


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        pytest.param("streams/names.py", NAMES + "# more\n", "streams/names.py changed", id="a source"),
        pytest.param("streams/pairs.pxd", SOURCES["streams/pairs.pxd"] + "\n", "streams/pairs.pxd changed", id="types"),
        pytest.param("schemas/native.pyx", "x = 1\n", "schemas/native.pyx changed", id="a pyx"),
        pytest.param("streams/names.pxd", "cpdef name()\n", "streams/names.pxd changed", id="types that are new"),
        pytest.param(
            "schemas/shared.pxd", "ctypedef long ms\n", "schemas/shared.pxd changed", id="types beside modules"
        ),
        pytest.param(
            "speedups/modules.py",
            f"MODULES = ('streams.names',)\nRECORDS = {RECORDS!r}\n",
            "other modules",
            id="the list",
        ),
    ],
)
def test_a_change_makes_all_of_it_plain(built: Toy, path: str, text: str, why: str) -> None:
    built.write(path, text)
    assert why in built.state()
    assert built.use().out == "3"
    assert built.all_plain()


@pytest.mark.parametrize(("was", "new"), [('"-O2"', '"-O1"'), ('"binding": "True"', '"binding": "False"')])
def test_another_flag_makes_all_of_it_plain(built: Toy, was: str, new: str) -> None:
    settings = (built.root / "speedups" / "project.py").read_text(encoding="utf-8")
    assert was in settings
    built.write("speedups/project.py", settings.replace(was, new))
    assert "other options" in built.state()
    assert built.all_plain()


def test_what_is_gone_makes_all_of_it_plain(built: Toy) -> None:
    (built.root / "streams" / "sums.pxd").unlink()
    assert "streams/sums.pxd changed" in built.state()
    assert built.use().out == "3"


@pytest.mark.parametrize(
    ("path", "more", "modules"),
    [("streams/names.py", "# more\n", "1 module"), ("streams/pairs.pxd", "# more\n", "2 modules")],
)
def test_only_what_a_change_concerns_is_compiled_again(built: Toy, path: str, more: str, modules: str) -> None:
    built.write(path, SOURCES[path] + more)
    done = built.build()
    assert done.out.splitlines()[0] == f"compiling the hot path: {modules}"
    assert built.use().out == "3"
    assert built.state().startswith("compiled")


def test_going_back_compiles_nothing(built: Toy) -> None:
    built.write("streams/names.py", NAMES + "# more\n")
    assert built.build().status == 0
    built.write("streams/names.py", NAMES)
    assert built.build().out == ""
    assert built.state().startswith("compiled")


def test_old_builds_go(built: Toy) -> None:
    for number in range(4):
        built.write("streams/names.py", f"{NAMES}# {number}\n")
        assert built.build().status == 0
    assert len([path for path in built.project.built.iterdir() if path.is_dir()]) == 3
    assert built.state().startswith("compiled")


def test_plain_can_be_asked_for(built: Toy) -> None:
    plain = {PLAIN: "1"}
    assert f"{PLAIN} is set" in built.state(**plain)
    assert not built.loaded("streams.sums", **plain).endswith(SUFFIX)
    assert built.use(**plain).out == "3"
    assert built.state(**{PLAIN: "0"}).startswith("compiled")


def _cut(path: Path) -> None:
    os.truncate(path, 1_000)


def _overwrite(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("damage", "why"),
    [(_cut, "is damaged"), (_overwrite, "cannot be loaded"), (os.unlink, "is missing")],
    ids=["cut", "overwritten", "gone"],
)
def test_one_broken_file_makes_all_of_it_plain(built: Toy, damage: Any, why: str) -> None:
    damage(built.libraries()["streams.names"])
    said = built.state()
    assert "streams.names" in said
    assert why in said
    assert built.use().out == "3"
    assert built.all_plain()
    assert built.build("--force").status == 0
    assert built.state().startswith("compiled")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cython": 1, "how": 2, "files": 3, "extensions": {"a": 4}}'])
def test_a_manifest_that_says_nothing_is_none(built: Toy, text: str) -> None:
    path = built.project.built / "manifest.json"
    path.write_text(text, encoding="utf-8")
    assert Manifest.read(path) is None
    assert "nothing was compiled" in built.state()
    assert built.all_plain()


def test_what_cannot_be_compiled_is_told_and_leaves_what_was_there(built: Toy) -> None:
    before = built.libraries()
    built.write("streams/pairs.pxd", "cdef class Pair:\n    cdef public nonsense left\n")
    done = built.build()
    assert done.status == 1
    assert "streams/pairs.p" in done.err
    assert "nonsense" in done.err
    assert built.libraries() == before
    assert built.use().out == "3"
    built.write("streams/pairs.pxd", SOURCES["streams/pairs.pxd"])
    assert built.state().startswith("compiled")


def test_what_does_not_load_is_not_put_in_place(unbuilt: Toy) -> None:
    unbuilt.write("streams/names.py", "import no_such_module_anywhere\n")
    done = unbuilt.build()
    assert done.status == 1
    assert "does not load" in done.err
    assert "no_such_module_anywhere" in done.err
    assert unbuilt.libraries() == {}
    assert unbuilt.use().out == "3"


def test_a_build_that_is_killed_leaves_nothing_that_counts(unbuilt: Toy) -> None:
    command = [sys.executable, "-m", "speedups", "build"]
    building = subprocess.Popen(
        command, cwd=unbuilt.root, env={**os.environ, "PYTHONPATH": str(unbuilt.root)}, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(unbuilt.project.built.glob(f"unfinished-*/*{SUFFIX}")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(building.pid, signal.SIGKILL)
    assert building.wait() == -signal.SIGKILL
    assert "nothing was compiled" in unbuilt.state()
    assert unbuilt.use().out == "3"
    assert unbuilt.build().status == 0
    assert unbuilt.use().out == "3"
    assert unbuilt.state().startswith("compiled")
    assert list(unbuilt.project.built.glob("unfinished-*")) == []


def test_of_two_builds_at_once_one_waits_and_has_nothing_left_to_do(unbuilt: Toy) -> None:
    command = [sys.executable, "-m", "speedups", "build"]
    environment = {**os.environ, "PYTHONPATH": str(unbuilt.root)}
    both = [
        subprocess.Popen(command, cwd=unbuilt.root, env=environment, stdout=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = sorted(each.communicate()[0] for each in both)
    assert [each.returncode for each in both] == [0, 0]
    assert "4 modules" in said[0]
    assert "waiting for another build" in said[1]
    assert unbuilt.state().startswith("compiled")


def test_without_a_c_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    plain = toy(tmp_path / "toy")
    nowhere = {"PATH": str(tmp_path), "CC": ""}
    for command in ("build", "possible"):
        done = plain.python("-m", "speedups", command, **nowhere)
        assert done.status == 3
        assert len(done.err.splitlines()) == 1
        assert "plain Python, which is slower" in done.err
        assert "apt-get install gcc" in done.err


def test_without_pythons_headers_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.compilers()
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(toolchain.NoCompiler, match="apt-get install python3-dev"):
        toolchain.c_compiler()


def test_without_cython_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    asking.compilers()
    monkeypatch.setattr(metadata, "version", none)
    with pytest.raises(toolchain.BuildError, match="run scripts/install"):
        toolchain.toolchain()


def test_tracebacks_show_the_source_from_anywhere(built: Toy, tmp_path: Path) -> None:
    elsewhere = (
        f"import os, traceback; os.chdir({str(tmp_path)!r})\n"
        "from streams.sums import broken\ntry:\n    broken()\nexcept LookupError:\n    traceback.print_exc()"
    )
    said = built.python("-c", elsewhere).err
    assert 'File "streams/sums.py", line 10' in said
    assert "raise LookupError('on line ten')" in said


def test_an_import_that_fails_behind_others_says_what_to_do(unbuilt: Toy) -> None:
    unbuilt.write("streams/names.py", "import os\n\nif os.environ.get('TOY'):\n    raise ImportError('no such toy')\n")
    assert unbuilt.build().status == 0
    said = unbuilt.python("-c", "import streams.sums, streams.names", TOY="1").err
    assert "streams.names, compiled, cannot be imported: no such toy" in said
    assert PLAIN in said


def test_a_misspelt_command_is_refused(tmp_path: Path) -> None:
    done = toy(tmp_path / "toy").python("-m", "speedups", "biuld")
    assert done.status == 2
    assert "python -m speedups build" in done.err
