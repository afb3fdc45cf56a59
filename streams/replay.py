"""The fold alone, over a whole history in memory: what everything else is held equal to."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from streams.fold.conversation import facts_of
from streams.sla.policies import PolicyBook


class Replay:
    """Collects events in any order, duplicates included, and answers with the facts that hold."""

    def __init__(self) -> None:
        self._conversations: dict[tuple[str, str], dict[tuple[str, str], InteractionEvent]] = {}
        self.latest_ms: EpochMs | None = None
        self.duplicates = 0

    def add(self, event: InteractionEvent) -> None:
        """Take an event in; a second one of the same (tenant, source, event_id) changes nothing."""
        conversation = self._conversations.setdefault((event.tenant, event.conversation_id), {})
        known = conversation.setdefault((event.source, event.event_id), event)
        if known is not event:
            self.duplicates += 1
        elif self.latest_ms is None or event.occurred_at > self.latest_ms:
            self.latest_ms = event.occurred_at

    def facts(self, book: PolicyBook, as_of_ms: EpochMs | None = None) -> Iterable[MetricFact]:
        """The facts sorted by tenant and fact_id; `as_of_ms` is the latest event's instant unless it is given."""
        at_ms = self.latest_ms if as_of_ms is None else as_of_ms
        found = [
            fact
            for events in self._conversations.values()
            for fact in facts_of([*events.values()], book, at_ms).values()
        ]
        return sorted(found, key=lambda fact: (fact.tenant, fact.fact_id))
