"""The table of `up` at every width: what does not fit is left out, and what is there is whole."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from supportpulse import settings
from supportpulse.data_dir import DataDir
from supportpulse.up import live
from supportpulse.up.view import Figures, Row, render

_NAMES = ("acme-retail", "fala-mobile")
_ROWS = tuple(
    Row(
        tenant, 12_231, 2_729_000, 66_120_000, 2_276, 769_000, 866, 134, 441, 559, 12_901, 3_452, 86_280_000 - 7_380_000
    )
    for tenant in _NAMES
)


def shown(width: int) -> str:
    out = io.StringIO()
    Console(width=width, file=out).print(render(Figures(86_400_000, _ROWS), []))
    return out.getvalue()


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (60, ["tenant", "open", "wait", "oldest", "p50", "SLA"]),
        (80, ["tenant", "open", "wait", "oldest", "first", "p50", "SLA"]),
        (100, ["tenant", "open", "wait", "oldest", "first", "p50", "p90", "done", "p50", "SLA"]),
        (137, ["tenant", "open", "waiting", "oldest wait", "first responses", "p50", "p90", "resolutions", "p50",
               "SLA met", "bot contained"]),
    ],
)  # fmt: skip
def test_what_is_shown_is_whole(width: int, headings: list[str]) -> None:
    text = shown(width)
    rows = [[cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in text.splitlines()]
    found = [row for row in rows if len(row) > 1]
    assert found[0] == headings
    assert [row[:3] for row in found[1:]] == [[name, "12,901", "3,452"] for name in _NAMES]
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_nothing_yet_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=60).print(render(Figures(0, ()), ["a note"]))
    said = capsys.readouterr().out
    assert "nothing yet" in said
    assert "a note" in said


def test_the_hint_can_be_pasted_into_a_shell() -> None:
    stack: Any = SimpleNamespace(data_dir=DataDir(Path("/a b/c")), settings=settings.load())
    (hint,) = live._hints(stack)
    words = shlex.split(hint)
    assert words[words.index("--data-dir") + 1] == "/a b/c"
