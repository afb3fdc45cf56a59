"""The scripts: they parse, say what they want, and installing twice is quick."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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


def install(checkout: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    # A pip that only notes how it was called: what is under test is when it is called.
    pip = checkout / ".venv" / "bin" / "python"
    if not pip.exists():
        pip.parent.mkdir(parents=True)
        pip.write_text(f'#!/bin/sh\ncase "$*" in *pip*) echo "$*" >> "{checkout}/calls" ;; esac\nexit 0\n')
        pip.chmod(0o755)
    return subprocess.run(
        [checkout / "scripts" / "install", *options],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(checkout: Path) -> int:
    log = checkout / "calls"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_installing_again_does_nothing_until_something_changes(checkout: Path) -> None:
    assert "installed" in install(checkout).stdout
    assert install(checkout).stdout == ""
    assert calls(checkout) == 1
    (checkout / "constraints.txt").write_text("x==1\n")
    install(checkout)
    assert calls(checkout) == 2


def test_what_tests_need_includes_what_a_run_needs(checkout: Path) -> None:
    install(checkout, "--dev")
    install(checkout)
    assert calls(checkout) == 1
    assert ".[dev]" in (checkout / "calls").read_text()


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
    wanted = [*project()["project"]["dependencies"], *project()["project"]["optional-dependencies"]["dev"]]
    names = {re.split(r"[^\w-]", requirement)[0].lower() for requirement in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert names - {line.split("==")[0] for line in lines} == set()
