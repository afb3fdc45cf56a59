"""What LINE's webhooks say."""

from __future__ import annotations

import dataclasses
import json

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Source, Unverified
from connectors.channels.line import Line
from schemas.errors import Refused
from schemas.records import InteractionEvent
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, told
from tests.connectors.channels.shared_payloads import documents, outcome
from tests.connectors.channels.vendors.line import BEGAN_MS, CASE, CUSTOMER, batch, wrote


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert told(CASE, named(CASE, "asked")).events == [
        InteractionEvent(
            event_id="01H00001:message:text:4001:U1001",
            tenant="acme",
            source="line-main",
            channel="line",
            type="message",
            occurred_at=BEGAN_MS + 1000,
            ingested_at=RECEIVED_MS,
            conversation_id=CUSTOMER,
            customer_id=CUSTOMER,
            actor_kind="customer",
            actor_id=CUSTOMER,
            attributes={"content": "text", "text_length": "6", "chat": "user"},
        )
    ]


def test_groups_and_rooms_are_conversations_of_their_own() -> None:
    group, room = (told(CASE, named(CASE, name)).events[0] for name in ("in-a-group", "in-a-room"))
    assert (group.conversation_id, group.customer_id) == ("C2001", CUSTOMER)
    assert (room.conversation_id, room.customer_id) == ("R1", None)


def test_a_redelivery_is_the_same_event() -> None:
    again = wrote(1, deliveryContext={"isRedelivery": True}, replyToken="another", mode="standby")
    assert told(CASE, Sample("again", batch(again))).events == told(CASE, named(CASE, "asked")).events


def test_older_events_without_an_id_of_their_own_are_told_apart() -> None:
    first, second = ({key: value for key, value in wrote(n).items() if key != "webhookEventId"} for n in (1, 2))
    found = told(CASE, Sample("old", batch(first, second))).events
    assert [each.event_id for each in found] == ["message:text:4001:U1001", "message:text:4002:U1001"]


def test_questions_alone_wait() -> None:
    replay = Replay()
    for sample in CASE.samples:
        for event in told(CASE, sample).events:
            replay.add(event)
    assert (replay.conversations, replay.duplicates, replay.facts(PolicyBook())) == (3, 0, [])


def test_another_account_and_other_bodies_are_refused() -> None:
    for body in (b'{"destination": "Uother", "events": []}', b'{"destination": "Ubot"}', b"[]"):
        with pytest.raises(Refused):
            CASE.connector.parse(Delivery("POST", "u", {}, body, RECEIVED_MS), CASE.source())


def test_the_signature_covers_the_body() -> None:
    signed = CASE.sign(named(CASE, "asked"), SECRET)
    source = Source("s", "acme", AccountOptions(), (b"other", SECRET))
    Line().verify(signed, source)
    with pytest.raises(Unverified):
        Line().verify(Delivery("POST", "u", signed.headers, signed.body + b" ", 0), source)


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    case = dataclasses.replace(CASE, options=AccountOptions(account="U123"))
    for name, document in documents("line", lambda found: "events" in found):
        for piece in document["events"]:
            body = json.dumps({"destination": "U123", "events": [piece]}).encode()
            came_to = outcome(case, body)
            if piece["type"] in ("message", "postback"):
                assert came_to == "customer message", name
            elif piece["type"] == "undefined":
                assert came_to == "PARKED unknown event of the type 'undefined'"
            else:
                assert came_to.startswith("("), name
