"""What Slack's events say."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from connectors.channels.base import Parsed, Reply, Source, Unverified, receive
from connectors.channels.slack import Slack, SlackOptions
from schemas.errors import Refused
from schemas.records import InteractionEvent
from tests.connectors.channels.case import OTHER_SECRET, RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import documents, outcome
from tests.connectors.channels.vendors.slack import (
    ASKER,
    BEGAN_S,
    BOT_USER,
    CASE,
    COMMAND,
    HELPER,
    STORY,
    callback,
    sign,
    ts,
    wrote,
)


def one(body: bytes, **options: Any) -> InteractionEvent:
    """The one event of a delivery, for a source with these options."""
    source = Source("slack-main", "acme", SlackOptions(**options), (SECRET,))
    parsed = receive(CASE.connector, sign(Sample("one", body), SECRET), source)
    assert isinstance(parsed, Parsed)
    (event,) = parsed.events
    return event


def test_a_story_gives_its_response_times() -> None:
    found = steadfast(CASE, STORY)
    thread = values([fact for fact in found if fact.conversation_id == f"C1:{ts(0)}"])
    assert thread["first_response_any"] == 2_000
    # The bot has answered the first turn; the second waits from its question.
    assert thread["first_response"] == 180_500
    assert thread["resolution"] == 300_000
    assert values([fact for fact in found if fact.conversation_id == "D1"]) == {"first_response_any": 1_000}


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert one(callback(wrote(0.0042))) == InteractionEvent(
        event_id=f"C1:{ts(0.0042)}",
        tenant="acme",
        source="slack-main",
        channel="community",
        type="message",
        occurred_at=BEGAN_S * 1000 + 4,
        ingested_at=RECEIVED_MS,
        conversation_id=f"C1:{ts(0.0042)}",
        customer_id=ASKER,
        actor_kind="customer",
        actor_id=ASKER,
        sequence=4200,
        attributes={"text_length": "11"},
    )


def test_a_mention_and_its_message_are_one_event() -> None:
    assert told(CASE, named(CASE, "mentioned")).events == told(CASE, named(CASE, "asked")).events


SHARED_CHANNEL = {"is_ext_shared_channel": True}


@pytest.mark.parametrize(
    ("event", "body", "options", "kind", "automated"),
    [
        (wrote(0), {}, {}, "customer", False),
        (wrote(9, ASKER, 0), {}, {}, "customer", False),
        (wrote(9, HELPER, 0), {}, {}, "human", False),
        (wrote(9, HELPER), {}, {"agents": frozenset({HELPER})}, "human", False),
        (wrote(9, "U5", 0), {}, {"agents": frozenset({HELPER})}, "customer", False),
        (wrote(9, BOT_USER, 0, bot_id="B1"), {}, {}, "bot", False),
        (wrote(9, BOT_USER, bot_id="B1"), {}, {}, "bot", True),
        (wrote(9, HELPER, 0, bot_id="B1"), {}, {"agents": frozenset({HELPER})}, "human", False),
        (wrote(9, "USLACKBOT", 0), {}, {}, "bot", True),
        (wrote(9, HELPER, 0, bot_id=""), {}, {}, "human", False),
        (wrote(9, "U7", 0, user_team="T7"), SHARED_CHANNEL, {}, "customer", False),
        (wrote(9, HELPER, user_team="T1"), SHARED_CHANNEL, {}, "human", False),
        (wrote(9, HELPER, 0, channel="D1", channel_type="im"), {}, {}, "customer", False),
    ],
)
def test_who_writes(
    event: dict[str, Any], body: dict[str, Any], options: dict[str, Any], kind: str, automated: bool
) -> None:
    found = one(callback(event, **body), **options)
    assert (found.actor_kind, found.automated) == (kind, automated)


def test_the_challenge_is_answered_when_it_is_signed() -> None:
    body = b'{"token": "t", "challenge": "3eZbrw1a", "type": "url_verification"}'
    signed = sign(Sample("challenge", body), SECRET)
    assert receive(CASE.connector, signed, CASE.source()) == Reply(b"3eZbrw1a")
    with pytest.raises(Unverified):
        receive(CASE.connector, sign(Sample("challenge", body), OTHER_SECRET), CASE.source())


def test_an_old_signature_is_a_replay() -> None:
    signed = sign(STORY[0], SECRET)
    Slack().verify(dataclasses.replace(signed, received_at=RECEIVED_MS + 299_000), CASE_SOURCE)
    for late in (301_000, -301_000):
        with pytest.raises(Unverified):
            Slack().verify(dataclasses.replace(signed, received_at=RECEIVED_MS + late), CASE_SOURCE)
    headers = {**signed.headers, "x-slack-request-timestamp": "soon"}
    with pytest.raises(Unverified):
        Slack().verify(dataclasses.replace(signed, headers=headers), CASE_SOURCE)


CASE_SOURCE = Source("s", "acme", SlackOptions(), (b"another", SECRET))


def test_commands_and_interactions_say_nothing() -> None:
    assert told(CASE, Sample("command", COMMAND)).ignored == ["command"]
    assert told(CASE, Sample("pressed", b"payload=%7B%7D")).ignored == ["interaction"]
    with pytest.raises(Refused):
        told(CASE, Sample("other", b"a=b"))


def test_another_workspace_is_refused() -> None:
    shared = callback(wrote(0), team_id="T7")
    assert len(told(CASE, Sample("shared-channel", shared)).events) == 1
    with pytest.raises(Refused):
        told(CASE, Sample("other", callback(wrote(0), authorizations=[{"team_id": "T7"}])))


KNOWN = {
    "bolt_message_01": "customer message",
    "bolt_message_bot_01": "customer message",
    "bolt_message_bot_03": "bot message automated",
    "bolt_message_changed_01": "(message_edited)",
    "bolt_message_file_share_01": "customer message",
    "bolt_message_thread_broadcast_01": "customer message",
    "bolt_events_01": "customer message",
    "bolt_events_02": "(reaction)",
    "official_url_challenge": "refused: the body is no event_callback, so it is no event of Slack's",
    "MessageDeletedPayload": "(message_deleted)",
    "AppRateLimitedPayload": "(app)",
    # Blanked samples have no channel or no time.
    "MessagePayload": "PARKED event.channel is missing or no id",
    "MessageBotPayload": "PARKED event.ts is missing or no id",
    "MessageMePayload": "PARKED event.channel is missing or no id",
    "MessageThreadBroadcastPayload": "PARKED event.channel is missing or no id",
    "AppMentionPayload": "PARKED event.ts is missing or no id",
}


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    case = dataclasses.replace(CASE, options=SlackOptions())
    for name, document in documents("slack", lambda found: "token" in found):
        came_to = outcome(case, json.dumps(document).encode())
        assert came_to == KNOWN.get(name, came_to), name
        assert name in KNOWN or came_to.startswith("(") or came_to == "customer message", name
