"""The scripts: they parse, say what they want, and installing twice is quick."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from tests.deploy.files import ROOT, project

SCRIPTS = sorted(path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"] if path.is_file())
SHELL = [path for path in SCRIPTS if path.read_text(encoding="utf-8").startswith(("#!/bin/sh", "#!/usr/bin/env bash"))]


def shell_of(path: Path) -> str:
    return "bash" if "bash" in path.read_text(encoding="utf-8").splitlines()[0] else "sh"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!")


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    done = subprocess.run([shell_of(path), "-n", path], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["kafka-server", "clickhouse-server"])
def test_server_scripts_have_help(name: str) -> None:
    done = subprocess.run([ROOT / "scripts" / name, "--help"], capture_output=True, text=True, check=True)
    assert all(option in done.stdout for option in ("--port", "--dir", "--keep"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project of the same shape with nothing to install, so that no index is needed."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "install", tmp_path / "scripts" / "install")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "empty"\nversion = "0"\n')
    (tmp_path / "constraints.txt").write_text("")
    return tmp_path


def install(
    checkout: Path, *options: str, fails: str = "nothing", compiler: bool = False
) -> subprocess.CompletedProcess[str]:
    # A Python that only notes what it is asked to install or build, and with what: under test is when that happens.
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        python.parent.mkdir(parents=True)
        python.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *--editable*|*build) echo "$*" >> "{checkout}/calls" ;; esac\n'
            'case "$*" in "-m speedups possible") [ "$COMPILER" ] || { echo no compiler >&2; exit 3; } ;; esac\n'
            'case "$*" in "-m $FAILS"*) exit 1 ;; esac\n'
        )
        python.chmod(0o755)
    return subprocess.run(
        [checkout / "scripts" / "install", *options],
        env={"PATH": os.environ["PATH"], "FAILS": fails, "COMPILER": "yes" if compiler else ""},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(checkout: Path) -> list[str]:
    """What was installed, in order: the words after `python -m`."""
    log = checkout / "calls"
    return log.read_text().splitlines() if log.exists() else []


def done_in(checkout: Path) -> list[str]:
    """What was installed or built, in order: the last word of what it is."""
    return [call.partition(" --quiet")[0].split()[-1] for call in calls(checkout)]


def test_installing_again_does_nothing_until_something_changes(checkout: Path) -> None:
    assert "installed" in install(checkout).stdout
    assert install(checkout).stdout == ""
    assert len(calls(checkout)) == 1
    (checkout / "constraints.txt").write_text("x==1\n")
    install(checkout)
    assert len(calls(checkout)) == 2


def test_what_tests_need_includes_what_a_run_needs(checkout: Path) -> None:
    install(checkout, "--dev")
    install(checkout)
    assert len(calls(checkout)) == 1
    assert ".[dev]" in calls(checkout)[0]


def test_where_uv_cannot_install_pip_does(checkout: Path) -> None:
    done = install(checkout, fails="uv")
    assert done.returncode == 0
    assert [call.split()[1] for call in calls(checkout)] == ["uv", "pip"]


def test_with_a_compiler_the_hot_path_is_built_each_time_and_cython_installed_once(checkout: Path) -> None:
    install(checkout, compiler=True)
    install(checkout, compiler=True)
    assert done_in(checkout) == [".", ".[compile]", "build", "build"]


def test_a_compiler_that_comes_later_is_used(checkout: Path) -> None:
    install(checkout)
    install(checkout, compiler=True)
    assert done_in(checkout) == [".", ".[compile]", "build"]


def test_without_a_compiler_it_says_so_once(checkout: Path) -> None:
    done = install(checkout)
    assert done.returncode == 0
    assert "no compiler" in done.stdout
    assert install(checkout).stdout == ""


def test_a_build_that_fails_is_no_install_that_fails(checkout: Path) -> None:
    assert install(checkout, compiler=True, fails="speedups build").returncode == 0
    assert calls(checkout)[-1] == "-m speedups build"


def test_an_install_that_failed_is_not_taken_for_done(checkout: Path) -> None:
    install(checkout)
    (checkout / "constraints.txt").write_text("x==1\n")
    (checkout / ".venv" / "bin" / "python").write_text('#!/bin/sh\ncase "$*" in -c*) exit 0 ;; esac\nexit 1\n')
    assert install(checkout).returncode != 0
    assert install(checkout).returncode != 0


def test_a_misspelt_option_is_refused(checkout: Path) -> None:
    done = install(checkout, "--devel")
    assert done.returncode == 2
    assert "--devel" in done.stderr


def test_without_a_python_it_says_which_is_needed(checkout: Path) -> None:
    done = subprocess.run(
        [checkout / "scripts" / "install"],
        env={"PATH": os.environ["PATH"], "PYTHON": "no-such-python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.10" in done.stderr


def test_every_dependency_is_pinned() -> None:
    extras = project()["project"]["optional-dependencies"].values()
    wanted = [*project()["project"]["dependencies"], *chain(*extras)]
    names = {re.split(r"[^\w-]", requirement)[0].lower() for requirement in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert names - {line.split("==")[0] for line in lines} == set()
