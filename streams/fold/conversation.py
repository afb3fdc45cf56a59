"""The facts of a conversation as a pure function of its distinct events, the policies and an instant."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.fold.events import LogEvent
from streams.fold.measure import Measure
from streams.fold.order import erases, order_of
from streams.fold.state import FoldState
from streams.fold.steps import step
from streams.sla.policies import PolicyBook


def fold(
    tenant: str,
    conversation_id: str,
    events: Sequence[LogEvent],
    book: PolicyBook,
    as_of_ms: EpochMs | None = None,
    backfilled: set[str] | None = None,
) -> tuple[FoldState, dict[str, MetricFact]]:
    """Fold the distinct events of one conversation, given in any order, into its state and the facts that hold.

    Facts are by fact_id, revision 1. `as_of_ms`: clocks still open with their deadline before it are breached; None
    judges none of them. `backfilled` receives the fact_ids of the SLA facts whose clocks backfill started.
    """
    state = FoldState()
    if any(erases(event) for event in events):
        return state, {}
    measure = Measure(tenant, conversation_id, book, state)
    in_order = sorted(events, key=order_of)
    for event in in_order:
        step(measure, event)
    if in_order:
        state.last = order_of(in_order[-1])
    if as_of_ms is not None:
        measure.open_breaches(as_of_ms)
    if backfilled is not None:
        backfilled |= measure.backfilled
    return state, {fact.fact_id: fact for fact in measure.facts}
