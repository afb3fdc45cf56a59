"""The help of every command teaches it, and the README and the docs name only what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from schemas.topics import Topics
from sinks.lanes import lanes
from supportpulse.cli import app
from tests.cli.command import ROOT

#: Named in the contract, and coming later.
_LATER = frozenset({"dashboard"})

_main = typer.main.get_command(app)


def _flat(group: object, before: str = "") -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Commands by what is typed to reach them, like "dlq list"; groups themselves, too."""
    for name, found in getattr(group, "commands").items():  # noqa: B009 - a group has them
        yield f"{before}{name}", found
        if hasattr(found, "commands"):
            yield from _flat(found, f"{before}{name} ")


_commands = dict(_flat(_main))
_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _options(name: str) -> set[str]:
    return {option for parameter in _commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("name", sorted(_commands))
def test_help_says_what_a_command_does_and_what_its_options_are(name: str) -> None:
    found = _commands[name]
    assert len(found.help or "") > 60
    assert "xample" in (found.help or "")
    for parameter in found.params:
        assert getattr(parameter, "hidden", False) or getattr(parameter, "help", None), parameter.name
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "140", "NO_COLOR": "1", "TERM": "dumb"})
    assert shown.exit_code == 0


@pytest.mark.parametrize("name", sorted(_commands))
def test_the_examples_in_the_help_use_options_that_exist(name: str) -> None:
    for line in (_commands[name].help or "").splitlines():
        for call in re.findall(r"supportpulse [a-z].*", line):
            if "xample" in line or line.strip().startswith("supportpulse"):
                _check_call(call)


def test_the_help_of_sql_names_every_table_that_is_filled() -> None:
    for lane in lanes(Topics()).values():
        assert lane.table in (_commands["sql"].help or "")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_pages_name_commands_and_options_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`(?:\S*/)?(supportpulse [^`]+)`", text)
    blocks = re.findall(r"^(?: {4}|\$ )(?:\S*/)?(supportpulse .+)$", text, re.MULTILINE)
    for call in (*inline, *blocks):
        _check_call(" ".join(call.split()))


def _check_call(call: str) -> None:
    words = shlex.split(call.split(" > ", maxsplit=1)[0].replace("[", " ").replace("]", " "), comments=True)
    name = " ".join(words[1:3]) if " ".join(words[1:3]) in _commands else words[1]
    assert name in _commands.keys() | _LATER | {"COMMAND"}, call
    if name in _commands:
        wanted = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert wanted <= _options(name) | {"--help"}, call


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    for script in ("scripts/up", "scripts/test"):
        assert script in text
        assert (ROOT / script).stat().st_mode & 0o111


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_what_pages_link_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_list_of_commands_begins_with_what_somebody_new_needs() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "140", "NO_COLOR": "1", "TERM": "dumb"})
    listed = re.findall(r"^│ ([a-z]+) ", shown.stdout, re.MULTILINE)
    assert listed[:4] == ["up", "sql", "import", "replay"]
    assert set(listed) == {name.partition(" ")[0] for name in _commands}


def test_the_version_is_that_of_the_package() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"supportpulse {metadata.version('supportpulse')}\n")
