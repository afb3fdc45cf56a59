"""What Telegram's updates say."""

from __future__ import annotations

import json

import pytest

from connectors.channels.base import Delivery, Source, Unverified
from connectors.channels.telegram import Telegram, TelegramOptions
from schemas.records import InteractionEvent
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import documents, outcome
from tests.connectors.channels.vendors.telegram import AGENT, BEGAN_S, CASE, STORY, in_topic, message, update


def one(name: str) -> InteractionEvent:
    """The one event of a sample."""
    (event,) = told(CASE, named(CASE, name)).events
    return event


def test_a_story_gives_its_response_times() -> None:
    found = steadfast(CASE, STORY)
    topic = [fact for fact in found if fact.conversation_id == "-1001:33"]
    assert values(topic)["first_response"] == 90_000
    assert values(topic)["resolution"] == 600_000
    assert {fact.agent_id for fact in topic if fact.metric == "first_response"} == {"6001"}
    account = [fact for fact in found if fact.conversation_id == "business:bc1:5001"]
    # The away message answers nobody; the bot does, and the second question waits for the owner.
    assert values(account) == {"first_response_any": 5_000, "first_response": 240_000}


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert one("private") == InteractionEvent(
        event_id="5001:1",
        tenant="acme",
        source="telegram-main",
        channel="telegram",
        type="message",
        occurred_at=(BEGAN_S + 1) * 1000,
        ingested_at=RECEIVED_MS,
        conversation_id="5001",
        customer_id="5001",
        actor_kind="customer",
        actor_id="5001",
        language="ar",
        sequence=1,
        attributes={"text_length": "6"},
    )


@pytest.mark.parametrize(
    ("name", "kind", "automated"),
    [
        ("asked", "customer", False),
        ("answered", "human", False),
        ("anonymous", "human", False),
        ("away", "human", True),
        ("bot-answered", "bot", False),
        ("owner-answered", "human", False),
        ("to-a-channel", "customer", False),
    ],
)
def test_who_writes(name: str, kind: str, automated: bool) -> None:
    found = one(name)
    assert (found.actor_kind, found.automated) == (kind, automated)


def test_the_chats_of_the_account_and_of_the_bot_are_two() -> None:
    assert {one(name).conversation_id for name in ("private", "asked-business", "owner-answered", "asked")} == {
        "5001",
        "business:bc1:5001",
        "-1001:33",
    }
    assert one("owner-answered").customer_id == "5001"
    assert one("to-a-channel").conversation_id == "-1005:12"


def test_both_chats_tell_one_move() -> None:
    assert one("moved-to") == one("moved-from")
    assert (one("moved-to").conversation_id, one("moved-to").merged_into) == ("-55", "-10055")


def test_a_press_happens_when_it_is_told() -> None:
    pressed = one("pressed")
    assert (pressed.event_id, pressed.occurred_at, pressed.conversation_id) == ("callback:77", RECEIVED_MS, "5001")


def test_a_message_after_its_edit_counts_once() -> None:
    edited = Sample("edit", update(40, edited_message=message(1, 1, edit_date=BEGAN_S + 60)))
    written = Sample("written", update(39, message=message(1, 1)))
    assert [each.event_id for one in (edited, written, written) for each in told(CASE, one).events] == ["5001:1"] * 2


def test_a_number_that_comes_again_names_two_messages() -> None:
    first, second = (
        told(CASE, Sample("ephemeral", update(n, message=message(0, n, ephemeral_message_id=5)))).events[0]
        for n in (1, 2)
    )
    assert first.event_id != second.event_id


def test_without_named_agents_everybody_in_a_group_asks() -> None:
    source = Source("s", "acme", TelegramOptions(), (SECRET,))
    parsed = Telegram().parse(CASE.sign(named(CASE, "answered"), SECRET), source)
    assert parsed.events[0].actor_kind == "customer"
    assert parsed.events[0].actor_id == str(AGENT["id"])


def test_who_writes_in_the_name_of_a_channel_is_no_bot() -> None:
    # Telegram names a bot of its own as the sender, the same for every channel.
    told_by = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    channel = {"id": -100777, "type": "channel", "title": "Their shop"}
    body = update(50, message=in_topic(40, 5, told_by, sender_chat=channel))
    (event,) = told(CASE, Sample("channel", body)).events
    assert (event.actor_kind, event.actor_id, event.customer_id) == ("customer", "-100777", "-100777")
    source = Source("s", "acme", TelegramOptions(agents=frozenset({"-100777"})), (SECRET,))
    (ours,) = Telegram().parse(CASE.sign(Sample("channel", body), SECRET), source).events
    assert (ours.actor_kind, ours.customer_id) == ("human", None)


def test_the_token_is_needed() -> None:
    sample = named(CASE, "private")
    Telegram().verify(CASE.sign(sample, b"new"), Source("s", "acme", TelegramOptions(), (b"old", b"new")))
    for headers in ({}, {"x-telegram-bot-api-secret-token": "newer"}):
        with pytest.raises(Unverified):
            Telegram().verify(
                Delivery("POST", "u", headers, sample.body, 0), Source("s", "acme", TelegramOptions(), (b"new",))
            )


KNOWN = {
    "nutgram_migrate_to_chat_id": "system merged",
    "nutgram_edited_message": "(message_edited)",
    "nutgram_edited_business_message": "(message_edited)",
    "nutgram_new_chat_members": "(membership)",
}


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    for name, document in documents("telegram", lambda found: "update_id" in found):
        assert outcome(CASE, json.dumps(document).encode()) == KNOWN.get(name, "customer message"), name
