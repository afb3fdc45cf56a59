"""A redrive that dies by kill -9 at a given step: `python -m tests.dlq.child KAFKA PREFIX STEP`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence

from connectors.producer import EventPublisher
from schemas.topics import Topics
from supportpulse.dlq import redrive as module
from supportpulse.dlq.ledger import Entry
from supportpulse.dlq.letters import Selection
from supportpulse.dlq.redrive import Desk
from tests.dlq.deliveries import TELLING, book
from tests.dlq.harness import NOW_MS

#: In the order in which they come.
STEPS = ("before_noting", "half_noted", "noted", "first_sent", "half_sent", "all_sent", "half_settled")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingDesk(Desk):
    """Dies around the notes it takes."""

    step = ""
    calls = 0

    def note(self, entries: Iterable[Entry]) -> None:
        found = list(entries)
        DyingDesk.calls += 1
        first = DyingDesk.calls == 1
        if self.step == ("before_noting" if first else "all_sent"):
            die()
        if self.step == ("half_noted" if first else "half_settled"):
            super().note(found[: len(found) // 2])
            die()
        super().note(found)
        if self.step == "noted":
            die()


class DyingPublisher(EventPublisher):
    """Dies behind so many records that the broker has."""

    def publish_raw(self, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        super().publish_raw(key, value, headers)
        if DyingDesk.step == "first_sent" or (DyingDesk.step == "half_sent" and self.accepted >= 4):
            self.flush()
            die()
        if DyingDesk.step == "half_sent":
            self.flush()


def main(kafka: str, prefix: str, step: str) -> None:
    """Redrive everything, as far as it gets."""
    DyingDesk.step = step
    setattr(module, "EventPublisher", DyingPublisher)  # noqa: B010 - mypy wants it exported
    sources = book(*(vendor for vendor, _ in TELLING))
    module.redrive(DyingDesk(kafka, Topics(prefix), sources), Selection(), lambda: NOW_MS)


if __name__ == "__main__":
    main(*sys.argv[1:])
