"""What a restart reads back is what was stored, in pages of any size."""

from __future__ import annotations

import pytest

from schemas.records import InteractionEvent, MetricWindow
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.restore import FactVersion, events_of, latest_windows, recent_facts, stored_conversations
from tests.sinks import samples
from tests.sinks.samples import T0


@pytest.mark.parametrize("page_rows", [1, 2, 3, 7, 1000])
def test_pages_of_any_size_give_whole_conversations(database: EmbeddedDatabase, page_rows: int) -> None:
    log: list[InteractionEvent] = []
    for tenant in ("a", "b", "b'c"):
        for conversation, size in (("x", 1), ("x/1", 5), ("y\n\\n", 3), ("Ω", 2)):
            log += [samples.event(f"e{i}", tenant=tenant, conversation_id=conversation) for i in range(size)]
    log = log[::2] + log[1::2]
    database.insert("interactions", rows.interaction_columns(log, range(len(log))))
    found = list(stored_conversations(database, page_rows))
    names = [(conversation.tenant.encode(), conversation.conversation_id.encode()) for conversation in found]
    assert names == sorted({(event.tenant.encode(), event.conversation_id.encode()) for event in log})
    for stored in found:
        members = [e for e in log if (e.tenant, e.conversation_id) == (stored.tenant, stored.conversation_id)]
        assert list(stored.events) == members
        assert [log[position] for position in stored.positions] == members


def test_only_facts_with_a_history_come_along(database: EmbeddedDatabase) -> None:
    events = [samples.event(conversation_id=name) for name in ("c1", "c2", "c3")]
    database.insert("interactions", rows.interaction_columns(events, range(3)))
    open_breach = {"ended_at": None, "value_ms": None, "outcome": "breached", "deadline": T0 + 7}
    facts = [
        samples.fact("c1/1/1/first_response"),
        samples.fact("c1/1/2/next_response"),
        samples.fact("c1/1/2/next_response", revision=2),
        samples.fact("c1/1/3/next_response", revision=2, retracted=True),
        samples.fact("c2/1/1/sla_first_response", **open_breach),
        samples.fact("c3/1/1/sla_first_response", outcome="met", deadline=T0),
    ]
    database.insert("metric_facts", rows.fact_columns(facts))
    for page_rows in (1, 2, 100):
        found = {c.conversation_id: set(c.revisions) for c in stored_conversations(database, page_rows)}
        assert found == {
            "c1": {
                FactVersion("c1/1/2/next_response", 2, False, None),
                FactVersion("c1/1/3/next_response", 2, True, None),
            },
            "c2": {FactVersion("c2/1/1/sla_first_response", 1, False, T0 + 7)},
            "c3": set(),
        }


@pytest.mark.parametrize("page_rows", [1, 3, 1000])
def test_recent_facts_are_the_final_ones_that_ended_since(database: EmbeddedDatabase, page_rows: int) -> None:
    old = samples.fact("old/1/1/first_response", ended_at=T0)
    kept = [samples.fact(f"c{i}/1/1/first_response", ended_at=T0 + 1 + i) for i in range(4)]
    moved = samples.fact("moved/1/1/first_response", ended_at=T0 + 5)
    gone = samples.fact("gone/1/1/first_response", ended_at=T0 + 5)
    database.insert("metric_facts", rows.fact_columns([old, *kept, moved, gone]))
    moved_back = samples.fact("moved/1/1/first_response", ended_at=T0 - 1, revision=2)
    retracted = samples.fact("gone/1/1/first_response", ended_at=T0 + 5, revision=2, retracted=True)
    database.insert("metric_facts", rows.fact_columns([moved_back, retracted]))
    pages = list(recent_facts(database, since_ms=T0, page_rows=page_rows))
    assert [fact for page in pages for fact in page] == kept
    assert all(0 < len(page) <= page_rows for page in pages)


@pytest.mark.parametrize("page_rows", [1, 2, 1000])
def test_the_latest_refresh_of_each_window_comes_back(database: EmbeddedDatabase, page_rows: int) -> None:
    windows: list[MetricWindow] = [
        samples.window(
            dimension=dimension, dimension_value=value, window_seconds=seconds, window_end=T0 + end, count=end
        )
        for dimension, value in (("all", ""), ("team", "a"), ("team", "b"))
        for seconds in (60, 3600)
        for end in (0, 10_000, 5_000)
    ]
    database.insert("metric_windows", rows.window_columns(windows, range(len(windows))))
    found = [window for page in latest_windows(database, page_rows) for window in page]
    assert found == [window for window in windows if window.window_end == T0 + 10_000]


def test_nothing_stored_is_nothing_restored(database: EmbeddedDatabase) -> None:
    assert list(stored_conversations(database)) == []
    assert list(recent_facts(database, T0)) == []
    assert list(latest_windows(database)) == []


def test_the_events_of_some_conversations_up_to_a_position_are_distinct_and_in_the_order_of_the_log(
    database: EmbeddedDatabase,
) -> None:
    names = [("a", "x"), ("b", "x"), ("b'c", "y\n\\n"), ("a", "gone")]
    log = [
        samples.event(f"e{n}", tenant=tenant, conversation_id=conversation_id)
        for n in (3, 1, 2, 1, 0)
        for tenant, conversation_id in [*names[:3], ("a", "other")]
    ]
    positions = [rows.log_position(n // 10, n) for n in range(len(log))]
    # A repeated batch, and one that came first and lay further behind.
    for piece in (slice(8, 20), slice(0, 12), slice(4, 8)):
        database.insert("interactions", rows.interaction_columns(log[piece], positions[piece]))
    for through in (0, 5, 11, 19):
        found = events_of(database, names, positions[through])
        for name in names:
            members = [event for event in log[: through + 1] if (event.tenant, event.conversation_id) == name]
            distinct = list({event.event_id: event for event in members}.values())
            assert found.get(name, []) == distinct
        assert ("a", "other") not in found
    assert events_of(database, names, 0) == {("a", "x"): [log[0]]}
