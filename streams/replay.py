"""The fold alone, over a whole history in memory: what everything else is held equal to."""

from __future__ import annotations

from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from streams.fold.conversation import fold
from streams.fold.events import LogEvent, remember
from streams.fold.order import identity_of
from streams.sla.policies import PolicyBook


class Replay:
    """Collects events in any order, duplicates included, and answers with the facts that hold."""

    def __init__(self) -> None:
        self._conversations: dict[tuple[str, str], dict[tuple[str, str], LogEvent]] = {}
        self.events = 0
        self.duplicates = 0
        self.latest_ms: EpochMs | None = None

    @property
    def conversations(self) -> int:
        """How many conversations the events belong to."""
        return len(self._conversations)

    def add(self, event: InteractionEvent) -> None:
        """Take an event in; a second of the same (tenant, source, event_id) changes nothing but the latest instant."""
        self.latest_ms = event.occurred_at if self.latest_ms is None else max(self.latest_ms, event.occurred_at)
        log = self._conversations.setdefault((event.tenant, event.conversation_id), {})
        entry = remember(event)
        if log.setdefault(identity_of(entry), entry) is not entry:
            self.duplicates += 1
            return
        self.events += 1

    def facts(self, book: PolicyBook, as_of_ms: EpochMs | None = None) -> list[MetricFact]:
        """The facts that hold, sorted by tenant and fact_id; judged as of the latest event unless told otherwise."""
        judged_ms = self.latest_ms if as_of_ms is None else as_of_ms
        found: list[MetricFact] = []
        for (tenant, conversation_id), log in self._conversations.items():
            _, facts = fold(tenant, conversation_id, list(log.values()), book, judged_ms)
            found.extend(facts.values())
        return sorted(found, key=lambda fact: (fact.tenant, fact.fact_id))
