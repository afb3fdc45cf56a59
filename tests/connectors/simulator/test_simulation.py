"""The simulation's laws: seeded, in arrival order, divisible in time, with the promised share of trouble."""

from __future__ import annotations

import typing
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice, pairwise, takewhile

import pytest

from connectors.simulator.profiles import SimulationConfig, Team, TenantProfile
from connectors.simulator.simulation import LIFETIME_MS, Arrival, Simulation
from connectors.simulator.story import DAY_MS, HOUR_MS, MINUTE_MS
from schemas import times, wire
from schemas.checks import check_event
from schemas.documents import parse_event, render_event
from schemas.errors import SupportpulseError
from schemas.records import Channel, EventType, InteractionEvent, Priority, Status, SurveyKind

START = times.parse("2026-03-02T00:00:00Z")
WEEK = START + 7 * DAY_MS
CONFIG = SimulationConfig(seed=7, conversations_per_day=1000)


@pytest.fixture(scope="module")
def week() -> list[Arrival]:
    return list(Simulation(CONFIG).history(START, WEEK))


@pytest.fixture(scope="module")
def events(week: list[Arrival]) -> list[InteractionEvent]:
    """Every distinct event."""
    return list({(arrival.event.tenant, arrival.event.event_id): arrival.event for arrival in week}.values())


def identity(arrival: Arrival) -> tuple[int, str, str]:
    return arrival.arrives_at_ms, arrival.event.tenant, arrival.event.event_id


def test_arrivals_are_sorted_within_the_stretch_and_never_before_they_happened(week: list[Arrival]) -> None:
    moments = [arrival.arrives_at_ms for arrival in week]
    assert moments == sorted(moments)
    assert moments[0] >= START
    assert moments[-1] < WEEK
    assert all(START <= arrival.event.occurred_at < arrival.arrives_at_ms for arrival in week)


def test_the_same_seed_gives_the_same_arrivals_and_another_one_others(week: list[Arrival]) -> None:
    again = list(islice(Simulation(CONFIG).history(START, WEEK), 2000))
    assert again == week[:2000]
    other = Simulation(replace(CONFIG, seed=8))
    assert [arrival.event for arrival in islice(other.history(START, WEEK), 2000)] != [a.event for a in week[:2000]]


def test_a_shorter_history_is_the_beginning_of_a_longer_one(week: list[Arrival]) -> None:
    end_ms = START + 30 * HOUR_MS
    short = list(Simulation(CONFIG).history(START, end_ms))
    assert short == list(takewhile(lambda arrival: arrival.arrives_at_ms < end_ms, week))


def test_a_history_taken_up_again_goes_on_without_a_gap(week: list[Arrival]) -> None:
    from_ms = START + 30 * HOUR_MS + 12_345
    rest = list(Simulation(CONFIG).history(START, WEEK, from_ms=from_ms))
    assert rest == [arrival for arrival in week if arrival.arrives_at_ms >= from_ms]


def test_a_long_history_taken_up_again_needs_to_look_back_one_lifetime_only() -> None:
    simulation = Simulation(SimulationConfig(seed=3, conversations_per_day=40))
    end_ms = START + 3 * LIFETIME_MS
    from_ms = end_ms - 2 * DAY_MS
    whole = [arrival for arrival in simulation.history(START, end_ms) if arrival.arrives_at_ms >= from_ms]
    assert list(simulation.history(START, end_ms, from_ms=from_ms)) == whole


def test_one_percent_are_repeats_with_the_same_content(week: list[Arrival]) -> None:
    seen: dict[tuple[str, str], InteractionEvent] = {}
    repeats = 0
    for _, event in week:
        first = seen.setdefault((event.tenant, event.event_id), event)
        repeats += first is not event
        assert first == event
    assert 0.008 < repeats / len(week) < 0.012


def test_three_percent_are_late_by_minutes_to_days(week: list[Arrival], events: list[InteractionEvent]) -> None:
    first: dict[tuple[str, str], int] = {}
    for arrives_at_ms, event in week:
        first.setdefault((event.tenant, event.event_id), arrives_at_ms - event.occurred_at)
    late = [delay_ms for delay_ms in first.values() if delay_ms >= 2 * MINUTE_MS]
    assert 0.025 < len(late) / len(events) < 0.035
    assert max(late) > DAY_MS
    assert sum(delay_ms < HOUR_MS for delay_ms in late) > len(late) / 3


def test_some_events_overtake_others_of_their_conversation(week: list[Arrival]) -> None:
    by_conversation: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for _, event in week:
        by_conversation[event.tenant, event.conversation_id].append(event.occurred_at)
    overtaken = sum(any(a > b for a, b in pairwise(moments)) for moments in by_conversation.values())
    assert 0.02 < overtaken / len(by_conversation) < 0.25


def test_there_are_about_six_events_in_a_conversation(events: list[InteractionEvent]) -> None:
    conversations = {(event.tenant, event.conversation_id) for event in events}
    assert 5 < len(events) / len(conversations) < 7


def test_there_are_as_many_conversations_as_configured(events: list[InteractionEvent]) -> None:
    conversations = {(event.tenant, event.conversation_id) for event in events}
    assert 0.95 < len(conversations) / (7 * CONFIG.conversations_per_day) < 1.05


def test_everything_the_contract_knows_appears(events: list[InteractionEvent]) -> None:
    assert {event.channel for event in events} == set(typing.get_args(Channel))
    assert {event.type for event in events} == set(typing.get_args(EventType))
    assert {event.status for event in events if event.status} == set(typing.get_args(Status))
    assert {event.priority for event in events if event.priority} == set(typing.get_args(Priority))
    assert {event.survey.kind for event in events if event.survey} == set(typing.get_args(SurveyKind))
    assert {event.actor_kind for event in events} == {"customer", "human", "bot", "system"}
    assert any(event.automated and event.actor_kind == "customer" for event in events)
    assert any(event.ack for event in events)


def test_every_event_survives_both_of_its_forms(events: list[InteractionEvent]) -> None:
    for event in events[::7]:
        check_event(event)
        assert parse_event(render_event(event)) == event
        assert wire.decode_event(wire.encode_event(event)) == event


def test_history_is_marked_as_such(events: list[InteractionEvent]) -> None:
    assert all(event.historical for event in events)


def test_nights_and_weekends_are_quiet(events: list[InteractionEvent]) -> None:
    begun: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.tenant, event.conversation_id)
        begun[key] = min(begun.get(key, event.occurred_at), event.occurred_at)
    berlin = [at_ms + HOUR_MS for (tenant, _), at_ms in begun.items() if tenant == "acme-retail"]
    hours = Counter(local_ms // HOUR_MS % 24 for local_ms in berlin)
    assert sum(hours[hour] for hour in range(6)) < 0.1 * sum(hours[hour] for hour in range(9, 17))
    days = Counter((local_ms - START) // DAY_MS for local_ms in berlin)
    assert days[6] < 0.7 * days[0]


def test_people_work_in_their_shifts() -> None:
    team = Team("desk", True, 3, ((9, 17),), (0, 1, 2, 3, 4))
    tenant = TenantProfile("t", "UTC", 1, (("live_chat", 1),), (team,), ("en",), 0.0)
    simulation = Simulation(SimulationConfig(tenants=(tenant,), conversations_per_day=300))
    assignments = [a.event for a in simulation.history(START, WEEK) if a.event.type == "assigned"]
    assert len(assignments) > 500
    for event in assignments:
        moment = times.to_datetime(event.occurred_at)
        assert moment.weekday() < 5
        assert 9 <= moment.hour < 17
    assert {event.assignee_id for event in assignments} == {"desk-01", "desk-02", "desk-03"}


def test_bots_hand_over_some_and_keep_some(events: list[InteractionEvent]) -> None:
    # Nothing is later than three days, so of these everything has arrived.
    events = [event for event in events if event.occurred_at < WEEK - 3 * DAY_MS]
    with_bot = {(e.tenant, e.conversation_id) for e in events if e.actor_kind == "bot" and e.type == "message"}
    handed_over = {(e.tenant, e.conversation_id) for e in events if e.type == "handoff_requested"}
    kept = {(e.tenant, e.conversation_id) for e in events if e.status == "resolved" and e.actor_kind == "bot"}
    assert handed_over | kept <= with_bot
    assert len(handed_over) > 0.3 * len(with_bot)
    assert len(kept) > 0.2 * len(with_bot)


def test_some_customers_are_never_answered() -> None:
    events = [a.event for a in Simulation(CONFIG).history(START, START + 5 * DAY_MS)]
    begun_early = {(e.tenant, e.conversation_id) for e in events if e.occurred_at < START + 2 * DAY_MS}
    touched = {(e.tenant, e.conversation_id) for e in events if e.actor_kind in ("human", "bot") or e.status}
    assert 0.005 < len(begun_early - touched) / len(begun_early) < 0.1


@pytest.mark.parametrize(
    "config", [SimulationConfig(conversations_per_day=0), SimulationConfig(tenants=())], ids=["nothing", "nobody"]
)
def test_a_simulation_without_conversations_is_refused(config: SimulationConfig) -> None:
    with pytest.raises(SupportpulseError, match="never ends"):
        Simulation(config)


def test_hours_without_customers_are_silent() -> None:
    team = Team("desk", True, 1, ((9, 17),))
    noon = tuple(float(hour == 12) for hour in range(24))
    tenant = TenantProfile("t", "UTC", 1, (("email", 1),), (team,), ("en",), 0.0, hours=noon)
    simulation = Simulation(SimulationConfig(tenants=(tenant,), conversations_per_day=50, late_share=0))
    begun = {a.event.conversation_id: a.event for a in reversed(list(simulation.history(START, WEEK)))}
    assert {times.to_datetime(event.occurred_at).hour for event in begun.values()} == {12}


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self, now_ms: int) -> None:
        self.at_ms: float = now_ms
        self.slept_seconds: list[float] = []

    def now_ms(self) -> int:
        return int(self.at_ms)

    def sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        self.at_ms += seconds * 1000


def test_live_comes_when_it_is_due_after_what_is_already_past(week: list[Arrival]) -> None:
    now_ms = START + 20 * HOUR_MS
    clock = Clock(now_ms)
    past = sum(arrival.arrives_at_ms <= now_ms for arrival in week)
    arrivals = Simulation(CONFIG).live(START, now_ms=clock.now_ms, sleep=clock.sleep)
    for arrival in islice(arrivals, past):
        assert arrival.event.historical
        assert clock.slept_seconds == []
    for arrival, expected in zip(islice(arrivals, 500), week[past:], strict=False):
        assert identity(arrival) == identity(expected)
        assert not arrival.event.historical
        assert abs(clock.at_ms - arrival.arrives_at_ms) < 3


def test_live_does_not_sleep_while_it_is_behind() -> None:
    clock = Clock(START)
    arrivals = Simulation(CONFIG).live(START, now_ms=clock.now_ms, sleep=clock.sleep)
    next(arrivals)
    clock.at_ms += HOUR_MS
    slept = len(clock.slept_seconds)
    behind = [next(arrivals) for _ in range(10)]
    assert all(arrival.arrives_at_ms < clock.at_ms for arrival in behind)
    assert len(clock.slept_seconds) == slept
