"""What every test can use: real servers. And what the run begins with: which code is under test."""

from __future__ import annotations

import speedups

pytest_plugins = ["tests.servers.plugin"]


def pytest_report_header() -> str:
    """Compiled, or plain and why."""
    now = speedups.state()
    return f"hot path: {now}" if now.compiled else f"hot path: {now}, {now.why}"
