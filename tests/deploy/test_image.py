"""deploy/Dockerfile and the Prometheus configuration against the project they run."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.files import ROOT, dockerfile, project, services, settings_of

SCRAPED: dict[str, Any] = yaml.safe_load(
    (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
)


def instructions(kind: str) -> list[list[str]]:
    return [words[1:] for words in dockerfile() if words[0] == kind]


def copied() -> set[str]:
    return {name for words in instructions("COPY") if not words[0].startswith("--") for name in words[:-1]}


def test_everything_that_is_copied_is_there_and_let_through() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore


def test_every_package_is_copied() -> None:
    packages = {pattern.rstrip("*") for pattern in project()["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= copied()


def test_the_image_has_a_compiled_hot_path_and_no_compiler() -> None:
    lines = [" ".join(words) for words in dockerfile()]
    last_stage = max(number for number, line in enumerate(lines) if line.startswith("FROM"))
    building = [number for number, line in enumerate(lines) if "python -m speedups build" in line]
    assert building
    assert max(building) < last_stage
    assert any("install" in line and "gcc" in line for line in lines[: min(building)])
    assert not any("gcc" in line or "cython" in line for line in lines[last_stage:])


def test_the_image_runs_the_projects_command() -> None:
    (entrypoint,) = instructions("ENTRYPOINT")
    assert re.findall(r"[\w-]+", " ".join(entrypoint)) == list(project()["project"]["scripts"])


def test_the_image_has_the_projects_version() -> None:
    assert services()["worker"]["image"] == f"supportpulse:{project()['project']['version']}"


def test_the_image_is_not_run_by_root_and_the_same_everywhere() -> None:
    users = instructions("USER")
    assert users == [["10001:10001"]]
    assert "uid=10001" in " ".join(services()["worker"]["tmpfs"])


def test_the_python_of_the_image_is_one_that_the_project_takes() -> None:
    stages = {words[0] for words in instructions("FROM")}
    assert len(stages) == 1
    found = re.match(r"python:(\d+)\.(\d+)-", stages.pop())
    wanted = re.match(r">=(\d+)\.(\d+)", project()["project"]["requires-python"])
    assert found is not None
    assert wanted is not None
    assert tuple(map(int, found.groups())) >= tuple(map(int, wanted.groups()))


@pytest.mark.parametrize(("name", "setting"), [("worker", "worker_metrics_port"), ("sink", "sink_metrics_port")])
def test_prometheus_scrapes_the_ports_that_are_listened_on(
    name: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = {
        tuple(discovery["names"]): discovery["port"]
        for job in SCRAPED["scrape_configs"]
        for discovery in job["dns_sd_configs"]
    }
    assert targets[(name,)] == getattr(settings_of(name, monkeypatch), setting)
