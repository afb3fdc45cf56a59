"""What Chatwoot says, and what it comes to."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from connectors.channels.base import Unverified
from connectors.channels.chatwoot import ChatwootOptions
from connectors.channels.signatures import hex_hmac
from schemas.errors import InvalidEvent
from schemas.records import Call, InteractionEvent
from tests.connectors.channels import replaying
from tests.connectors.channels.case import SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors import chatwoot
from tests.connectors.channels.vendors.chatwoot import AGENT, BEGAN_S, BOT, CASE, CUSTOMER, changed, message


def only(body: dict[str, Any]) -> InteractionEvent:
    return replaying.only(CASE, body)


def test_a_customers_message_is_all_there() -> None:
    assert only(message(1, 0.25, "incoming", CUSTOMER)) == InteractionEvent(
        event_id="message:1",
        tenant="acme",
        source="chatwoot-main",
        channel="live_chat",
        type="message",
        occurred_at=BEGAN_S * 1000 + 250,
        ingested_at=CASE.samples[0].received_ms,
        conversation_id="41",
        customer_id="77",
        actor_kind="customer",
        actor_id="77",
        attributes={"text_length": "12"},
    )


@pytest.mark.parametrize(
    ("body", "kind", "automated"),
    [
        (message(1, 0, "outgoing", AGENT), "human", False),
        (message(1, 0, "outgoing", {"id": 2, "name": "An agent", "email": "a@example.com"}), "human", False),
        (message(1, 0, "outgoing", BOT), "bot", False),
        (message(1, 0, "outgoing", None), "system", True),
        (message(1, 0, "outgoing", AGENT, additional_attributes={"campaign_id": 4}), "human", True),
        (message(1, 0, "outgoing", AGENT, content_attributes={"automation_rule_id": 4}), "human", True),
        (message(1, 0, "outgoing", None, content_attributes={"external_echo": True}), "human", False),
        (message(1, 0, "template", None), "system", True),
        (message(1, 0, "template", None, content_type="input_select"), "bot", False),
        (message(1, 0, "incoming", CUSTOMER, content_attributes={"email": {"auto_reply": True}}), "customer", True),
        ({**message(1, 0, "1", AGENT), "message_type": 1}, "human", False),
    ],
)
def test_people_are_told_from_bots_rules_campaigns_and_echoes(body: dict[str, Any], kind: str, automated: bool) -> None:
    found = only(body)
    assert (found.type, found.actor_kind, found.automated) == ("message", kind, automated)


@pytest.mark.parametrize("written", ["2026-03-02T08:50:00Z", "2026-03-02 08:50:00 UTC", BEGAN_S, str(BEGAN_S)])
def test_every_release_has_its_own_way_to_write_an_instant(written: object) -> None:
    assert only({**message(1, 0, "incoming", CUSTOMER), "created_at": written}).occurred_at == BEGAN_S * 1000


def test_the_same_change_by_two_webhooks_and_a_rule_is_one_event() -> None:
    resolved = changed("conversation_status_changed", 120, ("status", "open", "resolved"), status="resolved")
    ids = {
        only({**resolved, "event": name}).event_id
        for name in (
            "conversation_status_changed",
            "conversation_updated",
            "conversation_resolved",
            "automation_event.conversation_status_changed",
        )
    }
    assert len(ids) == 1


def test_a_bot_as_assignee_is_nobody() -> None:
    meta = {"assignee": {"id": 9, "type": "agent_bot"}, "assignee_type": "AgentBot"}
    assert only(changed("conversation_updated", 5, ("assignee_id", 2, None), meta=meta)).assignee_id is None
    assert only(changed("conversation_updated", 5, ("assignee_id", 2, 9), meta=meta)).assignee_id is None


def test_a_user_that_the_source_calls_a_bot_is_one() -> None:
    ours = dataclasses.replace(CASE, options=ChatwootOptions(bots=(2,)))
    found = replaying.only(ours, message(1, 0, "outgoing", AGENT))
    assert (found.actor_kind, found.actor_id) == ("bot", "2")
    taken = changed("conversation_updated", 5, ("assignee_id", None, 2), meta={"assignee": AGENT})
    assert replaying.only(ours, taken).assignee_id is None
    # A visitor may have the number of a user.
    visitor = message(1, 0, "incoming", {"id": 2, "name": "A visitor"})
    assert replaying.only(ours, visitor).actor_kind == "customer"


def test_a_rule_tells_a_message_with_its_conversation_around_it() -> None:
    inner = {"id": 3, "content": "A few words.", "message_type": 1, "content_type": "text", "private": False,
             "created_at": BEGAN_S + 90, "sender_type": "User", "sender_id": 2}  # fmt: skip
    around = {**chatwoot.conversation(90, messages=[inner]), "event": "automation_event.message_created"}
    found, webhooks = only(around), only(message(3, 90, "outgoing", AGENT))
    assert found == webhooks
    empty = replaying.told(CASE, Sample("one", replaying.encoded({**around, "messages": []})))
    assert (empty.events, len(empty.parked)) == ([], 1)


def test_a_call_without_its_length_costs_nothing_that_is_known() -> None:
    def call(**data: Any) -> Sample:
        said = {"content_type": "voice_call", "content_attributes": {"data": {"status": "completed", **data}}}
        return Sample("one", replaying.encoded(message(8, 30, "outgoing", AGENT, **said)))

    (found,) = replaying.told(CASE, call(duration=61)).events
    assert (found.type, found.call, found.actor_id) == ("call_ended", Call(talk_seconds=61.0), "2")
    assert replaying.told(CASE, call()).ignored == ["call_without_length"]


@pytest.mark.parametrize(("first", "then"), [("open", "resolved"), ("resolved", "open")])
def test_of_two_changes_that_are_written_down_at_once_the_last_is_what_is_so(first: str, then: str) -> None:
    told = [
        changed("conversation_status_changed", 60, ("status", before, now), status=then)
        for before, now in (("pending", first), (first, then))
    ]
    samples = [Sample("one", replaying.encoded(each)) for each in (message(1, 0, "incoming", CUSTOMER), *told)]
    facts = facts_of(CASE, samples)
    assert any(fact.metric == "reopen" for fact in facts) is (then == "open")


@pytest.mark.parametrize(("first", "then"), [(2, 3), (3, 2)])
def test_two_assignments_that_are_written_down_at_once_are_two(first: int, then: int) -> None:
    now = {"assignee": {"id": then, "type": "user"}, "assignee_type": "User", "team": None}
    told = [
        changed("conversation_updated", 60, ("assignee_id", before, after), meta=now)
        for before, after in ((None, first), (first, then))
    ]
    closed = changed("conversation_status_changed", 90, ("status", "open", "resolved"), status="resolved")
    bodies = (message(1, 0, "incoming", CUSTOMER), *told, closed)
    facts = facts_of(CASE, [Sample("one", replaying.encoded(each)) for each in bodies])
    assert [fact.agent_id for fact in facts if fact.metric == "resolution"] == [str(then)]
    assert [fact.outcome for fact in facts if fact.metric == "transfer"] == ["agent"]


@pytest.mark.parametrize(
    ("assignee", "kind", "types"),
    [
        (AGENT, "User", ["conversation_started", "assigned"]),
        (AGENT, None, ["conversation_started", "assigned"]),
        (BOT, "AgentBot", ["conversation_started"]),
        (BOT, None, ["conversation_started"]),
        (None, None, ["conversation_started"]),
    ],
)
def test_a_conversation_may_be_somebodys_from_the_beginning(
    assignee: dict[str, Any] | None, kind: str | None, types: list[str]
) -> None:
    meta = {"sender": {"id": 77}, "assignee": assignee, "assignee_type": kind, "team": {"id": 6}}
    body = {**chatwoot.conversation(meta=meta), "event": "conversation_created"}
    found = replaying.told(CASE, Sample("one", replaying.encoded(body))).events
    assert [event.type for event in found] == types
    assert {event.assignee_id for event in found[1:]} <= {"2"}


def test_a_team_comes_with_the_assignee_that_stays() -> None:
    found = replaying.told(CASE, replaying.named(CASE, "moved")).events[0]
    assert (found.team, found.assignee_id) == ("6", "2")


def test_a_change_without_a_time_is_stamped_on_receipt_and_still_one() -> None:
    body = changed("conversation_status_changed", 1, ("status", "open", "resolved"), status="resolved")
    del body["updated_at"]
    first, again = only(body), only(body)
    assert first.event_id == again.event_id
    assert first.occurred_at == CASE.samples[0].received_ms


def test_what_a_conversation_comes_to() -> None:
    facts = facts_of(CASE, CASE.samples)
    values = replaying.values(facts)
    # The bot answered after 4.75 s; it handed over at 60 s, the agent answered at 90 s; resolved at 120 s.
    assert values["first_response_any"] == 4_750
    assert values["first_response"] == 30_000
    assert values["resolution"] == 120_000
    assert [fact.score for fact in facts if fact.metric == "csat"] == [4.0]
    assert [fact.outcome for fact in facts if fact.metric == "bot_outcome"] == ["handed_off"]


def test_the_documented_signature() -> None:
    sample = CASE.samples[0]
    delivery = CASE.sign(sample, SECRET)
    stamp = delivery.headers["x-chatwoot-timestamp"].encode()
    assert delivery.headers["x-chatwoot-signature"] == "sha256=" + hex_hmac(SECRET, stamp + b"." + sample.body)
    CASE.connector.verify(delivery, CASE.source())


def test_releases_that_do_not_sign_bring_a_secret_of_ours() -> None:
    case = chatwoot.CASE
    source = case.source()
    unsigned = type(source)(source.name, source.tenant, ChatwootOptions(signed=False), source.secrets)
    delivery = case.sign(Sample("one", b"{}", headers={"authorization": "Bearer correct-horse"}), b"another")
    case.connector.verify(delivery, unsigned)
    with pytest.raises(Unverified, match="no secret"):
        case.connector.verify(case.sign(Sample("one", b"{}"), b"another"), unsigned)


def test_another_account_is_refused() -> None:
    source = CASE.source()
    mine = type(source)(source.name, source.tenant, ChatwootOptions(account=6), source.secrets)
    with pytest.raises(InvalidEvent, match="another account"):
        CASE.connector.parse(CASE.sign(CASE.samples[0], SECRET), mine)
