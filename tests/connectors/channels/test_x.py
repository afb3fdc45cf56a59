"""What X tells, by both of its interfaces."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from connectors.channels.base import Delivery, Reply, Source, Unverified, receive
from connectors.channels.x import X, XOptions
from schemas.errors import Refused
from schemas.records import InteractionEvent
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import documents, files, outcome
from tests.connectors.channels.vendors.x import BEGAN_MS, CASE, CUSTOMER, LABEL, STORY, US, direct, new, old


def one(name: str) -> InteractionEvent:
    """The one event of a sample."""
    (event,) = told(CASE, named(CASE, name)).events
    return event


def test_a_story_gives_its_response_times() -> None:
    found = steadfast(CASE, STORY)
    messages = values([fact for fact in found if fact.conversation_id == f"dm:{US}:{CUSTOMER}"])
    assert messages == {"first_response_any": 1_500, "first_response": 120_000}
    posts = values([fact for fact in found if fact.conversation_id == f"post:{US}:{CUSTOMER}"])
    assert posts == {"first_response_any": 30_000, "first_response": 30_000}


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert one("asked") == InteractionEvent(
        event_id="dm:5001",
        tenant="acme",
        source="x-main",
        channel="x",
        type="message",
        occurred_at=BEGAN_MS,
        ingested_at=RECEIVED_MS,
        conversation_id=f"dm:{US}:{CUSTOMER}",
        customer_id=CUSTOMER,
        actor_kind="customer",
        actor_id=CUSTOMER,
        sequence=5001,
        attributes={"text_length": "9"},
    )


@pytest.mark.parametrize(("first", "second"), [("mentioned", "mentioned-again"), ("mention-answered", "answer-of-old")])
def test_both_interfaces_tell_one_event(first: str, second: str) -> None:
    assert one(first) == one(second)


def test_a_post_is_named_by_the_id_that_kept_its_digits() -> None:
    found = one("mentioned")
    assert (found.event_id, found.occurred_at, found.language) == ("post:600001", BEGAN_MS + 5_000, "en")


@pytest.mark.parametrize(
    ("name", "kind", "automated"),
    [
        ("bot-answered", "bot", False),
        ("answered", "human", False),
        ("mention-answered", "human", False),
        ("by-a-machine", "customer", True),
        ("welcomed", "bot", True),
        ("asked-after-the-welcome", "customer", False),
        ("replied", "customer", False),
    ],
)
def test_who_writes(name: str, kind: str, automated: bool) -> None:
    found = one(name)
    assert (found.actor_kind, found.automated) == (kind, automated)


def test_an_account_of_ours_that_is_labelled_is_a_bot() -> None:
    payload = {"direct_message_events": [direct(9, 9, US)], "users": {US: {"data": {"id": US, **LABEL}}}}
    (event,) = told(CASE, Sample("labelled", new("dm.sent", payload))).events
    assert (event.actor_kind, event.automated) == ("bot", False)


def test_encrypted_messages_belong_to_the_same_conversation() -> None:
    assert one("encrypted").conversation_id == one("asked").conversation_id
    assert (one("group-chat").conversation_id, one("group-chat").customer_id) == (f"dm:{US}:g55", CUSTOMER)


def test_another_account_and_other_bodies_are_refused() -> None:
    for body in (b'{"for_user_id": "5"}', b"{}", b"[]", b'{"data": {}}', new("dm.sent", {}, filter={"user_id": "5"})):
        with pytest.raises(Refused):
            CASE.connector.parse(Delivery("POST", "u", {}, body, RECEIVED_MS), CASE.source())
    assert len(told(CASE, Sample("nobody's", old(for_user_id=None, tweet_create_events=[{}]))).parked) == 1


def test_the_check_is_answered_with_the_newest_secret() -> None:
    source = Source("s", "acme", XOptions(), (b"new", b"old"))
    reply = receive(X(), Delivery("GET", "u", {}, b"", 0, {"crc_token": "challenge"}), source)
    assert isinstance(reply, Reply)
    # HMAC-SHA256 of "challenge" by "new", worked out apart from this code.
    assert json.loads(reply.body) == {"response_token": "sha256=Yzz13nDME+XcsNAXm20enww1DindlUlqgLgrolRSAb0="}
    assert reply.content_type == "application/json"
    with pytest.raises(Unverified):
        receive(X(), Delivery("GET", "u", {}, b"", 0), source)


KNOWN = {
    "aaa_11_direct-message-events": "customer message",
    "xaa_01_": "PARKED payload.id is missing or no id",
    "xaa_02_post.create": "(own_post)",
    # Its author carries the label of automated accounts.
    "xaa_04_post.mention.create": "customer message automated",
    "xaa_05_post.reply.create": "customer message",
    "xaa_17_chat.received": "customer message",
    "xaa_19_dm.sent": "human message",
    "xaa_20_dm.received": "customer message automated",
    "aaa_01_tweet-create-events-posts-retweets-replies-quotetweets": "customer message",
    "aaa_02_tweet-create-events-mentions": "customer message",
}
#: What the documents leave out of their examples.
TWEET = {
    "id_str": "1",
    "user": {"id_str": "7"},
    "created_at": "Mon Mar 02 08:00:00 +0000 2026",
    "entities": {"user_mentions": [{"id_str": "2244994945"}]},
}
ANY = dataclasses.replace(CASE, options=XOptions())


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    bodies = {
        name: json.dumps(document)
        for name, document in documents("x", lambda found: bool({"data", "for_user_id", "user_event"} & found.keys()))
    }
    for path in files("x"):
        if path.suffix == ".txt":
            text = re.sub(r"{\s*<Tweet Object>\s*}", json.dumps(TWEET), path.read_text(encoding="utf-8"))
            bodies[path.stem] = text.replace("<User Object>", '"id": "5"')
    for name, body in bodies.items():
        came_to = outcome(ANY, body.encode())
        assert came_to == KNOWN.get(name, came_to), name
        assert name in KNOWN or came_to.startswith("("), name


def test_the_signature_covers_the_body() -> None:
    signed = CASE.sign(named(CASE, "asked"), SECRET)
    with pytest.raises(Unverified):
        X().verify(
            Delivery("POST", "u", signed.headers, signed.body + b" ", 0), Source("s", "a", XOptions(), (SECRET,))
        )
