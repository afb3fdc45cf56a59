"""The pipeline in miniature, for one partition: the real fold, store and changelog, lists for topics, crashes anywhere.

A worker does a chunk's steps in the order that it is told; a crash before any step loses what is in memory. What is in
the lists has arrived: Kafka keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chaos.traffic import Name, name_of
from chaos.verdict import FIELDS, Landed
from schemas import wire
from schemas.records import InteractionEvent, MetricFact
from streams.partition import chunk
from streams.partition.store import Store
from streams.worker.changelog import Recovery, records_of
from streams.worker.outbox import Outgoing
from supportpulse.topic_reading import Lying
from tests.streams.partition.harness import publish, records
from tests.streams.strategies import BOOK

Step: TypeAlias = Literal["outputs", "state", "offsets"]
#: docs/decisions/0002-state-and-commit.md
RIGHT: tuple[Step, ...] = ("outputs", "state", "offsets")


class Crash(Exception):
    """kill -9."""


@dataclass
class Miniature:
    """One partition of `interactions` and what becomes of it."""

    events: Sequence[InteractionEvent]
    order: tuple[Step, ...] = RIGHT
    chunk_records: int = 3
    facts: list[Lying] = field(default_factory=list)
    changelog: list[Outgoing] = field(default_factory=list)
    committed: int = 0
    #: Steps until the next crash.
    left: int = 1_000_000
    _owners: int = 0

    def run(self, crashes: Sequence[int]) -> None:
        """Work to the end; each crash comes so many steps after the one before."""
        for left in (*crashes, 1_000_000):
            self.left = left
            try:
                self._work()
            except Crash:
                continue
            return

    def _work(self) -> None:
        self._owners += 1
        store = Store(BOOK)
        recovery = Recovery(store)
        for record in self.changelog:
            recovery.take(record.key, record.value)
        log = records(self.events)
        while self.committed < len(log):
            position = self.committed
            piece = log[position : position + self.chunk_records]
            outcome = chunk.process(store, piece, "interactions/0", now_ms=0)
            for step in self.order:
                self._may_crash()
                if step == "outputs":
                    self._send(outcome.facts)
                elif step == "state":
                    owner = f"owner-{self._owners}"
                    self.changelog += records_of(outcome.entries, outcome.through, owner, now_ms=0)
                else:
                    self.committed = position + len(piece)
            publish(store, outcome)

    def _send(self, facts: Sequence[MetricFact]) -> None:
        for fact in facts:
            # A crash can come between any two records.
            self._may_crash()
            self.facts.append(Lying(0, len(self.facts), 0, b"", wire.encode_fact(fact), ()))

    def _may_crash(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash

    # What `judge` wants to know.

    @property
    def accepted(self) -> set[Name]:
        return set(map(name_of, self.events))

    @property
    def log(self) -> Iterator[Lying]:
        for offset, event in enumerate(self.events):
            yield Lying(0, offset, 0, b"", wire.encode_event(event), ())

    def landed(self) -> Landed:
        """ClickHouse: of a fact's versions the highest, if it is not retracted."""
        latest: dict[tuple[str, str], MetricFact] = {}
        for record in self.facts:
            fact = wire.decode_fact(record.value)
            name = (fact.tenant, fact.fact_id)
            if name not in latest or fact.revision >= latest[name].revision:
                latest[name] = fact
        rows = [tuple(getattr(fact, name) for name in FIELDS) for fact in latest.values() if not fact.retracted]
        return Landed(events=sorted(self.accepted), facts=rows, dead_letters=[])
