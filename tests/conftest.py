"""What every test can use: real servers."""

from __future__ import annotations

pytest_plugins = ["tests.servers.plugin"]
