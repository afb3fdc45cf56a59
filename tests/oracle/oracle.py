"""The facts of a set of events."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from tests.oracle.episodes import Conversation
from tests.oracle.metrics import measured
from tests.oracle.moments import by_conversation, is_erased, moments_of
from tests.oracle.policies import Policies
from tests.oracle.sla import judged

#: Tenant and fact_id.
FactKey = tuple[str, str]


def facts_of(events: Iterable[InteractionEvent], policies: Policies, as_of_ms: EpochMs) -> dict[FactKey, MetricFact]:
    """The facts that hold, if it is `as_of_ms` now; events in any order, and some of them twice."""
    found: dict[FactKey, MetricFact] = {}
    for mine in by_conversation(events).values():
        if not is_erased(mine):
            found |= _facts_of_one(mine, policies, as_of_ms)
    return found


def _facts_of_one(events: list[InteractionEvent], policies: Policies, as_of_ms: EpochMs) -> dict[FactKey, MetricFact]:
    moments = moments_of(events)
    conversation = Conversation(moments, policies)
    made = list(measured(conversation))
    for episode in conversation.episodes:
        made += judged(episode, moments[-1], as_of_ms)
    # What a later event says under the same name holds.
    made.sort(key=lambda one: one[0])
    return {(fact.tenant, fact.fact_id): fact for _, fact in made}
