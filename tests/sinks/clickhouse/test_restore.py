"""What a restart reads back is what was stored, in pages of any size."""

from __future__ import annotations

import pytest

from schemas.records import InteractionEvent
from sinks.clickhouse import rows
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.restore import events_of, recent_facts, stored_conversations
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


def test_nothing_stored_is_nothing_restored(database: EmbeddedDatabase) -> None:
    assert list(stored_conversations(database)) == []
    assert list(recent_facts(database, T0)) == []


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
