"""The pipeline in miniature, for one partition: the real fold, store and changelog, lists for topics, crashes anywhere.

A worker does a chunk's steps in the order that it is told; a crash before any step loses what is in memory. What is in
the lists has arrived: Kafka keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chaos.traffic import Name, name_of
from chaos.verdict import FIELDS, Landed
from schemas import wire
from schemas.records import InteractionEvent, MetricFact
from streams.partition import chunk
from streams.partition.chunk import Outcome
from streams.partition.store import Store
from streams.worker.changelog import Recovery, records_of
from streams.worker.outbox import Outgoing
from supportpulse.topic_reading import Lying
from tests.streams.partition.harness import publish, records
from tests.streams.strategies import BOOK, LAST_MS

Step: TypeAlias = Literal["outputs", "state", "offsets"]
#: When everything has been processed, open clocks are judged as of this instant.
AS_OF_MS = LAST_MS
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
    alerts: list[Lying] = field(default_factory=list)
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
            piece = log[self.committed : self.committed + self.chunk_records]
            self._commit(store, chunk.process(store, piece, "interactions/0", now_ms=0), self.committed + len(piece))
        self._commit(store, chunk.judge(store, AS_OF_MS), self.committed)

    def _commit(self, store: Store, outcome: Outcome, behind: int) -> None:
        for step in self.order:
            self._may_crash()
            if step == "outputs":
                self._send(self.facts, map(wire.encode_fact, outcome.facts))
                self._send(self.alerts, (wire.encode_alert(raised.alert) for raised in outcome.alerts))
            elif step == "state":
                owner = f"owner-{self._owners}"
                self.changelog += records_of(outcome.entries, outcome.through, owner, now_ms=0)
            else:
                self.committed = behind
        publish(store, outcome)

    def _send(self, topic: list[Lying], values: Iterable[bytes]) -> None:
        for value in values:
            # A crash can come between any two records.
            self._may_crash()
            topic.append(Lying(0, len(topic), 0, b"", value, ()))

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
        raised = (wire.decode_alert(record.value) for record in self.alerts)
        alerts = {(each.tenant, each.fact_id, each.level, each.share, each.deadline) for each in raised}
        return Landed(events=sorted(self.accepted), facts=rows, dead_letters=[], alerts=list(alerts))
