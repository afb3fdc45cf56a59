"""What Messenger and Instagram say of threads and comments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.channels.base import Parsed, Source, receive
from connectors.channels.meta_threads import PAGE_INBOX, ThreadOptions
from schemas.records import InteractionEvent, Survey
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import documents, outcome
from tests.connectors.channels.vendors import instagram, messenger
from tests.connectors.channels.vendors.messenger import BEGAN_MS, BOT_APP, CUSTOMER, PAGE, answered, asked, batch

CASE = messenger.CASE


def one(body: bytes, **options: Any) -> InteractionEvent:
    """The one event of a delivery, for a source with these options."""
    source = Source("messenger-main", "acme", ThreadOptions(**options), (SECRET,))
    parsed = receive(CASE.connector, CASE.sign(Sample("one", body), SECRET), source)
    assert isinstance(parsed, Parsed)
    (event,) = parsed.events
    return event


def test_a_story_gives_its_response_times() -> None:
    found = steadfast(CASE, messenger.STORY)
    assert values(found) == {
        "first_response_any": 1_500,
        # From the hand-over, which started the clock, to the person's answer.
        "first_response": 60_000,
        "next_response": 60_000,
        "csat": None,
    }
    assert [fact.score for fact in found if fact.metric == "csat"] == [4]


def test_a_comment_is_a_conversation_of_its_own() -> None:
    found = steadfast(instagram.CASE, instagram.STORY)
    assert {(fact.conversation_id, fact.value_ms) for fact in found if fact.metric == "first_response"} == {
        (CUSTOMER, 90_000),
        ("comment:17901", 300_000),
    }


def test_a_comment_of_the_account_answers_whichever_of_its_ids_it_bears() -> None:
    by_one, by_another = (
        told(instagram.CASE, named(instagram.CASE, name)).events[0]
        for name in ("comment-answered", "comment-answered-by-another-id")
    )
    assert (by_another.actor_kind, by_another.customer_id) == (by_one.actor_kind, by_one.customer_id) == ("human", None)
    assert by_another.conversation_id == by_one.conversation_id


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert one(batch(asked(1, 0.25))) == InteractionEvent(
        event_id="m_in1",
        tenant="acme",
        source="messenger-main",
        channel="messenger",
        type="message",
        occurred_at=BEGAN_MS + 250,
        ingested_at=RECEIVED_MS,
        conversation_id=CUSTOMER,
        customer_id=CUSTOMER,
        actor_kind="customer",
        actor_id=CUSTOMER,
        attributes={"text_length": "13"},
    )


@pytest.mark.parametrize(
    ("app", "more", "options", "expected"),
    [
        (None, {}, {}, ("human", None)),
        (PAGE_INBOX, {}, {}, ("human", None)),
        ("70009", {}, {}, ("bot", "70009")),
        ("70009", {}, {"agent_apps": frozenset({"70009"})}, ("human", None)),
        ("70009", {"metadata": "agent:7"}, {}, ("human", "7")),
        (PAGE_INBOX, {"metadata": "bot:greeter"}, {}, ("bot", "greeter")),
        (None, {"metadata": "DEVELOPER_DEFINED_METADATA_STRING"}, {}, ("human", None)),
    ],
)
def test_who_wrote_what_is_echoed(
    app: str | None, more: dict[str, Any], options: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    found = one(batch(answered(1, 5, app, **more)), **options)
    assert (found.actor_kind, found.actor_id) == expected
    assert (found.conversation_id, found.customer_id) == (CUSTOMER, CUSTOMER)


def test_an_echo_told_the_wrong_way_round_is_still_the_customers_thread() -> None:
    swapped = {**answered(1, 5), "sender": {"id": CUSTOMER}, "recipient": {"id": int(PAGE)}}
    assert one(batch(swapped)).conversation_id == CUSTOMER


def test_standby_tells_the_same_events() -> None:
    both = [told(CASE, named(CASE, name)).events for name in ("asked", "standing-by")]
    assert both[0] == both[1]


def test_a_thumb_is_no_question() -> None:
    (thumb,) = told(CASE, named(CASE, "thumb")).events
    assert thumb.ack
    echoed = answered(1, 5, BOT_APP, sticker_id=369239263222822)
    assert not one(batch(echoed)).ack


def test_every_question_of_a_feedback_is_an_answer() -> None:
    body = batch(
        messenger.feedback(
            5, a={"type": "csat", "payload": "5"}, b={"type": "nps", "payload": 9}, c={"type": "ces", "payload": "2"}
        )
    )
    events = told(CASE, Sample("three", body)).events
    assert [each.survey for each in events] == [
        Survey(kind="csat", score=5, min=1, max=5),
        Survey(kind="nps", score=9, min=0, max=10),
        Survey(kind="ces", score=2, min=7, max=1),
    ]
    assert len({each.event_id for each in events}) == 3


def test_a_press_without_an_id_is_the_same_press_when_it_comes_again() -> None:
    guest = named(CASE, "guest")
    first, second = (told(CASE, guest).events[0] for _ in range(2))
    assert first == second
    assert (first.customer_id, first.event_id[:9]) == ("u-1", "postback:")


def test_comments_of_the_page_and_of_others() -> None:
    (theirs,) = told(CASE, named(CASE, "commented")).events
    (ours,) = told(CASE, named(CASE, "comment-answered")).events
    assert (theirs.channel, theirs.actor_kind, theirs.occurred_at) == ("social", "customer", BEGAN_MS + 60_000)
    assert (ours.actor_kind, ours.conversation_id) == ("human", theirs.conversation_id)


def test_a_visitors_post_is_answered_below_it() -> None:
    def feed(after_s: int, author: str, **more: Any) -> Sample:
        value = {"item": "comment", "verb": "add", "from": {"id": author}, "post_id": "4400_9", **more}
        stamped = {**value, "created_time": BEGAN_MS // 1000 + after_s}
        return Sample("feed", batch({"field": "feed", "value": stamped}, key="changes"))

    visitors = feed(0, "8822", item="post", message="Is anybody there?")
    answer = feed(120, PAGE, comment_id="9_1", parent_id="4400_9")
    found = steadfast(CASE, [visitors, answer])
    assert {fact.conversation_id for fact in found} == {"post:4400_9"}
    assert values(found)["first_response"] == 120_000
    assert told(CASE, feed(5, PAGE, item="post")).ignored == ["page_activity"]


def test_comments_may_be_left_out() -> None:
    source = Source("s", "acme", ThreadOptions(comments=False), (SECRET,))
    for case, name in ((CASE, "commented"), (instagram.CASE, "commented")):
        parsed = case.connector.parse(case.sign(named(case, name), SECRET), source)
        assert (parsed.events, parsed.ignored) == ([], ["comment"])


def test_an_item_within_changes_may_have_seconds() -> None:
    (event,) = told(instagram.CASE, named(instagram.CASE, "within-changes")).events
    assert (event.occurred_at, event.channel) == (BEGAN_MS + 20_000, "instagram")


KNOWN = {
    "messenger": {
        "restfb_messaging-message-basic-echo": "bot message",
        "restfb_messaging-message-sticker-thumbup": "customer message ack",
        "restfb_messaging-message-sticker": "customer message",
        "restfb_messaging-message-edits": "(message_edited)",
        "restfb_messaging-pass-thread-control": "bot handoff_requested",
        "restfb_messaging-request-thread-control": "bot handoff_requested",
        "restfb_messaging-take-thread-control": "(control_to_bot)",
        "restfb_messaging-postback-chat": "customer message",
        "restfb_messaging-read-basic": "(read_receipt)",
        "restfb_messaging-policy-callback-block": "(policy)",
    },
    "instagram": {
        "restfb_messaging-attachment-unsupported": "customer message",
        "restfb_messaging-seen": "(read_receipt)",
        "restfb_wh-comments": "customer message",
        "restfb_wh-livecomments": "customer message",
        "restfb_wh-story_insights": "(insights)",
    },
}


@pytest.mark.parametrize("case", [CASE, instagram.CASE], ids=lambda case: case.connector.vendor)
def test_the_payloads_beside_the_repository_come_to_their_ends(case: Any) -> None:
    vendor = case.connector.vendor
    table = {
        name: outcome(case, json.dumps(document).encode())
        for name, document in documents(vendor, lambda found: "object" in found and "entry" in found)
    }
    for name, came_to in table.items():
        assert came_to == KNOWN[vendor].get(name, came_to), name
        assert "PARKED" not in came_to, name
        assert not came_to.startswith("refused"), name
