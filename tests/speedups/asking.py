"""What needs compiled code is skipped where there is none, and fails where it is asked for."""

from __future__ import annotations

import os

import pytest

import speedups
from speedups.toolchain import BuildError, toolchain

REQUIRED = "SUPPORTPULSE_REQUIRE_COMPILED"


def compiled_code() -> None:
    """Goes on only where this process runs compiled code."""
    now = speedups.state()
    if not now.compiled:
        _cannot(f"the hot path is plain: {now.why}")


def compilers() -> None:
    """Goes on only where a C compiler and Cython are at hand."""
    try:
        toolchain()
    except BuildError as exc:
        _cannot(str(exc))


def _cannot(why: str) -> None:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{why}, and {REQUIRED}=1 asks for compiled code", pytrace=False)
    pytest.skip(why)
