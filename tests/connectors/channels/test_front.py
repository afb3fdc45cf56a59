"""What Front says, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Reply, Unverified, receive
from connectors.channels.signatures import base64_hmac
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent
from tests.connectors.channels import replaying
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.front import (
    AGENT,
    AI,
    ASKED,
    BEGAN_S,
    BY_AGENT,
    BY_RULE,
    CASE,
    INBOXES,
    RULE,
    STORY,
    event,
    message,
    source,
    wrapped,
)


def only(body: dict[str, Any]) -> InteractionEvent:
    return replaying.only(CASE, body)


def test_a_customers_message_is_all_there() -> None:
    assert only(wrapped("inbound_received", ASKED)) == InteractionEvent(
        event_id="message:msg_1",
        tenant="acme",
        source="front-main",
        channel="email",
        type="message",
        occurred_at=BEGAN_S * 1000 + 250,
        ingested_at=RECEIVED_MS,
        conversation_id="cnv_1",
        customer_id="crd_7",
        actor_kind="customer",
        actor_id="crd_7",
        team="inb_1",
        attributes={"text_length": "11"},
    )


def test_a_rule_and_an_application_tell_of_one_message() -> None:
    assert only(ASKED) == only(wrapped("inbound_received", ASKED))


@pytest.mark.parametrize(
    ("author", "kind", "automated"),
    [(AGENT, "human", False), (None, "human", False), (RULE, "bot", True), (AI, "bot", False)],
)
def test_people_are_told_from_rules_and_machines(author: Any, kind: str, automated: bool) -> None:
    found = only(event("outbound", 1, INBOXES, message("msg_1", 1, author, inbound=False)))
    assert (found.actor_kind, found.automated) == (kind, automated)


@pytest.mark.parametrize(
    ("by", "kind", "automated"),
    [
        (BY_RULE, "bot", True),
        (source("api", None), "bot", False),
        (BY_AGENT, "human", False),
    ],
)
def test_a_message_without_an_author_is_whose_the_event_is(by: dict[str, Any], kind: str, automated: bool) -> None:
    found = only(event("outbound", 1, by, message("msg_1", 1, None, inbound=False)))
    assert (found.actor_kind, found.automated) == (kind, automated)


def test_a_call_that_goes_to_an_inbox_is_taken_by_nobody_yet() -> None:
    to_somebody = only(event("call_transferred", 3, BY_AGENT, source("teammate", {"id": "tea_2", "type": "user"})))
    to_an_inbox = only(event("call_transferred", 3, BY_AGENT, source("inbox", {"id": "inb_2"})))
    assert (to_somebody.assignee_id, to_an_inbox.assignee_id) == ("tea_2", None)


def test_a_call_is_taken_by_a_teammate_and_not_by_the_call() -> None:
    the_call = source("message", {"id": "msg_2", "type": "phone-call"})
    assert only(event("call_connected", 3, None, the_call)).actor_id is None
    assert only(event("call_connected", 3, None, the_call, assignee=AGENT)).actor_id == "tea_1"
    assert only(event("call_connected", 3, BY_AGENT, the_call)).actor_id == "tea_1"


@pytest.mark.parametrize("kind", ["assign", "assignee_changed"])
def test_an_assignment_that_does_not_say_to_whom_takes_from_nobody(kind: str) -> None:
    preview = {**event(kind, 3, BY_AGENT), "conversation": {"id": "cnv_1"}}
    parsed = replaying.told(CASE, Sample("one", replaying.encoded(preview)))
    assert (parsed.events, len(parsed.parked)) == ([], 1)


def test_a_preview_has_little_more_than_ids() -> None:
    preview = {**ASKED, "target": source("message", {"id": "msg_1"}), "conversation": {"id": "cnv_1"}}
    found = only(preview)
    assert (found.event_id, found.actor_kind, found.occurred_at) == ("message:msg_1", "customer", BEGAN_S * 1000 + 500)
    moved = {**event("move", 3, BY_AGENT, source("inboxes", [{"id": "inb_2"}])), "conversation": {"id": "cnv_1"}}
    # It does not say who has the conversation, so nobody loses it.
    assert (only(moved).type, only(moved).team) == ("note", "inb_2")


def test_who_did_it() -> None:
    assert only(event("archive", 1, BY_RULE)).actor_kind == "bot"
    assert only(event("archive", 1, BY_AGENT)).actor_id == "tea_1"
    assert only(event("reminder", 1)).actor_kind == "system"


def test_a_machine_as_assignee_is_nobody() -> None:
    assert only(event("assign", 1, BY_RULE, source("teammate", AI))).assignee_id is None


def test_what_is_merged_away_names_what_it_went_into() -> None:
    found = replaying.told(CASE, replaying.named(CASE, "merged")).events
    assert [(each.conversation_id, each.merged_into) for each in found] == [("cnv_2", "cnv_1"), ("cnv_3", "cnv_1")]
    assert len({each.event_id for each in found}) == 2


def test_a_call_costs_its_length() -> None:
    (found,) = replaying.told(CASE, replaying.named(CASE, "hung up")).events
    assert (found.call, found.actor_id, found.channel) == (Call(talk_seconds=61.0), "tea_1", "voice")


def test_what_a_conversation_comes_to() -> None:
    facts = facts_of(CASE, [*STORY, replaying.named(CASE, "asked, by a rule")])
    values = replaying.values(facts)
    # A rule's acknowledgement is no answer.
    assert values["first_response"] == values["first_response_any"] == 120_000
    assert values["resolution"] == 299_750
    assert [fact.outcome for fact in facts if fact.metric == "transfer"] == ["agent"]
    assert not [fact for fact in facts if fact.metric == "bot_outcome"]


def asking(secret: bytes) -> Delivery:
    """A signed challenge."""
    body = b'{"type":"sync","authorization":{"id":"cmp_1"}}'
    return CASE.sign(Sample("one", body, headers={"x-front-challenge": "c-1"}), secret)


def test_a_challenge_is_answered_if_it_is_signed() -> None:
    assert receive(CASE.connector, asking(SECRET), CASE.source()) == Reply(b"c-1")
    with pytest.raises(Unverified, match="does not match"):
        receive(CASE.connector, asking(b"another"), CASE.source())


def test_rules_sign_the_body_alone() -> None:
    body = replaying.encoded(ASKED)
    headers = {"x-front-signature": base64_hmac(SECRET, body, "sha1")}
    CASE.connector.verify(Delivery("POST", "", headers, body, RECEIVED_MS), CASE.source())
    with pytest.raises(Unverified, match="does not match"):
        CASE.connector.verify(Delivery("POST", "", headers, body + b" ", RECEIVED_MS), CASE.source())


def test_another_company_is_refused() -> None:
    ours = CASE.source()
    other = type(ours)(ours.name, ours.tenant, AccountOptions(account="cmp_2"), ours.secrets)
    with pytest.raises(InvalidEvent, match="another account"):
        CASE.connector.parse(CASE.sign(STORY[0], SECRET), other)
