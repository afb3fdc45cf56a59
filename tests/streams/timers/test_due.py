"""What falls due when, to the millisecond: calendars, pauses, grace, changes of policy; what is held; what is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest

from schemas.records import InteractionEvent, SlaAlert
from schemas.times import EpochMs, parse, render
from streams.sla import policy_file
from tests.streams.partition.harness import Partition, record, records, tick
from tests.streams.stories import MIDNIGHT, clock, story

PLAIN = """
policies:
  - name: plain
    targets: {first_response: 5m, next_response: 10m, resolution: 1h}
    warn_at: [0.5, 0.9]
    alert_grace: 30s
"""
HOUR_MS = 3_600_000


def told(alerts: Iterable[SlaAlert], metric: str = "") -> list[str]:
    """`first_response warning 0.5 09:02:30 → 09:05:00`, in the order in which they were raised."""
    lines = []
    for alert in alerts:
        name = alert.metric.removeprefix("sla_")
        if metric in ("", name):
            share = "" if alert.share is None else f" {alert.share:g}"
            lines.append(f"{name} {alert.level}{share} {_time(alert.raised_at)} → {_time(alert.deadline)}")
    return lines


def _time(at_ms: EpochMs) -> str:
    return render(at_ms)[11:23].removesuffix(".000")


def partition_of(policies: str, events: Sequence[InteractionEvent]) -> Partition:
    partition = Partition(policy_file.parse(policies))
    partition.feed(records(events))
    return partition


def every_instant(partition: Partition, from_ms: EpochMs, to_ms: EpochMs) -> dict[EpochMs, list[str]]:
    """Tick only when the queue says that something is due, as a worker does: by the instant of the tick."""
    found: dict[EpochMs, list[str]] = {}
    offset, now_ms = partition.store.applied + 1, from_ms
    while (due_ms := partition.store.due.next_ms(now_ms)) is not None and due_ms < to_ms:
        if due_ms >= now_ms:
            now_ms = due_ms + 1
            continue
        outcome = partition.feed([tick(offset, now_ms)])
        offset += 1
        found.setdefault(now_ms, []).extend(told([raised.alert for raised in outcome.alerts]))
    return {at_ms: lines for at_ms, lines in found.items() if lines}


def test_a_silent_conversation_raises_each_step_one_millisecond_behind_its_instant() -> None:
    partition = partition_of(PLAIN, story("09:00 customer message"))
    assert every_instant(partition, clock("09:00"), clock("12:00")) == {
        clock("09:02:30") + 1: ["first_response warning 0.5 09:02:30 → 09:05:00"],
        clock("09:04:30") + 1: ["first_response warning 0.9 09:04:30 → 09:05:00"],
        clock("09:05:30") + 1: ["first_response breach 09:05:30 → 09:05:00"],
        clock("09:30") + 1: ["resolution warning 0.5 09:30:00 → 10:00:00"],
        clock("09:54") + 1: ["resolution warning 0.9 09:54:00 → 10:00:00"],
        clock("10:00:30") + 1: ["resolution breach 10:00:30 → 10:00:00"],
    }


def test_the_fact_is_breached_at_the_deadline_and_does_not_know_the_grace() -> None:
    partition = partition_of(PLAIN, story("09:00 customer message"))
    assert partition.feed([tick(1, clock("09:05"))]).facts == [], "at the deadline itself a reply would be in time"
    outcome = partition.feed([tick(2, clock("09:05") + 1)])
    (fact,) = outcome.facts
    assert (fact.metric, fact.outcome, fact.ended_at, fact.deadline) == (
        "sla_first_response",
        "breached",
        None,
        clock("09:05"),
    )
    assert outcome.alerts == []


@pytest.mark.parametrize(
    ("reply", "lines"),
    [
        ("09:05", []),
        # Late all the same, and nobody has to wait for the grace to know.
        ("09:05:20", ["first_response breach 09:05:20 → 09:05:00"]),
        ("09:06", ["first_response breach 09:05:30 → 09:05:00"]),
    ],
)
def test_grace_is_for_replies_in_flight(reply: str, lines: list[str]) -> None:
    events = story(f"09:00 customer message\n{reply} ana message")
    partition = partition_of(PLAIN, events)
    breaches = [raised for raised in partition.alerts if raised.level == "breach"]
    assert told(breaches, "first_response") == lines


def test_a_reply_that_was_in_flight_takes_the_breach_back() -> None:
    question, reply = story(
        """
        09:00 customer message team=vip
        09:04:50 ana message
        """
    )
    partition = partition_of(PLAIN, [question])
    partition.feed([tick(1, clock("09:06"))])
    seen = record(2, reply)._replace(timestamp=clock("09:07"))  # type: ignore[attr-defined]
    outcome = partition.feed([seen])
    assert told([raised.alert for raised in outcome.alerts]) == ["first_response retracted 09:07:00 → 09:05:00"]
    (retracted,) = [raised.alert for raised in outcome.alerts]
    assert (retracted.team, retracted.channel, retracted.policy) == ("vip", "live_chat", "plain")
    assert [fact.outcome for fact in outcome.facts if fact.metric == "sla_first_response"] == ["met"]


@pytest.mark.parametrize("news", ["09:04 system deleted", "09:04 system spam", "09:04 customer merged"])
def test_a_conversation_that_turns_out_to_be_none_takes_its_breaches_back(news: str) -> None:
    question, late = story(f"09:00 customer message\n{news}")
    partition = partition_of(PLAIN, [question])
    partition.feed([tick(1, clock("11:00"))])
    partition.feed([record(2, late)])
    levels = [(alert.metric, alert.level) for alert in partition.alerts if alert.level in ("breach", "retracted")]
    clocks = ["sla_first_response", "sla_resolution"]
    assert sorted(levels) == sorted([(name, level) for name in clocks for level in ("breach", "retracted")])


def test_a_breach_that_was_raised_before_its_fact_was_judged_is_taken_back_too() -> None:
    first, second, reply = story(
        """
        09:00 customer message
        09:20 customer message
        09:03 ana message
        """
    )
    partition = partition_of(PLAIN, [first, second])
    assert told(partition.alerts, "first_response")[-1] == "first_response breach 09:05:30 → 09:05:00"
    partition.feed([record(2, reply)])
    assert [alert.level for alert in partition.alerts if alert.level == "retracted"] == ["retracted"]


# --- clocks that move -------------------------------------------------------------------------------------------------


def test_a_pause_moves_what_is_left_and_raises_no_share_twice() -> None:
    partition = partition_of(
        PLAIN,
        story(
            """
            09:00 customer started
            09:01 ana message
            09:40 ana pending
            10:10 ana open
            """
        ),
    )
    assert told(partition.alerts, "resolution") == ["resolution warning 0.5 09:30:00 → 10:00:00"]
    found = every_instant(partition, clock("10:10"), clock("12:00"))
    assert found == {
        clock("10:24") + 1: ["resolution warning 0.9 10:24:00 → 10:30:00"],
        clock("10:30:30") + 1: ["resolution breach 10:30:30 → 10:30:00"],
    }


def test_a_share_that_is_used_up_as_a_pause_begins_is_raised_when_it_ends() -> None:
    events = """
    09:00 customer message
    09:30 ana pending
    10:00 ana open
    """
    partition = partition_of(PLAIN, story(events))
    raised = every_instant(partition, clock("09:00"), clock("10:05"))
    assert raised[clock("10:00") + 1] == ["resolution warning 0.5 10:00:00 → 10:30:00"]


def test_while_it_is_paused_nothing_is_due() -> None:
    partition = partition_of(PLAIN, story("09:00 customer started\n09:01 ana message\n09:10 ana on_hold"))
    assert every_instant(partition, clock("09:10"), clock("23:00")) == {}


BERLIN = """
calendars:
  office: {timezone: Europe/Berlin, hours: {sat: ["20:00-04:00"], mon: ["09:00-17:00"]}, holidays: ["2026-03-30"]}
policies:
  - {name: office, calendar: office, targets: {first_response: 6h}, warn_at: [0.5]}
"""


def test_across_the_change_of_the_clocks_and_a_holiday_to_the_millisecond() -> None:
    # Saturday 20:00 to 04:00 is seven hours long in the night to 29 March 2026; the Monday behind it is a holiday.
    (contact,) = story("09:00 customer message")
    saturday = parse("2026-03-28T21:30:00.007+01:00")
    partition = partition_of(BERLIN, [msgspec.structs.replace(contact, occurred_at=saturday)])
    # 5 h 29 min 59.993 s until 04:00 summer time; the rest a week later, because of the holiday.
    deadline = parse("2026-04-04T20:30:00.007+02:00")
    assert every_instant(partition, saturday, deadline + HOUR_MS) == {
        parse("2026-03-29T00:30:00.007+01:00") + 1: [f"first_response warning 0.5 23:30:00.007 → {_time(deadline)}"],
        deadline + 1: [f"first_response breach {_time(deadline)} → {_time(deadline)}"],
    }


def test_a_clock_keeps_the_calendar_in_force_when_it_opened() -> None:
    moved = BERLIN + "---\neffective_from: 2026-03-10T09:30:00Z\n" + PLAIN.strip()
    early, late = story("09:00 customer message\n09:30 customer message")
    late = msgspec.structs.replace(late, conversation_id="d")
    partition = partition_of(moved, [early, late])
    found = every_instant(partition, clock("09:30"), MIDNIGHT + 10 * 24 * HOUR_MS)
    lines = [line for found_then in found.values() for line in found_then if "first_response breach" in line]
    assert lines == ["first_response breach 09:35:30 → 09:35:00", "first_response breach 01:00:00 → 01:00:00"]


# --- held sources -----------------------------------------------------------------------------------------------------


def test_what_a_source_has_to_say_is_waited_for_while_it_is_silent() -> None:
    chat, pbx = story("09:00 customer message\n09:00 customer message from=pbx")
    partition = partition_of(PLAIN, [chat, msgspec.structs.replace(pbx, conversation_id="d")])
    partition.feed([tick(2, clock("09:10"), held=[("acme", "pbx")])])
    assert {alert.conversation_id for alert in partition.alerts} == {"c"}
    partition.feed([tick(3, clock("09:10"), held=[("", "pbx")])])
    assert {alert.conversation_id for alert in partition.alerts} == {"c"}, "of no tenant: whosever it is"
    partition.feed([tick(4, clock("09:11"), held=[("other", "pbx")])])
    assert {alert.conversation_id for alert in partition.alerts} == {"c", "d"}
    assert [alert.raised_at for alert in partition.alerts if alert.level == "breach"] == [clock("09:05:30")] * 2


def test_after_a_recovery_a_held_conversation_is_looked_at_all_the_same() -> None:
    partition = partition_of(PLAIN, story("09:00 customer message"))
    partition.feed([tick(1, clock("09:10"), held=[("acme", "chat")])])
    assert partition.alerts == []
    recovered = Partition(partition.store.book)
    recovered.store.heads.update(partition.store.heads)
    recovered.store.applied = partition.store.applied
    recovered.store.index_due()
    for one in (partition, recovered):
        one.feed([tick(2, clock("09:10"))])
        assert [alert.level for alert in one.alerts] == ["warning", "warning", "breach"]


TWO_SOURCES = """
    09:00 customer message
    09:01 system assigned=ana from=pbx
    09:20 system assigned=bo from=pbx
    09:40 bo message from=pbx
"""
RAISED = [
    "first_response warning 0.5 09:02:30 → 09:05:00",
    "first_response warning 0.9 09:04:30 → 09:05:00",
    "first_response breach 09:05:30 → 09:05:00",
]
CHAT_HELD = [("acme", "chat")]


def test_whoever_spoke_last_a_conversation_is_held_with_every_source_that_has_a_word_in_it() -> None:
    partition = partition_of(PLAIN, story(TWO_SOURCES)[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD)])
    assert partition.alerts == []
    assert partition.reader.holding() == {}, "its state is not known, and so it is not breached"
    partition.feed([tick(3, clock("09:10"), held=[("acme", "mail")])])
    assert told(partition.alerts) == RAISED


def test_what_another_source_says_meanwhile_raises_nothing_either() -> None:
    events = story(TWO_SOURCES)
    partition = partition_of(PLAIN, events[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD)])
    partition.feed([record(3, events[2]), tick(4, clock("09:21"), held=CHAT_HELD)])
    assert partition.alerts == []
    assert {f.metric for f in partition.reader.holding().values()} == {"transfer"}, "not known, so not breached"
    partition.feed([tick(5, clock("09:22"))])
    assert told(partition.alerts) == RAISED, "when it is heard again, as if it had never been away"


def test_a_reply_that_was_under_way_is_all_that_is_ever_said() -> None:
    events = story(TWO_SOURCES)
    partition = partition_of(PLAIN, events[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD), record(3, events[2])])
    partition.feed(records(story("09:03 ana message id=late"), first=4))
    partition.feed([tick(5, clock("09:30"))])
    assert partition.alerts == []
    assert [f.outcome for f in partition.reader.holding().values() if f.metric == "sla_first_response"] == ["met"]


def test_a_held_source_that_speaks_again_raises_what_was_due_before() -> None:
    partition = partition_of(PLAIN, story(TWO_SOURCES)[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD)])
    partition.feed(records(story("09:15 customer message id=again"), first=3))
    assert told(partition.alerts) == RAISED


def test_what_ends_late_meanwhile_is_a_breach_by_all_that_is_known() -> None:
    events = story(TWO_SOURCES)
    partition = partition_of(PLAIN, events[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD), *records(events[2:], first=3)])
    assert told(partition.alerts, "first_response") == ["first_response breach 09:40:00 → 09:05:00"]
    partition.feed(records(story("09:03 ana message id=late"), first=5))
    assert told(partition.alerts, "first_response")[1:] == ["first_response retracted 09:03:00 → 09:05:00"]


def test_that_it_is_held_outlives_the_worker() -> None:
    events = story(TWO_SOURCES)
    partition = partition_of(PLAIN, events[:2])
    partition.feed([tick(2, clock("09:10"), held=CHAT_HELD)])
    recovered = Partition(partition.store.book)
    recovered.store.heads.update(partition.store.heads)
    recovered.store.applied = partition.store.applied
    recovered.store.index_due()
    for one in (partition, recovered):
        one.feed([record(3, events[2])])
        assert one.alerts == []
        one.feed([tick(4, clock("09:22"))])
        assert told(one.alerts) == RAISED
    assert partition.store.heads == recovered.store.heads
