"""What Intercom says, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Reply
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent, Survey
from tests.connectors.channels import replaying
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.intercom import (
    AGENT,
    BEGAN_S,
    CASE,
    CUSTOMER,
    FIN,
    SAYS,
    STORY,
    conversation,
    notification,
    part,
)


def replied(*parts: dict[str, Any], **changed: Any) -> list[InteractionEvent]:
    """The events of a reply."""
    body = notification("conversation.admin.replied", conversation(*parts, **changed))
    return replaying.told(CASE, Sample("one", replaying.encoded(body))).events


def test_a_reply_is_all_there() -> None:
    assert replied(part(14, 90, "comment", AGENT, **SAYS)) == [
        InteractionEvent(
            event_id="part:14",
            tenant="acme",
            source="intercom-main",
            channel="live_chat",
            type="message",
            occurred_at=(BEGAN_S + 90) * 1000,
            ingested_at=RECEIVED_MS,
            conversation_id="2101",
            customer_id="65f0c",
            actor_kind="human",
            actor_id="501",
            sequence=14,
            attributes={"text_length": "11"},
        )
    ]


@pytest.mark.parametrize(
    ("author", "kind"),
    [
        (CUSTOMER, "customer"),
        ({"type": "lead", "id": "l"}, "customer"),
        (AGENT, "human"),
        (FIN, "bot"),
        ({"type": "admin", "id": "274", "name": "Operator", "email": "operator+abcd@intercom.io"}, "bot"),
        ({"type": "admin", "id": "5", "from_ai_agent": True}, "bot"),
        ({"type": "team", "id": "5"}, "system"),
        (None, "system"),
    ],
)
def test_people_are_told_from_fin_and_operator(author: Any, kind: str) -> None:
    (found,) = replied(part(1, 0, "comment", author, **SAYS))
    assert (found.actor_kind, found.automated) == (kind, kind == "system")


@pytest.mark.parametrize(("how", "automated"), [("campaigns_initiated", True), ("automated", True), (None, False)])
def test_a_campaign_starts_nothing(how: str | None, automated: bool) -> None:
    source = {"type": "email", "id": "1", "delivered_as": how, "author": AGENT, "body": "<p>News</p>"}
    body = notification("conversation.admin.single.created", conversation(source=source))
    found = replaying.told(CASE, Sample("one", replaying.encoded(body))).events
    assert [event.automated for event in found if event.type == "message"] == [automated]
    assert ("conversation_started" in [event.type for event in found]) is not automated


def test_a_part_that_comes_with_two_topics_is_one_event() -> None:
    told = part(15, 180, "close", AGENT, **SAYS)
    both = [
        {event.event_id for event in replaying.told(CASE, Sample("one", replaying.encoded(body))).events}
        for body in (notification(f"conversation.admin.{name}", conversation(told)) for name in ("closed", "replied"))
    ]
    assert both[0] == both[1] == {"part:15", "part:15:status"}


def test_a_rating_counts_when_it_was_given() -> None:
    (found,) = replaying.told(CASE, STORY[-1]).events
    assert found.occurred_at == (BEGAN_S + 250) * 1000
    assert found.survey == Survey("csat", 5.0, 1.0, 5.0, f"conversation:2101:conversation_rating:{BEGAN_S + 190}")


def test_an_assignment_carries_team_and_teammate() -> None:
    (taken,) = replaying.told(CASE, replaying.named(CASE, "taken")).events
    assert (taken.assignee_id, taken.team) == ("501", "77")
    nobody = part(1, 0, "assignment", AGENT, assigned_to={"type": "nobody_admin", "id": None})
    assert replied(nobody, admin_assignee_id=501)[0].assignee_id is None


def test_a_workflow_that_assigns_a_campaign_hands_nobody_over() -> None:
    source = {"type": "email", "id": "1", "delivered_as": "campaigns_initiated", "author": AGENT}
    assigned = part(1, 0, "default_assignment", FIN, assigned_to={"type": "team", "id": "77"})
    found = replied(assigned, source=source, ai_agent_participated=False)
    assert [event.type for event in found] == ["assigned"]


def test_old_versions_say_the_same_with_other_names() -> None:
    item = conversation(part(14, 90, "comment", AGENT, **SAYS), user={"type": "user", "id": "65f0c"})
    del item["contacts"]
    first = item.pop("source")
    body = notification("conversation.user.created", {**item, "conversation_message": first})
    started, asked, answered = replaying.told(CASE, Sample("one", replaying.encoded(body))).events
    assert (started.type, asked.actor_kind, answered.event_id) == ("conversation_started", "customer", "part:14")
    assert {started.customer_id, asked.customer_id, answered.customer_id} == {"65f0c"}


def test_a_ticket_in_its_own_wrapping() -> None:
    ticket = {"type": "ticket", "id": "33", "contacts": {"contacts": [{"id": "65f0c"}]}}
    item = {"ticket": ticket, "ticket_part": part(40, 7, "comment", AGENT, **SAYS)}
    found = replaying.only(CASE, notification("ticket.admin.replied", item))
    assert (found.conversation_id, found.event_id, found.actor_kind) == ("33", "part:40", "human")
    state = {"type": "ticket", "id": "33", "ticket_state": {"category": "resolved"}, "updated_at": BEGAN_S}
    assert replaying.only(CASE, notification("ticket.state.updated", state)).status == "resolved"


@pytest.mark.parametrize("kind", ["message_strategy_assignment", "balanced_assignment", "away_mode_assignment"])
def test_every_way_to_assign_is_one(kind: str) -> None:
    (found,) = replied(part(1, 0, kind, AGENT, assigned_to={"type": "admin", "id": "501"}))
    assert (found.type, found.assignee_id) == ("assigned", "501")


@pytest.mark.parametrize(
    ("topic", "what"), [("admin.closed", "status_changed"), ("admin.snoozed", "status_changed"),
                        ("admin.assigned", "assigned")]
)  # fmt: skip
def test_a_change_is_told_by_its_topic_where_the_parts_say_nothing_of_it(topic: str, what: str) -> None:
    described = part(1, 90, "conversation_attribute_updated_by_admin", FIN)
    for parts in ([described], [part(2, 90, "comment", AGENT, **SAYS)]):
        body = notification(f"conversation.{topic}", conversation(*parts, second=90, admin_assignee_id=501))
        found = replaying.told(CASE, Sample("one", replaying.encoded(body))).events[-1]
        assert (found.type, found.occurred_at) == (what, (BEGAN_S + 90) * 1000)


def test_a_call_that_nobody_takes_costs_nothing() -> None:
    call = {"type": "call", "id": "89", "contact_id": "65f0c", "direction": "inbound", "initiated_at": BEGAN_S,
            "answered_at": None, "ended_at": BEGAN_S + 30}  # fmt: skip
    parsed = replaying.told(CASE, Sample("one", replaying.encoded(notification("call.ended", call))))
    assert ([event.type for event in parsed.events], parsed.ignored) == (["message"], ["call_missed"])


def test_a_call_costs_its_talk() -> None:
    came, answered, ended = replaying.told(CASE, replaying.named(CASE, "call")).events
    assert (came.channel, came.actor_kind) == ("voice", "customer")
    assert answered.occurred_at == (BEGAN_S + 20) * 1000
    assert ended.call == Call(talk_seconds=120.0)


def test_what_a_conversation_comes_to() -> None:
    facts = facts_of(CASE, STORY)
    values = replaying.values(facts)
    assert values["first_response_any"] == 5_000
    # Fin handed over at 60 s.
    assert values["first_response"] == 30_000
    assert values["resolution"] == 180_000
    assert [fact.outcome for fact in facts if fact.metric == "bot_outcome"] == ["handed_off"]
    assert [fact.metric for fact in facts if fact.metric == "transfer"] == []


def test_what_is_no_notification_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="topic"):
        CASE.connector.parse(CASE.sign(Sample("one", b'{"type": "note"}'), SECRET), CASE.source())
    source = CASE.source()
    other = type(source)(source.name, source.tenant, AccountOptions(account="app2"), source.secrets)
    with pytest.raises(InvalidEvent, match="another account"):
        CASE.connector.parse(CASE.sign(STORY[0], SECRET), other)


def test_intercom_is_told_that_the_address_is_there() -> None:
    asked = CASE.connector.handshake(Delivery("HEAD", "", {}, b"", RECEIVED_MS), CASE.source())
    assert asked == Reply(b"")
    assert CASE.connector.handshake(CASE.sign(STORY[0], SECRET), CASE.source()) is None
