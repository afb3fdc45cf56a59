"""What tests of a worker on a real broker begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.topics import Topics
from tests.servers.plugin import Broker
from tests.streams.worker.harness import Surroundings


@pytest.fixture
def around(broker: Broker, unique: Callable[[str], str], tmp_path: Path) -> Surroundings:
    """Topics of this test's own, on every broker in turn."""
    made = Surroundings(broker, Topics(unique("t") + "-"), tmp_path)
    made.make()
    return made
