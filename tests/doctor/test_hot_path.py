"""What is said of the code that this installation runs."""

from __future__ import annotations

import speedups
from supportpulse.doctor import hot_path


def test_compiled_code_is_well() -> None:
    assert hot_path.examine(speedups.State(cython="3.3.1")).says == "compiled (Cython 3.3.1)"


def test_plain_code_is_a_warning_that_says_why_and_what_to_do() -> None:
    found = hot_path.examine(speedups.State(why="there is no C compiler", remedy="install one"))
    assert (found.level, found.remedy) == ("warning", "install one")
    assert "there is no C compiler" in found.says
