"""A worker in a process of its own, for tests that kill it.

python -m tests.streams.worker.child KAFKA PREFIX DIR slow|alarms|gated|rewriting
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from pathlib import Path

from schemas.times import EpochMs
from schemas.topics import Topics
from streams.partition import store
from streams.sla.policies import PolicyBook, Subject
from streams.sla.policy import Policy
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


class GatedBook(PolicyBook):
    """The same policies. In the middle of the chunk that has something for the team `gate` it says so, and waits."""

    def __init__(self, book: PolicyBook, reached: Path) -> None:
        super().__init__(book.versions)
        self._reached = reached

    def match(self, at_ms: EpochMs, subject: tuple[str, str, str | None, str | None]) -> int:
        if subject[2] == "gate":
            self._reached.touch()
            time.sleep(1.0)
        return super().match(at_ms, subject)


async def main(kafka: str, prefix: str, data_dir: str, policies: str = "slow") -> None:
    """Work until killed."""
    around = Surroundings(Broker("any", kafka), Topics(prefix), Path(data_dir))
    books: dict[str, PolicyBook] = {
        "slow": SlowBook(BOOK),
        "alarms": alarms.BOOK,
        "gated": GatedBook(alarms.BOOK, gate_of(around.data_dir)),
        "rewriting": GatedBook(alarms.HARDER, gate_of(around.data_dir)),
    }
    rewriting = policies == "rewriting"
    if rewriting:
        # Few at a time: somebody wants to come in between.
        store.RENEWED_AT_ONCE = 5
    config = around.config(drain=False, policies=books[policies])
    await Worker(dataclasses.replace(config, rewrite_policies=rewriting)).run(asyncio.Event())


def gate_of(data_dir: Path) -> Path:
    """What is there once a gated worker stands at its gate."""
    return data_dir.with_suffix(".gate")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
