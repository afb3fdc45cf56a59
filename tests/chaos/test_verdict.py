"""The verdict sees what is wrong: with the protections on nothing is, with one of them off something is."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest

from chaos.verdict import FIELDS, AlertName, Verdict, judge
from schemas import wire
from schemas.records import SlaAlert
from streams.windows.batch import windows_at
from streams.windows.shape import PANE_MS
from supportpulse.topic_reading import Lying
from tests.chaos.pipeline import AS_OF_MS, RIGHT, Miniature, Step
from tests.streams.strategies import BOOK
from tests.streams.worker.harness import TOLD, expected, some_events

EVENTS = some_events(6, seed=4)


def verdict(done: Miniature) -> Verdict:
    return judge(done.accepted, done.log, done.facts, done.landed(), BOOK, AS_OF_MS, sent_alerts=done.alerts)


def worst(order: tuple[Step, ...]) -> Verdict:
    """The worst of many runs, each crashed at other steps."""
    rng = random.Random(5)
    found = []
    for _ in range(60):
        done = Miniature(EVENTS, order)
        done.run([rng.randrange(40) for _ in range(6)])
        found.append(verdict(done))
    return max(found, key=lambda each: each.differences + each.missing + each.doubled)


def test_crashed_anywhere_nothing_is_wrong() -> None:
    found = worst(RIGHT)
    assert found.right, found.examples
    assert found.facts > 20


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(("offsets", "outputs", "state"), id="offsets before outputs"),
        pytest.param(("state", "outputs", "offsets"), id="state before outputs"),
        pytest.param(("outputs", "offsets", "state"), id="offsets before state"),
    ],
)
def test_with_a_protection_off_something_is_wrong(order: tuple[Step, ...]) -> None:
    found = worst(order)
    assert not found.right
    assert found.differences > 0
    assert found.examples


def finished() -> Miniature:
    done = Miniature(EVENTS)
    done.run([])
    assert verdict(done).right
    return done


def test_an_event_that_did_not_land_is_missing_and_one_that_landed_twice_is_doubled() -> None:
    done = finished()
    landed = done.landed()
    short = replace(landed, events=landed.events[1:])
    assert judge(done.accepted, done.log, done.facts, short, BOOK, AS_OF_MS).missing == 1
    twice = replace(landed, events=[*landed.events, landed.events[0]])
    assert judge(done.accepted, done.log, done.facts, twice, BOOK, AS_OF_MS).doubled == 1


def test_an_accepted_event_that_kafka_lost_is_missing() -> None:
    done = finished()
    accepted = done.accepted | {("acme", "c", "desk", "nowhere")}
    assert judge(accepted, done.log, done.facts, done.landed(), BOOK, AS_OF_MS).missing == 1


def test_poison_is_one_letter() -> None:
    done = finished()
    log = [*done.log, Lying(2, 7, 0, b"", b"poison", ())]
    landed = done.landed()
    for letters, missing, doubled in ((0, 1, 0), (1, 0, 0), (2, 0, 1)):
        with_letters = replace(landed, dead_letters=["interactions/2/7"] * letters)
        found = judge(done.accepted, log, done.facts, with_letters, BOOK, AS_OF_MS)
        assert (found.missing, found.doubled, found.dead_letters) == (missing, doubled, 1)


def test_a_fact_that_is_off_by_a_millisecond_differs() -> None:
    done = finished()
    landed = done.landed()
    column = FIELDS.index("started_at")
    row = landed.facts[0]
    wrong = (*row[:column], (row[column] or 0) + 1, *row[column + 1 :])
    facts = [wrong, *landed.facts[1:]]
    assert judge(done.accepted, done.log, done.facts, replace(landed, facts=facts), BOOK, AS_OF_MS).differences == 1


def test_a_version_that_says_two_things_is_doubled() -> None:
    done = finished()
    first = wire.decode_fact(done.facts[0].value)
    other = wire.encode_fact(msgspec.structs.replace(first, team="another"))
    versions = [*done.facts, done.facts[0]._replace(value=other)]
    assert judge(done.accepted, done.log, versions, done.landed(), BOOK, AS_OF_MS).doubled == 1
    repeated = [*done.facts, done.facts[0]]
    assert judge(done.accepted, done.log, repeated, done.landed(), BOOK, AS_OF_MS).right


def test_a_window_that_counts_a_fact_twice_differs() -> None:
    done = Miniature(TOLD)
    done.run([])
    facts = list(expected(TOLD, AS_OF_MS).values())
    end_ms = -(-max(fact.ended_at or 0 for fact in facts) // PANE_MS) * PANE_MS
    windows = windows_at(facts, end_ms)
    right = replace(done.landed(), windows=windows)
    assert judge(done.accepted, done.log, done.facts, right, BOOK, AS_OF_MS).right
    off = [msgspec.structs.replace(windows[0], count=windows[0].count + 1), *windows[1:]]
    assert judge(done.accepted, done.log, done.facts, replace(right, windows=off), BOOK, AS_OF_MS).differences == 1


def test_a_breach_that_nobody_heard_of_is_missing_and_one_that_is_none_differs() -> None:
    done = finished()
    right = done.landed()
    # Those that stand: nobody has to be told of one that was taken back.
    taken_back = {(alert[1], alert[4]) for alert in right.alerts if alert[2] == "retracted"}
    breaches = [each for each in right.alerts if each[2] == "breach" and (each[1], each[4]) not in taken_back]
    assert breaches

    def said(*alerts: AlertName) -> tuple[int, int, int]:
        found = judge(done.accepted, done.log, done.facts, replace(right, alerts=alerts), BOOK, AS_OF_MS)
        return found.differences, found.missing, found.doubled

    assert said(*right.alerts) == (0, 0, 0)
    assert said(*(alert for alert in right.alerts if alert != breaches[0])) == (0, 1, 0)
    assert said(*right.alerts, breaches[0]) == (0, 0, 1)
    wrong = ("acme", "c/1/1/sla_first_response", "breach", None, 5)
    assert said(*right.alerts, wrong) == (1, 0, 0)
    assert said(*right.alerts, wrong, (*wrong[:2], "retracted", None, 5)) == (0, 0, 0)
    assert said(*right.alerts, (*wrong[:2], "warning", 0.5, 5)) == (0, 0, 0)


def test_an_alert_that_was_sent_twice_has_to_say_the_same() -> None:
    done = finished()
    alert = SlaAlert(
        tenant="acme",
        fact_id="c/1/1/sla_first_response",
        level="breach",
        deadline=5,
        raised_at=6,
        metric="sla_first_response",
        conversation_id="c",
        channel="email",
        policy="p",
    )
    for again, doubled in ((alert, 0), (msgspec.structs.replace(alert, raised_at=7), 1)):
        sent = [Lying(0, n, 0, b"", wire.encode_alert(each), ()) for n, each in enumerate((alert, again))]
        landed = done.landed()
        found = judge(done.accepted, done.log, done.facts, landed, BOOK, AS_OF_MS, sent_alerts=sent)
        assert found.doubled == doubled
