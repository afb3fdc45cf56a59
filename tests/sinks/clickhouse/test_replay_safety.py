"""Whatever is delivered again, in whatever batches: the same rows hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent, MetricFact, MetricWindow, SlaAlert
from sinks.clickhouse import rows
from sinks.clickhouse.database import Answer
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.restore import stored_conversations
from tests.sinks import samples
from tests.sinks.samples import T0

_LAWS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

#: (start, size) of pieces of a log, as readers that crash and start again elsewhere deliver them.
deliveries = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=6)


def pieces(log: Sequence[Any], cuts: list[tuple[int, int]]) -> list[list[tuple[int, Any]]]:
    """Some of the log in pieces of any size and order, and then all of it."""
    numbered = list(enumerate(log))
    return [numbered[start : start + size] for start, size in cuts if numbered[start : start + size]] + [numbered]


@st.composite
def event_logs(draw: st.DrawFn) -> list[InteractionEvent]:
    """Few identities, so that duplicates with different content are common."""
    ids = draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, max_size=25))
    return [
        samples.event(event_id, conversation_id=conversation, occurred_at=T0 + i, attributes={"nth": str(i)})
        for i, (conversation, event_id) in enumerate(ids)
    ]


@_LAWS
@given(log=event_logs(), cuts=deliveries, epochs=st.integers(0, 3))
def test_the_first_event_in_the_log_wins(
    database: EmbeddedDatabase, log: list[InteractionEvent], cuts: list[tuple[int, int]], epochs: int
) -> None:
    database.execute("TRUNCATE TABLE interactions")
    # Later incarnations of the log deliver the same events with other content.
    for epoch in range(epochs, -1, -1):
        for piece in pieces(log if epoch == 0 else log[::-1], cuts):
            positions = [rows.log_position(epoch, offset) for offset, _event in piece]
            database.insert("interactions", rows.interaction_columns([event for _, event in piece], positions))
    first: dict[tuple[str, str], InteractionEvent] = {}
    for event in log:
        first.setdefault((event.conversation_id, event.event_id), event)
    found = {c.conversation_id: list(c.events) for c in stored_conversations(database, page_rows=7)}
    expected: dict[str, list[InteractionEvent]] = {}
    for event in first.values():
        expected.setdefault(event.conversation_id, []).append(event)
    assert found == expected


@st.composite
def fact_logs(draw: st.DrawFn) -> list[MetricFact]:
    """Facts whose revisions rise along the log, and which a revision may move by years or retract."""
    revisions: dict[str, int] = {}
    log = []
    for name in draw(st.lists(st.sampled_from(["c1/1/1", "c1/1/2", "c2/1/1"]), min_size=1, max_size=25)):
        revisions[name] = revisions.get(name, 0) + 1
        value_ms = draw(st.integers(0, 10**9))
        moved = {"started_at": T0 - draw(st.sampled_from([0, 40 * 365 * 86_400_000])), "value_ms": value_ms}
        log.append(
            samples.fact(
                f"{name}/first_response",
                revision=revisions[name],
                retracted=draw(st.booleans()),
                channel=draw(st.sampled_from(["email", "sms"])),
                **moved,
            )
        )
    return log


@_LAWS
@given(log=fact_logs(), cuts=deliveries)
def test_the_latest_revision_holds_and_no_view_counts_another(
    database: EmbeddedDatabase, log: list[MetricFact], cuts: list[tuple[int, int]]
) -> None:
    database.execute("TRUNCATE TABLE metric_facts")
    for piece in pieces(log, cuts):
        database.insert("metric_facts", rows.fact_columns([fact for _, fact in piece]))
    latest = {fact.fact_id: fact for fact in log}
    holding = [fact for fact in latest.values() if not fact.retracted]
    stored = database.query("SELECT fact_id, revision, retracted, value_ms FROM metric_facts FINAL").rows
    assert sorted(stored) == sorted((f.fact_id, f.revision, f.retracted, f.value_ms) for f in latest.values())
    counted = database.query("SELECT sum(count), sum(count * mean_ms) FROM kpi_hourly").rows[0]
    assert counted[0] == len(holding)
    assert round(counted[1] or 0) == sum(fact.value_ms or 0 for fact in holding)


@_LAWS
@given(
    log=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=20),
    cuts=deliveries,
)
def test_the_last_refresh_of_a_window_and_the_first_alert_of_a_clock_hold(
    database: EmbeddedDatabase, log: list[tuple[int, int]], cuts: list[tuple[int, int]]
) -> None:
    database.execute("TRUNCATE TABLE metric_windows")
    database.execute("TRUNCATE TABLE sla_alerts")
    windows = [samples.window(window_end=T0 + end, count=count) for end, count in log]
    alerts = [samples.alert(deadline=T0 + clock, raised_at=T0 + i) for i, (clock, _) in enumerate(log)]
    _deliver_windows(database, windows, cuts)
    for piece in pieces(alerts, cuts):
        database.insert("sla_alerts", rows.alert_columns([alert for _, alert in piece]))
    ends = database.query("SELECT toUnixTimestamp64Milli(window_end), count FROM metric_windows FINAL")
    assert dict(ends.rows) == {window.window_end: window.count for window in windows}
    assert _raised(database) == _first_raised(alerts)


def _deliver_windows(database: EmbeddedDatabase, windows: list[MetricWindow], cuts: list[tuple[int, int]]) -> None:
    for piece in pieces(windows, cuts):
        database.insert("metric_windows", rows.window_columns([w for _, w in piece], [offset for offset, _ in piece]))


def _raised(database: EmbeddedDatabase) -> dict[int, int]:
    sql = "SELECT toUnixTimestamp64Milli(deadline), toUnixTimestamp64Milli(raised_at) FROM sla_alerts FINAL"
    answer: Answer = database.query(sql)
    return dict(answer.rows)


def _first_raised(alerts: list[SlaAlert]) -> dict[int, int]:
    found: dict[int, int] = {}
    for alert in alerts:
        found.setdefault(alert.deadline, alert.raised_at)
    return found
