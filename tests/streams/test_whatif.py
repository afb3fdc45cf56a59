"""Outcomes under two sets of policies, counted by hand."""

from __future__ import annotations

from schemas.records import InteractionEvent
from schemas.times import parse as instant
from streams.replay import Replay
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from streams.whatif import Comparison, Tally, standing

NINE = instant("2026-03-10T09:00:00Z")
MINUTE = 60_000


def told(conversation: str, *waits_minutes: float, started_ms: int = NINE) -> Replay:
    """A conversation whose customer writes, and is answered after so many minutes, again and again; not at all: inf."""
    history, at_ms = Replay(), started_ms
    for number, wait in enumerate(waits_minutes):
        for kind, moment in (("customer", at_ms), ("human", at_ms + wait * MINUTE)):
            if moment != float("inf"):
                history.add(
                    InteractionEvent(
                        event_id=f"{number}{kind}",
                        tenant="acme",
                        source="test",
                        channel="live_chat",
                        type="message",
                        occurred_at=int(moment),
                        conversation_id=conversation,
                        actor_kind="customer" if kind == "customer" else "human",
                        actor_id=kind,
                    )
                )
        at_ms += 60 * MINUTE
    return history


def book(target: str, name: str = "chat") -> PolicyBook:
    return policy_file.parse(f"policies: [{{name: {name}, targets: {{first_response: {target}}}}}]")


def compared(before: PolicyBook, after: PolicyBook, *histories: Replay, since_ms: int | None = None) -> Comparison:
    found = Comparison(before, after, since_ms)
    for history in histories:
        found.add(history, NINE + 600 * MINUTE)
    return found


NAME = ("chat", "sla_first_response")
HISTORIES = (told("c1", 2.0), told("c2", 7.0), told("c3", 20.0), told("c4", float("inf")))


def test_attainment_and_breaches_before_and_after() -> None:
    found = compared(book("5m"), book("10m"), *HISTORIES)
    assert found.names == [NAME]
    assert (found.before[NAME], found.after[NAME]) == (Tally(met=1, breached=3), Tally(met=2, breached=2))
    assert (found.before[NAME].attainment, found.after[NAME].attainment) == (0.25, 0.5)
    assert found.moves.counts == {("breached", "met"): 1}
    assert found.conversations == 4


def test_versions_of_other_names_that_come_to_the_same_move_nothing() -> None:
    before, after = book("5m"), book("301s")
    later = policy_file.parse(
        'effective_from: "2026-03-10T00:00:00Z"\npolicies: [{name: chat, targets: {first_response: 5m}}]'
    )
    assert len({*before.version_names, *after.version_names, *later.version_names}) == 3
    for other in (after, later, standing(later)):
        found = compared(before, other, *HISTORIES)
        assert found.names == [NAME]
        assert found.moves.counts == {}
        assert found.before == found.after


def test_clocks_that_one_side_does_not_know_are_said_to_have_none() -> None:
    found = compared(PolicyBook(), book("10m", "new"), *HISTORIES)
    assert found.names == [("new", "sla_first_response")]
    assert found.moves.counts == {("no_clock", "met"): 2, ("no_clock", "breached"): 2}
    assert Tally().attainment is None


def test_only_clocks_that_opened_since_count() -> None:
    late = told("late", 7.0, started_ms=NINE + MINUTE)
    found = compared(book("5m"), book("10m"), *HISTORIES, late, since_ms=NINE + MINUTE)
    assert (found.before[NAME], found.after[NAME]) == (Tally(breached=1), Tally(met=1))


def test_the_last_version_stands_for_all_of_history() -> None:
    version = 'effective_from: "2030-01-01T00:00:00Z"\npolicies: [{name: chat, targets: {first_response: 10m}}]'
    text = f"policies: []\n---\n{version}"
    later = policy_file.parse(text)
    assert compared(book("5m"), later, *HISTORIES).after == {}
    assert compared(book("5m"), standing(later), *HISTORIES).after[NAME] == Tally(met=2, breached=2)
    assert len(standing(PolicyBook())) == 0
