"""Environments of the other stream processors, made from the package index the first time they are wanted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from schemas.errors import SupportpulseError

HERE = Path(__file__).parent
#: Tried after the Python that runs this; the first one for which the packages can be had is taken.
_PYTHONS = ("python3.11", "python3.12", "python3.10", "python3.13")
_INSTALL_SECONDS = 600


class PeerMissing(SupportpulseError):
    """A peer's environment cannot be made: says what was tried and what came of it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer that can be run."""

    name: str
    python: Path
    versions: dict[str, str]


def default_dir() -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/supportpulse/bench"""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supportpulse" / "bench"


def peer(name: str, env_dir: Path) -> Peer:
    """The environment of `requirements-NAME.txt`, made if it is not there. Raises `PeerMissing`."""
    wanted = HERE / f"requirements-{name}.txt"
    # Other requirements, another environment: a half-updated one would be measured.
    folder = env_dir / f"{name}-{sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        _make(folder, wanted)
    return Peer(name, python, _versions(python, name))


def _make(folder: Path, wanted: Path) -> None:
    tried = []
    for base in _pythons():
        shutil.rmtree(folder, ignore_errors=True)
        # Wheels only: building a peer from source would measure this machine's compiler, if it has one.
        steps = (
            [base, "-m", "venv", str(folder)],
            [
                str(folder / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--only-binary",
                ":all:",
                "-r",
                str(wanted),
            ],
        )
        problem = next((found for found in map(_failure, steps) if found), None)
        if problem is None:
            (folder / "complete").touch()
            return
        tried.append(f"{base}: {problem}")
    shutil.rmtree(folder, ignore_errors=True)
    raise PeerMissing(f"no environment for {wanted.name}: " + "; ".join(tried))


def _pythons() -> list[str]:
    found = [sys.executable, *(path for name in _PYTHONS if (path := shutil.which(name)) is not None)]
    return list(dict.fromkeys(found))


def _failure(command: list[str]) -> str | None:
    """The last line of what went wrong; None where nothing did."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def _versions(python: Path, name: str) -> dict[str, str]:
    package = {"quix": "quixstreams"}.get(name, name)
    code = f"import importlib.metadata as m, platform; print(m.version({package!r}), platform.python_version())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    version, python_version = done.stdout.split()
    return {package: version, f"python of {package}": python_version}
