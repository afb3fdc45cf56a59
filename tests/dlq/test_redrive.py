"""A redrive sends what was selected back to where it came from, each letter once, whatever interrupts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path

import pytest

from connectors.producer import MAX_RECORD_BYTES
from schemas import wire
from schemas.records import DeadLetter
from schemas.registry import MARKER
from schemas.topics import Topics
from supportpulse import topic_reading
from supportpulse import topics as topic_maker
from supportpulse.dlq.letters import Selection
from supportpulse.dlq.redrive import Desk, redrive
from supportpulse.topic_reading import Lying
from tests.dlq.child import STEPS
from tests.dlq.harness import NOW_MS, letter, lying, park
from tests.servers.plugin import Broker
from tests.streams.worker.harness import Surroundings, some_events

EVERYTHING = Selection()


def now() -> int:
    return NOW_MS


@pytest.fixture
def desk(broker: Broker, unique: Callable[[str], str]) -> Desk:
    return made_desk(broker, unique)


def made_desk(broker: Broker, unique: Callable[[str], str]) -> Desk:
    made = Desk(broker.address, Topics(unique("d") + "-"))
    topic_maker.ensure(broker.address, made.topics, partitions=2)
    return made


def test_letters_go_back_with_their_key_and_bytes_and_are_not_sent_again(broker: Broker, desk: Desk) -> None:
    there = desk.topics.interactions
    parked = [letter(n, there) for n in range(5)]
    park(broker, desk, parked)
    report = redrive(desk, EVERYTHING, now)
    assert len(report.sent) == 5
    assert lying(desk, there) == {(each.key, each.original): 1 for each in parked}

    again = redrive(desk, EVERYTHING, now)
    assert (again.sent, again.before) == ({}, report.sent)
    assert lying(desk, there).total() == 5
    assert {each.id: each.redriven_to for each in desk.letters()} == report.sent


def test_only_what_was_selected_is_sent_and_a_dry_run_sends_nothing(broker: Broker, desk: Desk) -> None:
    there = desk.topics.interactions
    park(broker, desk, [letter(0, there), letter(1, there, reason="malformed"), letter(2, desk.topics.facts)])
    assert redrive(desk, EVERYTHING, now, dry_run=True).sent == {
        "0/0": there,
        "0/1": there,
        "0/2": desk.topics.facts,
    }
    assert desk.ledger() == {}
    assert set(redrive(desk, Selection(reason="malformed"), now).sent) == {"0/1"}
    assert set(redrive(desk, Selection(origin=f"{desk.topics.facts}/"), now).sent) == {"0/2"}
    assert lying(desk, desk.topics.facts) == {(b"acme/2", b"bytes of 2"): 1}
    assert set(redrive(desk, Selection(ids=frozenset({"0/1", "0/0"})), now).sent) == {"0/0"}
    assert lying(desk, there).total() == 2


def test_what_has_nowhere_to_go_is_refused_and_the_rest_is_sent(broker: Broker, desk: Desk) -> None:
    there = desk.topics.interactions
    huge = letter(3, there, original=bytes(MAX_RECORD_BYTES + 1))
    odd: list[DeadLetter | bytes] = [b"no letter", letter(0, origin="gateway/chatwoot/emea"), letter(1, "elsewhere")]
    park(broker, desk, [*odd, huge, letter(2, there)])
    report = redrive(desk, EVERYTHING, now)
    assert set(report.sent) == {"0/4"}
    assert [sorted(report.refused)[n] for n in range(4)] == ["0/0", "0/1", "0/2", "0/3"]
    says = [report.refused[f"0/{n}"] for n in range(4)]
    for words, text in zip(("no dead letter", "gateway", "no topic", "fit"), says, strict=True):
        assert words in text


def test_a_record_that_was_parked_twice_is_one_letter(broker: Broker, desk: Desk) -> None:
    there = desk.topics.interactions
    park(broker, desk, [letter(0, there), letter(0, there, parked_at=NOW_MS + 99), letter(0, there, original=b"other")])
    assert set(redrive(desk, EVERYTHING, now).sent) == {"0/0", "0/2"}
    assert lying(desk, there) == {(b"acme/0", b"bytes of 0"): 1, (b"acme/0", b"other"): 1}


@pytest.mark.kafka
def test_equal_letters_of_two_partitions_are_one_however_they_are_read(
    tansu: Broker, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = made_desk(tansu, unique)
    there = desk.topics.interactions
    park(tansu, desk, [letter(0, there)])
    park(tansu, desk, [letter(1, there), letter(0, there)], partition=1)
    read, backwards = topic_reading.read, cycle((False, True))

    def in_turns(kafka: str, topic: str, since: Mapping[int, int] | None = None) -> Iterator[Lying]:
        found = sorted(read(kafka, topic, since))
        return iter(found[::-1] if topic == desk.topics.dead_letters and next(backwards) else found)

    monkeypatch.setattr(topic_reading, "read", in_turns)
    assert set(redrive(desk, EVERYTHING, now).sent) == {"0/0", "1/0"}
    assert lying(desk, there) == {(b"acme/0", b"bytes of 0"): 1, (b"acme/1", b"bytes of 1"): 1}
    for _ in range(2):
        assert {each.id for each in desk.letters()} == {"0/0", "1/0"}


@pytest.mark.kafka
def test_a_letter_that_was_redriven_is_not_sent_again_when_it_is_parked_again(
    tansu: Broker, unique: Callable[[str], str]
) -> None:
    desk = made_desk(tansu, unique)
    there = desk.topics.interactions
    park(tansu, desk, [letter(0, there)], partition=1)
    assert set(redrive(desk, EVERYTHING, now).sent) == {"1/0"}
    park(tansu, desk, [letter(0, there)])
    again = redrive(desk, EVERYTHING, now)
    assert (again.sent, set(again.before)) == ({}, {"1/0"})
    assert lying(desk, there).total() == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.kafka
def test_killed_at_any_step_and_run_again_each_letter_is_there_once(
    tansu: Broker, unique: Callable[[str], str], step: str
) -> None:
    desk = made_desk(tansu, unique)
    there = desk.topics.interactions
    parked = [letter(n, there) for n in range(8)]
    park(tansu, desk, parked)
    child = [sys.executable, "-m", "tests.dlq.child", desk.kafka, desk.topics.prefix, step]
    assert subprocess.run(child, check=False, timeout=60).returncode == -signal.SIGKILL
    sent_before = lying(desk, there).total()
    assert sent_before == {"first_sent": 1, "half_sent": 5, "all_sent": 8, "half_settled": 8}.get(step, 0)

    report = redrive(desk, EVERYTHING, now)
    assert lying(desk, there) == {(each.key, each.original): 1 for each in parked}
    assert len(report.sent) + len(report.finished) + len(report.before) == 8
    assert len(report.sent) == 8 - sent_before
    assert all(each.redriven_to for each in desk.letters())


def test_a_crash_is_seen_in_the_list(broker: Broker, desk: Desk) -> None:
    park(broker, desk, [letter(0, desk.topics.interactions)])
    child = [sys.executable, "-m", "tests.dlq.child", desk.kafka, desk.topics.prefix, "noted"]
    subprocess.run(child, check=False, timeout=60)
    (found,) = desk.letters()
    assert found.interrupted
    assert found.redriven_to is None


async def test_what_is_refused_again_is_a_letter_again_that_knows_where_it_came_from(
    broker: Broker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    around = Surroundings(broker, Topics(unique("d") + "-"), tmp_path)
    around.make()
    desk = Desk(broker.address, around.topics)
    event = some_events(1)[0]
    future = MARKER + bytes(range(8)) + wire.encode_event(event)[10:]
    around.publish_raw([(b"acme/c", future)], partition=1)
    await around.drain()
    (first,) = desk.letters()
    assert first.origin == f"{around.topics.interactions}/1/0"

    place = redrive(desk, EVERYTHING, now).sent[first.id]
    partition, offset = map(int, place.split("/")[1:])
    around.ends[partition] = offset
    await around.drain()
    found = {each.origin: each for each in desk.letters()}
    assert found[first.origin].redriven_to == place
    assert found[place].earlier == ((first.id, first.origin),)
    assert found[place].redriven_to is None
    assert [each.id for each in desk.letters() if Selection(origin=first.origin).wants(each)] == [
        first.id,
        found[place].id,
    ]
