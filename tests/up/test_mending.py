"""Whatever part of a conversation's facts and events had landed, what is sent brings them together, and no more."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import times
from schemas.records import InteractionEvent, MetricFact
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.sla import policy_file
from supportpulse.mending import Name, mend, stored_facts, stored_raised
from supportpulse.up.live import simulator_policies
from tests.streams.partition.harness import Partition, records, tick
from tests.streams.stories import clock, story
from tests.streams.strategies import BOOK
from tests.up.runs import traffic

_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_BOOK = policy_file.load(simulator_policies())


def _conversations() -> dict[Name, list[InteractionEvent]]:
    found: dict[Name, dict[tuple[str, str], InteractionEvent]] = {}
    for event in traffic(_BEGIN_MS, _BEGIN_MS + 86_400_000, per_day=60):
        found.setdefault((event.tenant, event.conversation_id), {}).setdefault((event.source, event.event_id), event)
    return {name: list(events.values()) for name, events in found.items()}


_CONVERSATIONS = _conversations()


def _holding(name: Name, events: list[InteractionEvent]) -> dict[str, MetricFact]:
    return fold(*name, [remember(event) for event in events], _BOOK)[1]


@st.composite
def _half_landed(draw: st.DrawFn) -> tuple[Name, list[InteractionEvent], dict[str, MetricFact]]:
    """Some events of a conversation, and facts of it that are missing, wrong, retracted or right."""
    name = draw(st.sampled_from(sorted(_CONVERSATIONS)))
    events = _CONVERSATIONS[name]
    landed = draw(st.lists(st.sampled_from(events), unique_by=id)) if draw(st.booleans()) else events
    stored = {}
    for fact_id, fact in _holding(name, events).items():
        revision = draw(st.integers(1, 4))
        state = draw(st.sampled_from(["missing", "right", "wrong", "retracted"]))
        wrong = msgspec.structs.replace(fact, team="another team") if state == "wrong" else fact
        if state != "missing":
            retracted = state == "retracted"
            stored[fact_id] = msgspec.structs.replace(wrong, revision=revision, retracted=retracted)
    return name, landed, stored


@given(_half_landed())
def test_stored_and_sent_versions_together_are_what_the_events_say(
    half: tuple[Name, list[InteractionEvent], dict[str, MetricFact]],
) -> None:
    name, events, stored = half
    final = dict(stored)
    for change in mend(name, events, stored.values(), _BOOK).changes:
        old, new = change.old, change.new
        before = stored.get(new.fact_id)
        assert new.revision == (1 if before is None else before.revision + 1)
        assert old == (before if before is not None and not before.retracted else None)
        final[new.fact_id] = new
    holds = {fact_id: msgspec.structs.replace(f, revision=1) for fact_id, f in final.items() if not f.retracted}
    assert holds == _holding(name, events)


@given(_half_landed())
def test_what_has_been_mended_needs_no_mending(
    half: tuple[Name, list[InteractionEvent], dict[str, MetricFact]],
) -> None:
    name, events, stored = half
    final = stored | {change.new.fact_id: change.new for change in mend(name, events, stored.values(), _BOOK).changes}
    assert mend(name, events, final.values(), _BOOK).changes == []


def test_stretches_of_conversations_give_every_fact_once(tmp_path: Path) -> None:
    database = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(database, now_ms=0)
    facts = [fact for name, events in _CONVERSATIONS.items() for fact in _holding(name, events).values()]
    facts += [msgspec.structs.replace(facts[0], revision=2, retracted=True)]
    database.insert("metric_facts", rows.fact_columns(facts))
    names = sorted(_CONVERSATIONS, key=lambda name: (name[0].encode(), name[1].encode()))
    cuts: list[Name | None] = [None, names[7], names[8], names[len(names) // 2], None]
    found = [stored_facts(database, after, last) for after, last in pairwise(cuts)]
    database.close()
    assert [len(part) for part in found].count(0) == 0
    together = sorted((f.tenant, f.fact_id, f.revision) for part in found for some in part.values() for f in some)
    latest = {(fact.tenant, fact.fact_id): fact.revision for fact in facts}
    assert together == sorted((*key, revision) for key, revision in latest.items())


@pytest.mark.parametrize("cut", [2, 3, 5])
def test_what_was_raised_before_a_restart_is_not_raised_again(tmp_path: Path, cut: int) -> None:
    """The events of a conversation and its alerts so far are in ClickHouse; the broker has forgotten the rest."""
    told = story("09:00 customer message")
    before = Partition()
    before.feed(records(told))
    for minutes in range(1, cut):
        before.feed([tick(minutes, clock(f"09:0{minutes}") + 1)])
    database = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(database, now_ms=0)
    if before.alerts:
        database.insert("sla_alerts", rows.alert_columns(before.alerts))
    raised = stored_raised(database, None, None)
    database.close()

    after = Partition()
    after.reader = before.reader
    for entry in mend(("acme", "c"), told, before.reader.holding().values(), BOOK, raised.get(("acme", "c"))).entries:
        after.store.put(entry)
    after.store.index_due()
    after.feed([tick(99, clock("23:00"))])
    straight = Partition()
    straight.feed([*records(told), tick(99, clock("23:00"))])
    assert sorted([*before.alerts, *after.alerts], key=repr) == sorted(straight.alerts, key=repr)
