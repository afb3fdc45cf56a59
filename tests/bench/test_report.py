"""Where the figures go is looked at before a minute is spent on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main


def test_figures_that_cannot_be_written_are_not_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sink", "--json", str(tmp_path / "no" / "x.json")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "x.json cannot be written (No such file or directory)" in said.err
