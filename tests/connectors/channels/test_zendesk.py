"""What Zendesk says, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Unverified
from schemas.errors import InvalidEvent
from schemas.records import InteractionEvent, Survey
from tests.connectors.channels import replaying
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.zendesk import (
    AGENT,
    CASE,
    OTHER_AGENT,
    REQUESTER,
    STORY,
    comment,
    event,
    message,
    sample,
)


def only(body: dict[str, Any]) -> InteractionEvent:
    return replaying.only(CASE, body)


def test_a_comment_is_all_there() -> None:
    assert only(comment(3, 120.25, AGENT, staff=True)) == InteractionEvent(
        event_id="comment:3",
        tenant="acme",
        source="zendesk-main",
        channel="email",
        type="message",
        occurred_at=RECEIVED_MS - 600_000 + 120_250,
        ingested_at=RECEIVED_MS,
        conversation_id="1205",
        customer_id=REQUESTER,
        actor_kind="human",
        actor_id=AGENT,
        priority="normal",
        attributes={"text_length": "11"},
    )


@pytest.mark.parametrize(
    ("body", "kind", "automated"),
    [
        (comment(1, 0, REQUESTER, staff=False), "customer", False),
        (comment(1, 0, REQUESTER, staff=None), "customer", False),
        (comment(1, 0, "7009", staff=False), "customer", False),
        (comment(1, 0, AGENT, staff=None), "human", False),
        (comment(1, 0, "-1", staff=True), "system", True),
        (message(1, 0, "end_user", "7002"), "customer", False),
        (message(1, 0, "agent", AGENT), "human", False),
        (message(1, 0, "trigger", "zd:trigger"), "system", True),
        (message(1, 0, "system", "zd:answerBot"), "bot", False),
        (message(1, 0, "system", "zd:system"), "system", True),
    ],
)
def test_people_are_told_from_bots_and_triggers(body: dict[str, Any], kind: str, automated: bool) -> None:
    found = only(body)
    assert (found.type, found.actor_kind, found.automated) == ("message", kind, automated)


def test_a_user_that_the_source_calls_a_bot_is_one() -> None:
    source = CASE.source()
    ours = type(source)(source.name, source.tenant, AccountOptions(bots=(8001,)), source.secrets)
    (found,) = CASE.connector.parse(CASE.sign(STORY[4], SECRET), ours).events
    assert found.actor_kind == "bot"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", "open"),
        ("open", "open"),
        ("PENDING", "pending"),
        ("HOLD", "on_hold"),
        ("SOLVED", "resolved"),
        ("CLOSED", "closed"),
    ],
)
def test_a_status_is_read_in_any_case(word: str, status: str) -> None:
    assert only(event("status_changed", 1, {"current": word})).status == status


@pytest.mark.parametrize(
    ("said", "survey"),
    [
        ({"survey_id": "s-1", "score": "BAD"}, Survey("csat", 0.0, 0.0, 1.0, "s-1")),
        ({"survey_id": "s-1", "score": 4}, Survey("csat", 4.0, 1.0, 5.0, "s-1")),
        ({"rating": "5"}, Survey("csat", 5.0, 1.0, 5.0, "ticket:1205")),
        ({"satisfaction_score": {"score": "BAD"}}, Survey("csat", 0.0, 0.0, 1.0, "ticket:1205")),
        ({"current": {"rating": 2}, "previous": None}, Survey("csat", 2.0, 1.0, 5.0, "ticket:1205")),
    ],
)
def test_a_rating_is_a_word_or_a_number(said: dict[str, Any], survey: Survey) -> None:
    assert only(event("csat_received", 1, said)).survey == survey


def test_a_ticket_that_an_agent_opens_is_nobody_waiting() -> None:
    assert only(event("created", 0, {"actor_id": int(AGENT)}, submitter_id=AGENT)).actor_kind == "human"
    assert only(event("created", 0, {"actor_id": -1})).actor_kind == "customer"


@pytest.mark.parametrize(("word", "status"), [("SOLVED", "resolved"), ("HOLD", "on_hold"), ("PENDING", "pending")])
def test_a_ticket_may_begin_in_any_status(word: str, status: str) -> None:
    begun = event("created", 0, {"actor_id": int(AGENT)}, submitter_id=AGENT, status=word)
    started, left = replaying.told(CASE, sample("one", begun)).events
    assert (started.type, started.actor_kind) == ("conversation_started", "human")
    assert (left.type, left.status, left.actor_id) == ("status_changed", status, AGENT)
    assert left.occurred_at == started.occurred_at


def test_a_call_that_is_written_down_afterwards_is_over_at_once() -> None:
    written = comment(1, 0, AGENT, staff=True)
    begun = event("created", 0, {"actor_id": int(AGENT)}, submitter_id=AGENT, status="SOLVED")
    closed = event("status_changed", 345_600, {"current": "CLOSED", "previous": "SOLVED"}, status="CLOSED")
    facts = facts_of(CASE, [sample("one", each) for each in (begun, written, closed)])
    assert replaying.values(facts)["resolution"] == 0


def test_a_ticket_that_an_agent_opens_may_be_somebodys_from_the_beginning() -> None:
    begun = event("created", 0, {"actor_id": int(AGENT)}, submitter_id=AGENT, assignee_id=OTHER_AGENT)
    started, given = replaying.told(CASE, sample("one", begun)).events
    assert (started.type, given.type, given.assignee_id) == ("conversation_started", "assigned", OTHER_AGENT)


def test_taken_from_everybody() -> None:
    assert only(event("agent_assignment_changed", 1, {"current": None, "previous": AGENT})).assignee_id is None


def test_what_a_ticket_comes_to() -> None:
    facts = facts_of(CASE, STORY)
    values = replaying.values(facts)
    assert values["first_response"] == 120_000
    assert values["resolution"] == 300_000
    # One action changed the agent and the group: one transfer.
    assert [fact.outcome for fact in facts if fact.metric == "transfer"] == ["agent"]
    assert [(fact.score, fact.score_max) for fact in facts if fact.metric == "csat"] == [(1.0, 1.0)]


def test_a_merge_is_no_answer_and_no_resolution() -> None:
    gone = {"actor_id": AGENT, "status": "CLOSED", "tags": ["vip", "closed_by_merge"]}
    said = comment(9, 50, AGENT, staff=True)
    told = (
        {**said, "detail": {**said["detail"], **gone}},
        event("status_changed", 50, {"current": "CLOSED", "previous": "OPEN"}, **gone),
        event("merged", 50, {"target_ticket_id": "1300"}, **gone),
    )
    samples = [*STORY[:2], *(sample("one", each) for each in told)]
    assert facts_of(CASE, samples) == []
    # Also where nobody subscribed to the merge itself.
    assert facts_of(CASE, samples[:-1]) == []


def test_what_an_integration_submits_for_a_customer_is_the_customers() -> None:
    found = only(event("created", 0, {"actor_id": int(AGENT)}, submitter_id=REQUESTER))
    assert (found.actor_kind, found.actor_id) == ("customer", REQUESTER)


@pytest.mark.parametrize("name", ["00", "zz"])
def test_who_answers_for_the_bot_takes_the_ticket_by_that(name: str) -> None:
    taken = event("agent_assignment_changed", 60, {"current": AGENT}, actor_id=AGENT, assignee_id=AGENT, id="1206")
    answer = comment(9, 60, AGENT, staff=True)
    told = (
        message(1, 0, "end_user", REQUESTER),
        message(2, 2, "system", "zd:answerBot"),
        message(3, 10, "end_user", REQUESTER),
        {**taken, "id": name},
        {**answer, "detail": {**answer["detail"], "id": "1206"}},
    )
    facts = facts_of(CASE, [sample("one", each) for each in told])
    assert replaying.values(facts)["first_response"] == 50_000


def test_spam_leaves_nothing() -> None:
    assert facts_of(CASE, [*STORY, sample("spam", event("marked_as_spam", 9, {}))]) == []


def test_a_body_without_a_type_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="type"):
        CASE.connector.parse(CASE.sign(Sample("one", b'{"ticket": {"id": 1}}'), SECRET), CASE.source())


def test_the_signature_covers_the_timestamp_as_it_is_written() -> None:
    delivery = CASE.sign(STORY[0], SECRET)
    later = {**delivery.headers, "x-zendesk-webhook-signature-timestamp": "2026-03-02T09:00:01Z"}
    with pytest.raises(Unverified, match="does not match"):
        CASE.connector.verify(type(delivery)("POST", "", later, delivery.body, RECEIVED_MS), CASE.source())
