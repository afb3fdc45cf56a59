"""The law of timers: however often somebody looks, and however long nobody could, facts and alerts are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import InteractionEvent, SlaAlert
from schemas.ticks import SourceName
from schemas.times import EpochMs
from streams.partition import chunk
from streams.partition.chunk import SourceRecord
from streams.partition.store import Store
from streams.timers.clocks import BACKFILL_REST_MS
from tests.streams.partition.harness import Partition, cut, expected, publish, record, records, tick
from tests.streams.partition.test_law import arrivals
from tests.streams.stories import clock, story
from tests.streams.strategies import BOOK, FIRST_MS, LAST_MS, MINUTE_MS, instants, partitions

laws = settings(max_examples=60, deadline=None)
#: Behind everything that can fall due.
END_MS = LAST_MS + 3 * 24 * 60 * MINUTE_MS

AlertKey = tuple[str, str, str, "float | None", int]


def key_of(alert: SlaAlert) -> AlertKey:
    """What consumers tell alerts by."""
    return alert.tenant, alert.fact_id, alert.level, alert.share, alert.deadline


def with_ticks(told: Sequence[InteractionEvent], ticks: Iterable[EpochMs]) -> list[SourceRecord]:
    """A log in which a tick lies where a worker that is never late would have written it; one more at the end."""
    marked: list[tuple[EpochMs, int, InteractionEvent | None]] = [(at_ms, 0, None) for at_ms in ticks]
    marked += [(event.occurred_at, 1, event) for event in told]
    marked.sort(key=lambda one: one[:2])
    log = [
        tick(offset, at_ms) if event is None else record(offset, event)
        for offset, (at_ms, _, event) in enumerate(marked)
    ]
    return [*log, tick(len(log), END_MS)]


def in_order(told: Iterable[InteractionEvent]) -> list[InteractionEvent]:
    """Without duplicates of a name, in the order of their conversations."""
    distinct = {(event.conversation_id, event.source, event.event_id): event for event in told}
    return sorted(distinct.values(), key=lambda one: (one.occurred_at, one.sequence or 0, one.event_id, one.source))


def run(log: Sequence[SourceRecord], ends: Iterable[int] = ()) -> Partition:
    partition = Partition()
    for piece in cut(log, ends):
        partition.feed(piece)
    return partition


@st.composite
def schedules(draw: st.DrawFn) -> list[EpochMs]:
    """When somebody looks: every so often, now and then, or not at all before the end."""
    kind = draw(st.sampled_from(("never", "hourly", "often", "sometimes")))
    if kind == "never":
        return []
    if kind == "sometimes":
        return draw(st.lists(instants, max_size=12))
    step_ms = 60 * MINUTE_MS if kind == "hourly" else 10_000
    return list(range(FIRST_MS, LAST_MS + 60 * MINUTE_MS, step_ms))


# --- any schedule -----------------------------------------------------------------------------------------------------


@given(partitions(), schedules(), schedules(), st.sets(st.integers(0, 60), max_size=4))
@laws
def test_any_two_schedules_lead_to_the_same_alerts_and_facts_of_events_in_order(
    told: list[InteractionEvent], some: list[EpochMs], others: list[EpochMs], ends: set[int]
) -> None:
    told = in_order(told)
    first, second = run(with_ticks(told, some), ends), run(with_ticks(told, others))
    assert first.reader.holding() == second.reader.holding() == expected(told, END_MS)
    by_key = [sorted(partition.alerts, key=repr) for partition in (first, second)]
    assert by_key[0] == by_key[1]
    assert not [alert for alert in first.alerts if alert.level == "retracted" and not erased(told, alert)]


def erased(told: Iterable[InteractionEvent], alert: SlaAlert) -> bool:
    mine = (event for event in told if event.conversation_id == alert.conversation_id)
    return any(event.type == "deleted" or event.status == "spam" for event in mine)


@given(arrivals(), st.lists(st.tuples(st.integers(0, 40), instants), max_size=8))
@laws
def test_of_events_in_any_order_what_stands_are_the_breaches_of_the_fold(
    told: list[InteractionEvent], looks: list[tuple[int, EpochMs]]
) -> None:
    log: list[SourceRecord] = []
    for position, event in enumerate(told):
        log += [tick(0, at_ms) for where, at_ms in looks if where == position]
        log.append(record(0, event))
    log = [one._replace(offset=n) for n, one in enumerate([*log, tick(0, END_MS)])]  # type: ignore[attr-defined]
    partition = run(log, range(0, len(log), 3))
    facts = expected(told, END_MS)
    assert partition.reader.holding() == facts

    keys = [key_of(alert) for alert in partition.alerts]
    assert len(keys) == len(set(keys)), "each (clock, level, share, deadline) once"
    raised = [(one.tenant, one.fact_id, one.deadline) for one in partition.alerts if one.level == "breach"]
    taken_back = [(one.tenant, one.fact_id, one.deadline) for one in partition.alerts if one.level == "retracted"]
    assert set(taken_back) <= set(raised)
    standing = set(raised) - set(taken_back)
    breached = {(*name, fact.deadline) for name, fact in facts.items() if fact.outcome == "breached"}
    assert standing <= breached, "what is no breach is not left standing"
    # What was taken back for a deadline and then was one after all is not raised again.
    assert breached - standing <= set(taken_back)


@given(partitions(), schedules(), st.sets(st.integers(0, 60), max_size=4), st.integers(0, 8))
@laws
def test_after_a_crash_the_same_alerts_come_again_and_no_others(
    told: list[InteractionEvent], looks: list[EpochMs], ends: set[int], crash: int
) -> None:
    log = with_ticks(told, looks)
    straight = run(log)
    pieces = cut(log, ends)
    store, sent = Store(BOOK), []
    for number, piece in enumerate(pieces):
        outcome = chunk.process(store, piece, "interactions/0", 0)
        if number == crash:
            # Sent, and lost before the state was kept: the successor reads the heads and does it again.
            again = Store(BOOK, store.applied, dict(store.heads), dict(store.segments))
            again.index_due()
            store = again
            repeated = chunk.process(store, piece, "interactions/0", 0)
            assert repeated == outcome
        publish(store, outcome)
        sent += [raised.alert for raised in outcome.alerts]
    assert sorted(sent, key=repr) == sorted(straight.alerts, key=repr)
    assert store.heads == straight.store.heads


_HELD = st.frozensets(st.sampled_from((("acme", "chat"), ("", "pbx"), ("other", "chat"))), max_size=2)


@given(partitions(), st.lists(st.tuples(instants, _HELD), max_size=10), st.sets(st.integers(0, 60), max_size=4))
@laws
def test_what_is_held_is_said_later_and_does_not_depend_on_chunks(
    told: list[InteractionEvent], looks: list[tuple[EpochMs, frozenset[SourceName]]], ends: set[int]
) -> None:
    told = in_order(told)
    held_at = dict(looks)
    log = [
        tick(one.offset, one.timestamp, held_at.get(one.timestamp, ())) if one.value is None else one
        for one in with_ticks(told, held_at)
    ]
    first, second, never_held = run(log, ends), run(log, range(len(log))), run(with_ticks(told, held_at))
    assert first.store.heads == second.store.heads
    assert first.alerts == second.alerts
    assert first.reader.holding() == never_held.reader.holding() == expected(told, END_MS)
    said, unheld = ({key_of(alert): alert for alert in one.alerts} for one in (first, never_held))
    # What was held and ended meanwhile is not warned of; what was erased meanwhile is not spoken of.
    assert said.keys() <= unheld.keys()
    assert all(key[2] != "breach" or erased(told, alert) for key, alert in unheld.items() if key not in said)


@given(arrivals(), st.data(), st.lists(st.tuples(st.integers(0, 40), instants), max_size=5))
@laws
def test_backfill_is_judged_like_everything_else_and_raises_nothing(
    told: list[InteractionEvent], data: st.DataObject, looks: list[tuple[int, EpochMs]]
) -> None:
    old = data.draw(st.sampled_from((lambda _: True, lambda n: n % 2 == 0, lambda n: n < len(told) // 2)))
    told = [msgspec.structs.replace(event, historical=old(n)) for n, event in enumerate(told)]
    partition = Partition()
    for position, event in enumerate(told):
        for _, at_ms in (look for look in looks if look[0] == position):
            partition.feed([tick(1000 * position + 500, at_ms)])
        partition.feed([record(1000 * position + 999, event)])
    partition.feed([tick(10**9, END_MS)])
    assert partition.reader.holding() == expected(told, END_MS)
    assert partition.store.due.next_ms(END_MS) is None
    if all(event.historical for event in told):
        assert partition.alerts == []
    partition.judge(END_MS)
    assert partition.reader.holding() == expected(told, END_MS)


def test_backfill_is_left_alone_while_more_of_it_comes() -> None:
    told = [msgspec.structs.replace(event, historical=True) for event in SLOW_REPLY]
    came_ms = clock("20:00")
    partition = Partition()
    partition.feed([record(0, told[0])._replace(timestamp=came_ms)])  # type: ignore[attr-defined]
    partition.feed([tick(1, came_ms + BACKFILL_REST_MS)])
    assert partition.reader.holding() == {}, "its reply may be on its way"
    partition.feed([tick(2, came_ms + BACKFILL_REST_MS + 1)])
    assert partition.reader.holding() == expected(told[:1], END_MS)
    partition.feed([record(3, told[1]), tick(4, END_MS)])
    assert partition.reader.holding() == expected(told, END_MS)
    assert partition.alerts == []


def test_who_ticks_ahead_of_time_keeps_nobody_from_being_woken_later() -> None:
    first, reply, second = story(
        """
        09:00 customer message
        09:07 ana message
        09:08 customer message
        """
    )
    due_ms = clock("09:11")
    ahead = [record(0, first), tick(1, clock("12:00")), record(2, reply), record(3, second)]
    partition = run([*ahead, tick(4, due_ms), tick(5, due_ms + 1)])
    raised = [alert for alert in partition.alerts if alert.level == "breach" and alert.metric == "sla_next_response"]
    assert [(alert.deadline, alert.raised_at) for alert in raised] == [(due_ms, due_ms)]


# --- controls: each protection is needed ------------------------------------------------------------------------------

SLOW_REPLY = story(
    """
    09:00 customer message
    09:30 ana message
    """
)


@pytest.mark.plain
def test_without_raising_before_an_event_the_schedule_would_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def levels() -> list[list[str]]:
        alerts = (run(with_ticks(SLOW_REPLY, looks)).alerts for looks in ([], [clock("09:20")]))
        return [sorted(alert.level for alert in found if "first" in alert.metric) for found in alerts]

    assert levels() == [["breach", "warning", "warning"]] * 2
    monkeypatch.setattr("streams.timers.watch.Watch.raise_until", lambda *_: None)
    few, many = levels()
    assert few == many == ["breach"], "what ends late is raised in any case, but nobody was warned"


def test_without_remembering_a_breach_is_raised_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    log = with_ticks(SLOW_REPLY, [clock("09:20"), clock("09:25")])
    assert len([alert for alert in run(log).alerts if alert.level == "breach"]) == 2, "one of the turn, one of the end"
    monkeypatch.setattr("streams.timers.alerts.Alerts._remember", lambda *_: None)
    assert len([alert for alert in run(log).alerts if alert.level == "breach"]) > 2


def test_a_conversation_that_is_not_in_the_queue_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.timers.queue.DueQueue.push", lambda *_: None)
    partition = Partition()
    partition.feed(records(SLOW_REPLY[:1]))
    assert partition.feed([tick(1, END_MS)]).alerts == []
