"""What every test can use: real servers. And what the run begins with: which code is under test."""

from __future__ import annotations

import pytest

import speedups

pytest_plugins = ["tests.servers.plugin"]


def pytest_report_header() -> str:
    """Compiled, or plain and why."""
    now = speedups.state()
    return f"hot path: {now}" if now.compiled else f"hot path: {now}, {now.why}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked `plain` runs where the plain modules do: CI's run has both."""
    if speedups.state().compiled:
        skip = pytest.mark.skip(reason="takes a method out of a class, and compiled ones do not give theirs away")
        for item in items:
            if item.get_closest_marker("plain"):
                item.add_marker(skip)
