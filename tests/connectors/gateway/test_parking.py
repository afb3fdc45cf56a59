"""What is parked can be read again, and holds nothing that proves who sent it."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from connectors.channels.base import Delivery, Parked, Parsed, Source, in_its_name, receive
from connectors.channels.github import GitHub
from connectors.gateway import parking
from connectors.gateway.intake import Intake, Taken
from connectors.gateway.parking import read_again
from connectors.gateway.sources import Entry
from schemas import wire
from schemas.errors import InvalidEvent, UnknownPayload
from schemas.records import DeadLetter, InteractionEvent
from schemas.topics import Topics
from tests.connectors.channels.case import SECRET, VendorCase, cases

ALL = cases()
_TOPICS = Topics()


def taken(case: VendorCase, number: int) -> Taken:
    sample = case.samples[number]
    found = Intake(_TOPICS).delivery(Entry(case.connector, case.source()), case.sign(sample, SECRET))
    assert isinstance(found, Taken)
    return found


def letters(found: Taken) -> list[DeadLetter]:
    return [wire.decode_dead_letter(record.value) for record in found.records if record.topic == _TOPICS.dead_letters]


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.connector.vendor)
def test_a_letter_says_again_what_the_delivery_said(case: VendorCase) -> None:
    for number, sample in enumerate(case.samples):
        if sample.parked:
            (letter,) = letters(taken(case, number))
            expected = receive(case.connector, case.sign(sample, SECRET), case.source())
            assert isinstance(expected, Parsed)
            expected.events = [in_its_name(event, case.source()) for event in expected.events]
            assert read_again(letter, case.connector, case.source()) == expected
            assert letter.origin == f"gateway/{case.connector.vendor}/{case.source().name}"
            assert letter.reason == UnknownPayload.reason
            assert SECRET not in (letter.key or b"")
            assert b"signature" not in (letter.key or b"").lower()


def test_some_sample_is_parked() -> None:
    assert any(sample.parked for case in ALL for sample in case.samples)


class Failing(GitHub):
    """Has a bug."""

    def parse(self, delivery: Delivery, source: Source[Any]) -> Parsed:
        raise KeyError("nobody thought of it")


class Breaking(GitHub):
    """Makes an event that breaks the contract, beside a good one."""

    def parse(self, delivery: Delivery, source: Source[Any]) -> Parsed:
        parsed = super().parse(delivery, source)
        good = parsed.events[0]
        bad: InteractionEvent = msgspec.structs.replace(good, event_id="")
        return dataclasses.replace(parsed, events=[good, bad])


def through(connector: GitHub) -> Taken:
    case = next(case for case in ALL if case.connector.vendor == "github")
    delivery = case.sign(case.samples[0], SECRET)
    found = Intake(_TOPICS).delivery(Entry(connector, case.source()), delivery)
    assert isinstance(found, Taken)
    return found


def test_a_connector_s_bug_loses_no_delivery() -> None:
    found = through(Failing())
    (letter,) = letters(found)
    assert found.types == []
    assert "KeyError" in letter.detail
    assert "nobody" not in letter.detail
    case = next(case for case in ALL if case.connector.vendor == "github")
    assert letter.original == case.samples[0].body
    assert len(read_again(letter, GitHub(), case.source()).events) == 1


def test_an_event_that_breaks_the_contract_is_parked_and_the_others_go_on() -> None:
    found = through(Breaking())
    (letter,) = letters(found)
    assert len(found.types) == 1
    assert letter.reason == InvalidEvent.reason
    assert "event_id" in letter.detail


def test_what_was_too_large_to_keep_is_not_read_as_if_it_were_whole() -> None:
    body = json_of_github() + b" " * 1_500_000
    delivery = Delivery("POST", "", {"x-github-event": "issues"}, body, 1)
    cut = parking.letter("gateway/github/a", delivery, [Parked("unknown", json_of_github())])
    assert cut.original == json_of_github()
    with pytest.raises(UnknownPayload, match="too large"):
        read_again(cut, GitHub(), Source("a", "t", GitHub.Options()))


def json_of_github() -> bytes:
    return next(case for case in ALL if case.connector.vendor == "github").samples[0].body


def test_a_letter_that_is_none_of_the_gateway_s() -> None:
    letter = DeadLetter(reason="malformed", detail="", origin="interactions/0/1", parked_at=0, key=b"a/b", original=b"")
    with pytest.raises(UnknownPayload):
        read_again(letter, GitHub(), Source("a", "t", GitHub.Options()))
