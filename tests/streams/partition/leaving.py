"""A partition whose conversations leave memory, and the archive that they come back from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import wire
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.partition import chunk
from streams.partition.chunk import Outcome, SourceRecord
from streams.partition.draft import Draft
from streams.partition.leavers import Leavers
from streams.partition.leaving import away, come_back, leave
from streams.partition.packing import names_of
from streams.partition.store import Entry, HasLeft, Store
from streams.sla.policies import PolicyBook
from tests.streams.partition.harness import Partition
from tests.streams.strategies import BOOK, LAST_MS

#: Behind everything that the strategies tell.
LATER_MS = LAST_MS + 400 * 86_400_000


def archived(log: Iterable[SourceRecord], name: tuple[str, str], through: int) -> list[InteractionEvent]:
    """The distinct events of a conversation up to an offset, as ClickHouse would have them."""
    found: dict[tuple[str, str], InteractionEvent] = {}
    for each in log:
        if each.offset <= through and each.value is not None:
            event = wire.decode_event(each.value)
            if (event.tenant, event.conversation_id) == name:
                found.setdefault((event.source, event.event_id), event)
    return list(found.values())


class LeavingPartition(Partition):
    """Everything that is done leaves at the next occasion, and comes back when an event wants it."""

    def __init__(self, log: Sequence[SourceRecord], age_ms: int = 0, book: PolicyBook = BOOK) -> None:
        super().__init__(book)
        self.log = log
        self.store.leavers = Leavers(age_ms)
        self.returned: list[Entry] = []

    def feed(self, log: Sequence[SourceRecord], log_ms: EpochMs = LATER_MS) -> Outcome:
        """One chunk; without records it is an occasion to leave."""
        outcome = self._take(self.take_in(log, log_ms))
        assert self.store.leavers is not None
        self.store.leavers.push(log_ms, outcome.done)
        return outcome

    def take_in(self, log: Sequence[SourceRecord], log_ms: EpochMs = LATER_MS) -> Outcome:
        """What one chunk leads to."""
        try:
            outcome = chunk.process(self.store, log, "interactions/0", now_ms=0)
        except HasLeft:
            for key, name in away(self.store, log).items():
                events = archived(self.log, name, self.store.applied)
                self.returned += come_back(self.store, key, events, log_ms)
            outcome = chunk.process(self.store, log, "interactions/0", now_ms=0)
        outcome.entries += leave(self.store, outcome, log_ms)
        return outcome


def come_back_all(store: Store, log: Sequence[SourceRecord], keys: Iterable[str]) -> None:
    """Bring these back, as far as they have left."""
    for key in keys:
        if key not in store.heads and store.left.get(key) is not None:
            come_back(store, key, archived(log, names_of(key), store.applied), LATER_MS)


def meaning(store: Store) -> dict[str, tuple[object, ...]]:
    """What a store knows of each of its conversations, wherever and by which event it was written."""
    found: dict[str, tuple[object, ...]] = {}
    for one in Draft(store).all():
        head = one.head
        timers = (head.timers.turn_due, head.timers.episode_due, head.timers.raised)
        found[one.key] = (head.fold, list(one._events()), head.judged_ms, head.revisions, head.erased, timers)
    return found
