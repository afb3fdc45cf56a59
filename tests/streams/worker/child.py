"""A worker in a process of its own, for tests that kill it.

python -m tests.streams.worker.child KAFKA PREFIX DIR slow|alarms
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from schemas.times import EpochMs
from schemas.topics import Topics
from streams.sla.policies import Policy, PolicyBook, Subject
from streams.worker.app import Worker
from tests.servers.plugin import Broker
from tests.streams.strategies import BOOK
from tests.streams.worker import alarms
from tests.streams.worker.harness import Surroundings


class SlowBook(PolicyBook):
    """The same policies, so slowly that somebody can come in between."""

    def __init__(self, book: PolicyBook) -> None:
        super().__init__(book.versions)
        self._book = book

    def __getitem__(self, number: int) -> Policy:
        return self._book[number]

    def match(self, at_ms: EpochMs, subject: tuple[str, str, str | None, str | None]) -> int:
        time.sleep(0.002)
        return self._book.match(at_ms, Subject(*subject))


async def main(kafka: str, prefix: str, data_dir: str, policies: str = "slow") -> None:
    """Work until killed."""
    around = Surroundings(Broker("any", kafka), Topics(prefix), Path(data_dir))
    book = alarms.BOOK if policies == "alarms" else SlowBook(BOOK)
    worker = Worker(around.config(drain=False, policies=book))
    await worker.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
