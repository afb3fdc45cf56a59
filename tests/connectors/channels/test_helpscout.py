"""What Help Scout says, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidEvent
from schemas.records import InteractionEvent, Survey
from tests.connectors.channels import replaying
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.helpscout import (
    AGENT,
    ASKED_AGAIN,
    BEGAN_MS,
    CASE,
    CUSTOMER,
    STORY,
    at,
    conversation,
    sample,
    thread,
)


def told(event: str, body: dict[str, Any]) -> list[InteractionEvent]:
    return replaying.told(CASE, sample("one", event, body)).events


def test_a_reply_is_all_there() -> None:
    assert told("convo.customer.reply.created", conversation(200, ASKED_AGAIN)) == [
        InteractionEvent(
            event_id="thread:4",
            tenant="acme",
            source="helpscout-main",
            channel="email",
            type="message",
            occurred_at=BEGAN_MS + 200_000,
            ingested_at=RECEIVED_MS,
            conversation_id="880",
            customer_id="3001",
            actor_kind="customer",
            actor_id="3001",
            attributes={"text_length": "11"},
        )
    ]


@pytest.mark.parametrize(
    ("piece", "what", "kind", "automated"),
    [
        (thread(1, 0, "customer", CUSTOMER), "message", "customer", False),
        (thread(1, 0, "message", AGENT), "message", "human", False),
        (thread(1, 0, "message", {"id": 1, "type": "ai"}), "message", "bot", False),
        (thread(1, 0, "message", AGENT, action={"type": "automatic-workflow"}), "message", "human", True),
        (thread(1, 0, "message", None), "message", "human", False),
        (thread(1, 0, "note", AGENT), "note", "human", False),
        (thread(1, 0, "phone", AGENT), "note", "human", False),
        (thread(1, 0, "chat", CUSTOMER), "note", "customer", False),
        (thread(1, 0, "forwardchild", AGENT), "note", "human", False),
    ],
)
def test_people_are_told_from_machines_and_messages_from_notes(
    piece: dict[str, Any], what: str, kind: str, automated: bool
) -> None:
    (found,) = told("convo.agent.reply.created", conversation(0, piece))
    assert (found.type, found.actor_kind, found.automated) == (what, kind, automated)


def test_an_answer_of_the_ai_is_the_bots() -> None:
    (found,) = told("convo.ai-answers-email.reply.created", conversation(0, thread(1, 0, "message", AGENT)))
    assert (found.type, found.actor_kind) == ("message", "bot")


def test_a_draft_is_not_sent() -> None:
    delivery = sample(
        "one", "convo.agent.reply.created", conversation(0, thread(1, 0, "message", AGENT, state="draft"))
    )
    assert replaying.told(CASE, delivery).ignored == ["draft"]


def test_what_was_told_long_ago_is_not_told_again() -> None:
    old = thread(1, -86_400, "customer", CUSTOMER)
    found = told("convo.customer.reply.created", conversation(200, old, ASKED_AGAIN))
    assert [event.event_id for event in found] == ["thread:4"]


def test_a_close_does_not_come_before_the_reply_it_was_sent_with() -> None:
    (found,) = replaying.told(CASE, replaying.named(CASE, "closed")).events
    assert (found.occurred_at, found.actor_id) == (BEGAN_MS + 300_000, "256")


def test_what_a_customer_writes_opens_when_it_is_written() -> None:
    # No user has updated the conversation since it was closed.
    again = {"status": "active", "closedAt": None, "userUpdatedAt": at(300)}
    waiting = {"customerWaitingSince": {"time": at(500), "latestReplyFrom": "customer"}}
    written = conversation(300, thread(8, 500, "customer", CUSTOMER), **again)
    for body in (conversation(300, **again, **waiting), written):
        (found,) = told("convo.status", body)
        assert (found.status, found.occurred_at) == ("open", BEGAN_MS + 500_000)
    facts = facts_of(CASE, [*STORY, sample("reopened", "convo.status", written)])
    assert [fact.value_ms for fact in facts if fact.metric == "reopen"] == [200_000]


def test_two_assignments_without_an_update_by_a_user_are_two() -> None:
    first, second = (told("convo.assigned", conversation(3, assignee={"id": who}))[0] for who in (256, 257))
    assert first.occurred_at == second.occurred_at
    assert first.event_id != second.event_id


@pytest.mark.parametrize("name", ["convo.created", "convo.ai-answers.created", "convo.ai-answers-email.created"])
def test_a_conversation_begins_in_three_ways(name: str) -> None:
    assert told(name, conversation(0))[0].type == "conversation_started"


def test_the_button_that_tries_a_webhook_tells_nothing() -> None:
    assert replaying.told(CASE, sample("one", "helpscout.test", {})).ignored == ["ping"]


def test_who_answers_for_the_bot_takes_the_conversation_by_that() -> None:
    asked, machine = thread(1, 0, "customer", CUSTOMER), thread(2, 5, "ai-answer", {"id": 1, "type": "ai"})
    again, answer = thread(3, 20, "customer", CUSTOMER), thread(4, 60, "message", AGENT)
    told = (
        sample("asked", "convo.created", conversation(0, asked)),
        sample("by a machine", "convo.ai-answers-email.reply.created", conversation(5, machine)),
        sample("again", "convo.customer.reply.created", conversation(20, again)),
        sample("taken", "convo.assigned", conversation(60, assignee=AGENT)),
        sample("answered", "convo.agent.reply.created", conversation(60, answer)),
    )
    assert replaying.values(facts_of(CASE, told))["first_response"] == 40_000


def test_a_team_is_nobody() -> None:
    (found,) = told("convo.assigned", conversation(3, assignee={"id": 9, "type": "team"}))
    assert (found.assignee_id, found.team, found.attributes) == (None, "85", {"assigned_team": "9"})


def test_what_is_merged_away_names_what_it_went_into() -> None:
    (found,) = replaying.told(CASE, replaying.named(CASE, "merged")).events
    assert (found.conversation_id, found.merged_into) == ("881", "880")


@pytest.mark.parametrize(
    ("word", "score"), [("Great", 2.0), ("okay", 1.0), ("Bad", 0.0), ("not_good", 0.0), (1, 2.0), (3, 0.0)]
)
def test_a_rating_is_a_word_or_its_place(word: str | int, score: float) -> None:
    rating = {"id": 1, "conversationId": 880, "rating": word, "createdAt": at(0)[:-1]}
    (found,) = told("satisfaction.ratings", rating)
    assert found.survey == Survey("csat", score, 0.0, 2.0, "rating:1")
    assert found.occurred_at == BEGAN_MS


def test_without_its_header_a_conversation_is_known_by_what_it_is() -> None:
    whole = conversation(300, ASKED_AGAIN, status="closed", closedAt=at(290))
    delivery = Sample("one", replaying.encoded(whole))
    assert [event.type for event in replaying.told(CASE, delivery).events] == [
        "conversation_started",
        "message",
        "status_changed",
    ]
    with pytest.raises(InvalidEvent, match="x-helpscout-event"):
        CASE.connector.parse(CASE.sign(Sample("one", b'{"id": 1}'), SECRET), CASE.source())


def test_what_a_conversation_comes_to() -> None:
    facts = facts_of(CASE, STORY)
    values = replaying.values(facts)
    assert values["first_response"] == 120_000
    assert values["next_response"] == 100_000
    assert values["resolution"] == 300_000
    # Pending between the answer and the next question.
    assert values["active_resolution"] == 220_000
    assert [fact.score for fact in facts if fact.metric == "csat"] == [2.0]
