"""What holds for the facts of any conversation whatsoever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent, MetricFact
from streams.fold.events import remember
from streams.fold.order import order_of
from streams.replay import Replay
from tests.streams.stories import fold_events, story
from tests.streams.strategies import BOOK, FIRST_MS, LAST_MS, MINUTE_MS, conversations, events, instants, partitions

Facts = dict[str, MetricFact]
Fold = Callable[[list[InteractionEvent], "int | None"], Facts]

laws = settings(max_examples=60, deadline=None)


def facts_of(told: list[InteractionEvent], as_of_ms: int | None = None) -> Facts:
    return fold_events(told, BOOK, as_of_ms)


# --- a pure function of the set ---------------------------------------------------------------------------------------


def check_order_does_not_matter(fold: Fold, told: list[InteractionEvent], shuffled: list[InteractionEvent]) -> None:
    assert fold(shuffled, LAST_MS) == fold(told, LAST_MS)


@given(conversations(), st.data())
@laws
def test_facts_do_not_depend_on_the_order_of_arrival_nor_on_duplicates(
    told: list[InteractionEvent], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=5))
    shuffled = data.draw(st.permutations([*told, *repeated]))
    check_order_does_not_matter(facts_of, told, shuffled)


def test_a_fold_in_the_order_of_arrival_would_break_that_law() -> None:
    told = story(
        """
        09:00 customer message
        09:05 ana message
        """
    )

    def in_order_of_arrival(found: list[InteractionEvent], as_of_ms: int | None) -> Facts:
        moved = [msgspec.structs.replace(event, occurred_at=FIRST_MS + n) for n, event in enumerate(found)]
        return facts_of(moved, as_of_ms)

    with pytest.raises(AssertionError):
        check_order_does_not_matter(in_order_of_arrival, told, told[::-1])


def test_two_sources_that_agree_on_instant_sequence_and_id_have_an_order_all_the_same() -> None:
    question, answer = story(
        """
        09:00 customer message id=1 from=chat
        09:00 ana message id=1 from=pbx
        """
    )
    assert order_of(remember(question)) != order_of(remember(answer))
    assert facts_of([question, answer]) == facts_of([answer, question])


@given(partitions())
@laws
def test_replay_finds_the_facts_of_each_conversation_sorted(told: list[InteractionEvent]) -> None:
    replay = Replay()
    for event in [*told, *told[:3]]:
        replay.add(event)
    by_conversation: defaultdict[str, list[InteractionEvent]] = defaultdict(list)
    for event in told:
        by_conversation[event.conversation_id].append(event)
    latest = max(event.occurred_at for event in told)
    expected = [fact for mine in by_conversation.values() for fact in facts_of(mine, latest).values()]
    assert replay.facts(BOOK) == sorted(expected, key=lambda fact: fact.fact_id)
    assert (replay.events, replay.duplicates) == (len(told), len(told[:3]))
    assert (replay.conversations, replay.latest_ms) == (len(by_conversation), latest)


# --- one fact ---------------------------------------------------------------------------------------------------------


@given(conversations(), instants)
@laws
def test_no_fact_is_negative_and_none_ends_before_it_starts(told: list[InteractionEvent], as_of_ms: int) -> None:
    for fact in facts_of(told, as_of_ms).values():
        assert fact.value_ms is None or fact.value_ms >= 0
        assert fact.business_ms is None or fact.value_ms is None or 0 <= fact.business_ms <= fact.value_ms
        assert fact.started_at is not None
        assert fact.ended_at is None or fact.started_at <= fact.ended_at


@given(conversations(), instants)
@laws
def test_a_fact_names_a_version_exactly_where_one_had_a_say(told: list[InteractionEvent], as_of_ms: int) -> None:
    for fact in facts_of(told, as_of_ms).values():
        had_a_say = fact.metric.startswith("sla_") or fact.business_ms is not None
        assert (fact.policy_version is not None) == had_a_say
        assert fact.policy_version is None or fact.policy_version in BOOK.version_names


@given(conversations(), instants)
@laws
def test_a_fact_is_named_by_what_it_says(told: list[InteractionEvent], as_of_ms: int) -> None:
    for fact_id, fact in facts_of(told, as_of_ms).items():
        conversation, episode, rest = fact_id.split("/", 2)
        assert (conversation, int(episode), rest.rsplit("/", 1)[1]) == ("c", fact.episode, fact.metric)
        assert (fact.tenant, fact.conversation_id, fact.revision, fact.retracted) == ("acme", "c", 1, False)


@given(conversations(), instants)
@laws
def test_an_sla_fact_says_met_only_in_time_and_breached_only_late(told: list[InteractionEvent], as_of_ms: int) -> None:
    for fact in facts_of(told, as_of_ms).values():
        if not fact.metric.startswith("sla_"):
            assert fact.deadline is None
            continue
        assert fact.policy is not None
        assert fact.agent_id is None
        looked_ms = as_of_ms if fact.ended_at is None else fact.ended_at
        late = fact.deadline is not None and looked_ms > fact.deadline
        assert late == (fact.outcome == "breached")


# --- facts of one episode ---------------------------------------------------------------------------------------------


def by_episode(facts: Facts) -> dict[int, dict[str, list[MetricFact]]]:
    found: defaultdict[int, defaultdict[str, list[MetricFact]]] = defaultdict(lambda: defaultdict(list))
    for fact in facts.values():
        found[fact.episode][fact.metric].append(fact)
    return {episode: dict(metrics) for episode, metrics in found.items()}


def value(facts: list[MetricFact]) -> int:
    return sum(fact.value_ms or 0 for fact in facts)


@given(conversations(40))
@laws
def test_the_parts_of_an_episode_fit_into_it(told: list[InteractionEvent]) -> None:
    for metrics in by_episode(facts_of(told)).values():
        if "resolution" not in metrics:
            assert not metrics.keys() & {"active_resolution", "customer_wait", "bot_outcome"}
            continue
        resolution = value(metrics["resolution"])
        assert value(metrics["active_resolution"]) <= resolution
        assert value(metrics["customer_wait"]) <= resolution
        handled = [fact for fact in metrics.get("handle_time", []) if fact.outcome == "assigned_open"]
        assert value(handled) <= value(metrics["active_resolution"])
        waits = value(metrics.get("first_response", []) + metrics.get("next_response", []))
        assert waits <= value(metrics["customer_wait"])


@given(conversations(40))
@laws
def test_an_episode_has_at_most_one_first_response_and_it_precedes_the_next_ones(told: list[InteractionEvent]) -> None:
    for metrics in by_episode(facts_of(told)).values():
        firsts, nexts = metrics.get("first_response", []), metrics.get("next_response", [])
        assert len(firsts) <= 1
        assert len(metrics.get("first_response_any", [])) <= 1
        assert firsts or not nexts
        assert all((firsts[0].ended_at or 0) <= (fact.started_at or 0) for fact in nexts)


@given(conversations(40))
@laws
def test_episodes_follow_each_other(told: list[InteractionEvent]) -> None:
    ends = {
        episode: metrics["resolution"][0]
        for episode, metrics in by_episode(facts_of(told)).items()
        if "resolution" in metrics
    }
    for episode, end in ends.items():
        if episode + 1 in ends:
            assert (end.ended_at or 0) <= (ends[episode + 1].started_at or 0)
    full = facts_of(told).get("c/0/0/full_resolution")
    assert (full is None) == (not ends)
    if full is not None:
        assert (full.started_at, full.ended_at) == (ends[min(ends)].started_at, ends[max(ends)].ended_at)


# --- judging the open clocks ------------------------------------------------------------------------------------------


@given(conversations(), instants, instants)
@laws
def test_looking_later_only_adds_breaches_of_open_clocks(told: list[InteractionEvent], one: int, other: int) -> None:
    earlier, later = facts_of(told, min(one, other)), facts_of(told, max(one, other))
    assert earlier.items() <= later.items()
    added = [later[fact_id] for fact_id in later.keys() - earlier.keys()]
    assert all((fact.outcome, fact.ended_at, fact.value_ms) == ("breached", None, None) for fact in added)


@given(conversations(), instants)
@laws
def test_what_was_breached_while_open_stays_breached_when_it_ends(told: list[InteractionEvent], as_of_ms: int) -> None:
    past = [event for event in told if event.occurred_at < as_of_ms]
    assume(past)
    # An erased conversation has no facts, and one whose later events come is another story only if nothing erases it.
    final = facts_of(told, as_of_ms)
    assume(final)
    for fact_id, fact in facts_of(past, as_of_ms).items():
        if fact.outcome == "breached":
            assert final[fact_id].outcome == "breached"


# --- the ends of a story ----------------------------------------------------------------------------------------------


@given(conversations(), events(), instants, st.sampled_from(("deleted", "spam")))
@laws
def test_an_erased_conversation_has_no_facts(
    told: list[InteractionEvent], event: InteractionEvent, as_of_ms: int, how: str
) -> None:
    erasing = msgspec.structs.replace(event, event_id="eraser", type="deleted", status=None)
    if how == "spam":
        erasing = msgspec.structs.replace(erasing, type="status_changed", status="spam")
    assert facts_of([*told, erasing], as_of_ms) == {}


@given(conversations(), conversations(), instants)
@laws
def test_nothing_after_a_merge_counts(
    told: list[InteractionEvent], after: list[InteractionEvent], as_of_ms: int
) -> None:
    merge = msgspec.structs.replace(told[0], event_id="merge", type="merged", occurred_at=LAST_MS + 1, sequence=0)
    later = [
        msgspec.structs.replace(
            event, event_id=f"after-{event.event_id}", occurred_at=event.occurred_at + 3 * 60 * MINUTE_MS
        )
        for event in after
        if event.type != "deleted" and event.status != "spam"
    ]
    assert facts_of([*told, merge, *later], as_of_ms) == facts_of([*told, merge], as_of_ms)


@given(conversations())
@laws
def test_notes_and_what_no_fact_depends_on_change_nothing(told: list[InteractionEvent]) -> None:
    notes = [
        msgspec.structs.replace(event, event_id=f"note-{event.event_id}", type="note", team=None, priority=None)
        for event in told
        if event.type not in ("deleted", "status_changed")
    ]
    dressed = [
        msgspec.structs.replace(
            event, customer_id="cu", language="ar", ingested_at=1, historical=True, attributes={"a": "b"}
        )
        for event in told
    ]
    assert facts_of([*dressed, *notes], LAST_MS) == facts_of(told, LAST_MS)
