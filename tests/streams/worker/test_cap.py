"""A worker that meets nothing but records it cannot use stops, and leaves them where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.topics import Topics
from streams.partition.cap import CapLimits, TooManyRefused
from streams.worker.config import WorkerConfig
from tests.servers.plugin import Broker
from tests.streams.worker.harness import Surroundings, expected, some_events


class Limited(Surroundings):
    """Surroundings with limits of their own."""

    limits = CapLimits(run=20)

    def config(self, **options: object) -> WorkerConfig:
        found = super().config(**options)  # type: ignore[arg-type]
        return replace(found, refusals=self.limits)


async def test_too_many_in_a_row_stop_it_and_nothing_of_them_is_parked_or_committed(
    broker: Broker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    around = Limited(broker, Topics(unique("c") + "-"), tmp_path)
    around.make()
    told = some_events(10)
    around.publish(told)
    around.publish_raw([(b"acme/bad", b"bad %d" % n) for n in range(5)], partition=1)
    assert (await around.drain())["refused"] == 5
    before = around.committed()

    around.publish_raw([(b"acme/bad", b"worse %d" % n) for n in range(30)], partition=1)
    for _ in range(2):
        with pytest.raises(TooManyRefused, match=r"malformed 20\b"):
            await around.drain()
        assert around.committed() == before
        assert len(around.dead_letters()) == 5

    around.limits = CapLimits(run=0, share=1)
    assert (await around.drain())["refused"] == 30
    assert len(around.dead_letters()) == 35
    assert around.committed() == {partition: end + 1 for partition, end in around.ends.items()}
    assert around.holding() == expected(told)
