"""The facts of a conversation as a pure function of its distinct events, the policies and an instant."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from streams.fold.measure import Measure
from streams.fold.state import FoldState, order_key
from streams.fold.steps import erases, step
from streams.sla.policies import PolicyBook


def fold(events: Iterable[InteractionEvent], measure: Measure) -> FoldState:
    """Fold distinct events of one conversation, none of which `erases`, in any order; facts go to `measure`."""
    state = FoldState()
    for event in sorted(events, key=order_key):
        step(state, event, measure)
    return state


def facts_of(events: list[InteractionEvent], book: PolicyBook, as_of_ms: EpochMs | None) -> dict[str, MetricFact]:
    """The facts that hold, by fact_id, for the distinct events of one conversation.

    `as_of_ms`: clocks still open with their deadline before it are breached; None judges none of them.
    """
    if not events or any(erases(event) for event in events):
        return {}
    measure = Measure(events[0].tenant, events[0].conversation_id, book)
    state = fold(events, measure)
    if as_of_ms is not None:
        measure.open_breaches(state, as_of_ms)
    return {fact.fact_id: fact for fact in measure.facts}
