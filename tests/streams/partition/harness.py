"""A partition and a reader of `metric-facts`, without Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from schemas import wire
from schemas.records import InteractionEvent, MetricFact, SlaAlert
from schemas.ticks import SourceName, tick_key
from schemas.times import EpochMs
from schemas.topics import record_key
from streams.partition import chunk
from streams.partition.chunk import Outcome, SourceRecord
from streams.partition.store import Store
from streams.sla.policies import PolicyBook
from tests.streams.stories import fold_events
from tests.streams.strategies import BOOK

FactKey = tuple[str, str]


class Published(NamedTuple):
    """A record as a consumer hands it over."""

    offset: int
    timestamp: EpochMs
    key: bytes | None
    value: bytes | None


def record(offset: int, event: InteractionEvent) -> SourceRecord:
    """The event as it lies in `interactions`."""
    return Published(offset, event.occurred_at, record_key("acme", event.conversation_id), wire.encode_event(event))


def tick(
    offset: int, at_ms: EpochMs, held: Iterable[SourceName] = (), rewrite: tuple[int, str] | None = None
) -> SourceRecord:
    """A tick as it lies in `interactions`. `rewrite`: what the store said that the next one has to say."""
    edition, upto = rewrite or (0, "")
    return Published(offset, at_ms, tick_key(held, edition=edition, upto=upto), None)


def records(events: Iterable[InteractionEvent], first: int = 0) -> list[SourceRecord]:
    """A log of these events."""
    return [record(offset, event) for offset, event in enumerate(events, start=first)]


def publish(store: Store, outcome: Outcome) -> None:
    """What the worker does when everything has been sent."""
    for entry in outcome.entries:
        store.put(entry)
    store.applied = outcome.through
    store.enter(outcome.edition)


class Reader:
    """Checks every version it gets against the one before, and knows the facts that hold."""

    def __init__(self) -> None:
        self._latest: dict[FactKey, MetricFact] = {}

    def read(self, outcome: Outcome) -> None:
        """Take the changes of a chunk in."""
        for caused in outcome.changes:
            old, new = caused.change.old, caused.change.new
            key = (new.tenant, new.fact_id)
            before = self._latest.get(key)
            assert new.revision == (1 if before is None else before.revision + 1), "revisions count without a gap"
            assert as_measured(old) == (None if before is None or before.retracted else as_measured(before)), "old"
            assert (before is None or before.retracted) <= (not new.retracted), "what does not hold is not taken back"
            assert old is None or new.retracted or as_measured(old) != as_measured(new), "a version says something new"
            self._latest[key] = new

    @property
    def revisions(self) -> dict[FactKey, int]:
        """How many versions each fact had."""
        return {key: fact.revision for key, fact in self._latest.items()}

    def holding(self) -> dict[FactKey, MetricFact]:
        """The facts that hold, as if they had been measured today."""
        return {key: measured for key, fact in self._latest.items() if (measured := held(fact)) is not None}


def held(fact: MetricFact) -> MetricFact | None:
    """None for a retracted one."""
    return None if fact.retracted else as_measured(fact)


def as_measured(fact: MetricFact | None) -> MetricFact | None:
    """Without what counts its versions."""
    return None if fact is None else msgspec.structs.replace(fact, revision=1, retracted=False)


class Partition:
    """A store that is fed chunk by chunk, and a reader of what comes out."""

    def __init__(self, book: PolicyBook = BOOK) -> None:
        self.store = Store(book)
        self.reader = Reader()
        self.outcomes: list[Outcome] = []

    def feed(self, log: Sequence[SourceRecord]) -> Outcome:
        """One chunk."""
        return self._take(chunk.process(self.store, log, "interactions/0", now_ms=0))

    def judge(self, as_of_ms: EpochMs) -> Outcome:
        """Look at the open clocks."""
        return self._take(chunk.judge(self.store, as_of_ms))

    @property
    def alerts(self) -> list[SlaAlert]:
        """All alerts so far, in the order in which they were raised."""
        return [raised.alert for outcome in self.outcomes for raised in outcome.alerts]

    def _take(self, outcome: Outcome) -> Outcome:
        self.reader.read(outcome)
        publish(self.store, outcome)
        self.outcomes.append(outcome)
        return outcome


def cut(log: Sequence[SourceRecord], boundaries: Iterable[int]) -> list[Sequence[SourceRecord]]:
    """The log in chunks that end at these positions."""
    ends = sorted({min(max(0, end), len(log)) for end in boundaries} | {0, len(log)})
    return [log[start:end] for start, end in pairwise(ends)]


def expected(
    events: Iterable[InteractionEvent], as_of_ms: EpochMs | None = None, book: PolicyBook = BOOK
) -> dict[FactKey, MetricFact]:
    """The facts of the set of events."""
    by_conversation: dict[str, list[InteractionEvent]] = {}
    for event in events:
        by_conversation.setdefault(event.conversation_id, []).append(event)
    return {
        (fact.tenant, fact.fact_id): fact
        for mine in by_conversation.values()
        for fact in fold_events(mine, book, as_of_ms).values()
    }
