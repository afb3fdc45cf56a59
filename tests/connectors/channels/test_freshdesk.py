"""What Freshdesk says, and what it comes to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.channels.base import Unverified
from connectors.channels.freshdesk import FreshdeskOptions
from schemas.errors import InvalidEvent
from schemas.records import InteractionEvent, Survey
from tests.connectors.channels import replaying
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.freshdesk import (
    BEGAN_MS,
    CASE,
    RATED,
    STORY,
    at,
    happened,
    message,
    sample,
    ticket,
    updated,
)


def only(body: dict[str, Any]) -> InteractionEvent:
    return replaying.only(CASE, body)


def test_a_reply_is_all_there() -> None:
    assert only(happened("onConversationCreate", conversation=message(12, 120, 501, incoming=False))) == (
        InteractionEvent(
            event_id="conversation:12",
            tenant="acme",
            source="freshdesk-main",
            channel="email",
            type="message",
            occurred_at=BEGAN_MS + 120_000,
            ingested_at=RECEIVED_MS,
            conversation_id="640",
            actor_kind="human",
            actor_id="501",
            attributes={"text_length": "11"},
        )
    )


@pytest.mark.parametrize(
    ("piece", "kind", "automated"),
    [
        (message(1, 0, 129, incoming=True), "customer", False),
        ({**message(1, 0, 129, incoming=True), "incoming": "true"}, "customer", False),
        (message(1, 0, 501, incoming=False), "human", False),
        (message(1, 0, None, incoming=False), "system", True),
        (message(1, 0, 501, incoming=False, automation_id=9), "human", True),
        (message(1, 0, 129, incoming=True, auto_response=True), "customer", True),
    ],
)
def test_people_are_told_from_rules_and_automatic_answers(piece: dict[str, Any], kind: str, automated: bool) -> None:
    found = only(happened("onConversationCreate", conversation=piece))
    assert (found.type, found.actor_kind, found.automated) == ("message", kind, automated)


def test_events_without_a_name_are_known_by_what_they_carry() -> None:
    body = happened("onTicketUpdate", ticket=ticket(9, status=3, changes={"status": [2, 3]}))
    del body["event"]
    assert (only(body).type, only(body).status) == ("status_changed", "pending")
    created = happened("onTicketCreate", ticket=ticket(0))
    del created["event"]
    assert only(created).type == "conversation_started"


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (2, "open"),
        ("3", "pending"),
        (4, "resolved"),
        (5, "closed"),
        (6, "pending"),
        (7, "on_hold"),
        ("Closed", "closed"),
    ],
)
def test_a_status_is_a_number_or_a_name(number: object, status: str) -> None:
    assert only(updated(1, {"status": [0, number]})).status == status


def test_a_status_of_the_accounts_own_is_told_by_the_source() -> None:
    source = CASE.source()
    ours = type(source)(source.name, source.tenant, FreshdeskOptions(statuses={"12": "on_hold"}), source.secrets)
    own = replaying.named(CASE, "a status of the account's own")
    (found,) = CASE.connector.parse(CASE.sign(own, SECRET), ours).events
    assert found.status == "on_hold"


def test_seven_faces() -> None:
    (found,) = replaying.told(CASE, STORY[-1]).events
    assert found.survey == Survey("csat", 3.0, -3.0, 3.0, "77")


def test_a_rating_that_is_changed_counts_as_it_is_now() -> None:
    again = {**RATED, "ratings": {"default_question": -103}, "updated_at": at(460)}
    later = sample("again", happened("onSatisfactionRatingUpdate", satisfaction_rating=again))
    facts = facts_of(CASE, [*STORY, later])
    assert [fact.score for fact in facts if fact.metric == "csat"] == [-3.0]


@pytest.mark.parametrize(("agents", "last"), [((501, 502), "502"), ((502, 501), "501")])
def test_two_rules_in_one_second_pass_a_ticket_on_twice(agents: tuple[int, int], last: str) -> None:
    told = [
        {**updated(60, {"responder_id": [None, agent]}, responder_id=agent), "timestamp": 1_772_441_460_000 + number}
        for number, agent in enumerate(agents)
    ]
    resolved = updated(300, {"status": [2, 4]}, None, status=4)
    facts = facts_of(CASE, [STORY[0], *(sample("one", each) for each in (*told, resolved))])
    assert [fact.outcome for fact in facts if fact.metric == "transfer"] == ["agent"]
    assert [fact.agent_id for fact in facts if fact.metric == "resolution"] == [last]


def test_nobody_may_be_a_number() -> None:
    found = only(updated(60, {"responder_id": [501, -1], "group_id": [35, 0]}))
    assert (found.assignee_id, found.team) == (None, None)


@pytest.mark.parametrize(
    ("triggered", "types", "ignored"),
    [
        ("{status:{from:Open,to:Waiting on Customer}}", ["status_changed"], []),
        ("{priority:{from:1,to:4}}", ["note"], []),
        ("{note_type:private}", ["note"], []),
        ("{note_type:public}", ["message"], []),
        ("{ ticket_type : {from:Question,to:Incident} }", [], ["other_fields"]),
        ("{status:{from:2,to:5},priority:{from:2,to:3}}", ["status_changed", "note"], []),
    ],
)
def test_what_triggers_a_rule(triggered: str, types: list[str], ignored: list[str]) -> None:
    body = {"freshdesk_webhook": {"ticket_id": 640, "triggered_event": triggered}}
    parsed = replaying.told(CASE, sample("one", body))
    assert ([event.type for event in parsed.events], parsed.ignored, parsed.parked) == (types, ignored, [])


def test_what_a_ticket_comes_to() -> None:
    facts = facts_of(CASE, [*STORY, replaying.named(CASE, "edited")])
    values = replaying.values(facts)
    assert values["first_response"] == 120_000
    assert values["resolution"] == 300_000
    # The agent and the group changed at once: one transfer.
    assert [fact.outcome for fact in facts if fact.metric == "transfer"] == ["agent"]
    assert [fact.agent_id for fact in facts if fact.metric == "resolution"] == ["502"]


def test_the_same_rule_twice_is_one_event() -> None:
    body = {"freshdesk_webhook": {"ticket_id": 640, "triggered_event": "{reply_sent:sent}"}}
    assert only(body).event_id == only(body).event_id
    assert only(body).occurred_at == RECEIVED_MS


@pytest.mark.parametrize("field", ["{}", "freshdesk_webhook[{}]"])
def test_a_rule_may_send_a_form(field: str) -> None:
    said = {"ticket_id": "640", "triggered_event": "{status:{from:2,to:4}}", "ticket_subject": "Grüße 👋"}
    form = urlencode({field.format(name): value for name, value in said.items()}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    by_form = replaying.told(CASE, Sample("one", form, headers=headers))
    assert by_form == replaying.told(CASE, sample("one", {"freshdesk_webhook": said}))
    with pytest.raises(InvalidEvent, match="ticket_id"):
        replaying.told(CASE, Sample("one", b"hello=1", headers=headers))


def test_what_is_nothing_of_freshdesk_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="nothing that Freshdesk sends"):
        CASE.connector.parse(CASE.sign(Sample("one", b'{"hello": 1}'), SECRET), CASE.source())


def test_a_secret_of_ours_must_come_along() -> None:
    with pytest.raises(Unverified, match="none of the source's"):
        CASE.connector.verify(CASE.sign(STORY[0], b"another"), CASE.source())
