"""The folder `shared` beside the repository: worked cases of the contract, where somebody has put them there."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"


def shared_file(name: str) -> Path:
    """A file of it; a test that asks for one that is not there is skipped, and says which."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in {SHARED}")
    return path
