"""The deployment files, read once, and what the code says about them."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

# Python 3.10 has none; there pytest brings it along under another name.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[2]
OUR_IMAGE = "supportpulse"
PREFIX = "SUPPORTPULSE_"


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return document


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml, anchors and merges resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


@cache
def services() -> dict[str, dict[str, Any]]:
    """Name → service."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run supportpulse."""
    return {name: service for name, service in services().items() if service["image"].split(":")[0] == OUR_IMAGE}


@cache
def compose_spec() -> dict[str, Any]:
    """The JSON schema of the Compose Specification (Apache-2.0, see compose_spec/LICENSE)."""
    path = Path(__file__).parent / "compose_spec" / "compose-spec.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def env_file(path: Path) -> dict[str, str]:
    """NAME=value lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def environment(name: str) -> dict[str, str]:
    """What a service's process sees, with the example of the secrets in the place of the secrets."""
    service = services()[name]
    found: dict[str, str] = {}
    for file in service.get("env_file", ()):
        found |= env_file(ROOT / f"{file}.example")
    return found | {key: str(value) for key, value in service.get("environment", {}).items()}


@cache
def dockerfile() -> list[list[str]]:
    """The instructions of deploy/Dockerfile, each as its words."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that a service's process would have."""
    settings = importlib.import_module("supportpulse.settings").Settings
    for key, value in environment(name).items():
        monkeypatch.setenv(key, value)
    return settings()


def commands() -> dict[str, Any]:
    """Name → command of the `supportpulse` command line."""
    typer = importlib.import_module("typer.main")
    found: dict[str, Any] = typer.get_command(importlib.import_module("supportpulse.cli").app).commands
    return found
