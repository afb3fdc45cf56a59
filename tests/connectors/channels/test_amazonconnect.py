"""What Amazon Connect's contact events and contact records say."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from connectors.channels.amazonconnect import AmazonConnectOptions
from connectors.channels.base import Source
from schemas.errors import Refused
from schemas.records import Call, InteractionEvent
from schemas.times import parse
from tests.connectors.channels.case import SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.amazonconnect import (
    AGENT,
    CASE,
    CONNECTED,
    HUNG_UP,
    INSTANCE,
    OTHER_AGENT,
    QUEUE,
    STORY,
    contact,
    record,
    sample,
)


def told(body: object) -> dict[str, InteractionEvent]:
    """The events by what they are, without the contact's id."""
    parsed = CASE.connector.parse(CASE.sign(sample("one", body), SECRET), CASE.source())
    return {each.event_id.split("/", 1)[1]: each for each in parsed.events}


def facts(*samples: Sample) -> dict[str, Any]:
    return {each.metric: each for each in facts_of(CASE, samples)}


def test_a_call_comes_to_the_same_by_its_events_by_its_record_and_by_both() -> None:
    agent = {
        **CONNECTED["agentInfo"],
        "afterContactWorkStartTimestamp": "2026-03-02T08:15:00.000Z",
        "afterContactWorkEndTimestamp": "2026-03-02T08:16:00.000Z",
        "afterContactWorkDuration": "60",
    }
    completed = sample("completed", contact("COMPLETED", **{**CONNECTED, "agentInfo": agent}, **HUNG_UP))
    whole = sample("record", record())
    by_record, by_both = facts(whole), facts(*STORY, completed, whole)
    assert by_record["first_response"].value_ms == 5 * 60_000
    assert by_record["first_response"].agent_id == "ag-1"
    assert by_record["first_response"].team == "billing"
    assert (by_record["resolution"].value_ms, by_record["resolution"].outcome) == (15 * 60_000, "answered")
    assert by_record["handle_time"].value_ms == 660_000
    assert "transfer" not in by_both
    for metric in ("first_response", "resolution", "customer_wait"):
        assert by_both[metric].value_ms == by_record[metric].value_ms


def test_an_event_and_a_record_tell_the_same_events() -> None:
    disconnected, whole = told(json.loads(STORY[3].body)), told(record())
    assert disconnected == {name: each for name, each in whole.items() if name in disconnected}


def test_a_record_that_comes_again_later_changes_nothing() -> None:
    again = record(LastUpdateTimestamp="2026-03-08T00:00:00Z", Attributes={"more": "later"})
    assert told(again) == told(record())


def test_keys_are_read_in_any_case() -> None:
    detail = {**contact("CONNECTED_TO_AGENT", **CONNECTED)["detail"], "channel": "Voice"}
    detail["AgentInfo"] = {"AgentArn": AGENT, "connectedToAgentTimestamp": "2026-03-02T08:05:00.000Z"}
    del detail["agentInfo"]
    assert told({"detail": detail}) == told(contact("CONNECTED_TO_AGENT", **CONNECTED))
    assert told(detail) == told({"detail": detail})


def test_a_call_nobody_took_was_not_answered() -> None:
    abandoned = facts(sample("abandoned", contact("DISCONNECTED", **HUNG_UP)))
    assert abandoned["resolution"].outcome == "unanswered"
    assert "first_response" not in abandoned


def test_a_transfer_is_the_same_conversation() -> None:
    passed_on = record(NextContactId="co-2", DisconnectReason="AGENT_DISCONNECT")
    second = record(
        ContactId="co-2",
        InitialContactId="co-1",
        PreviousContactId="co-1",
        InitiationMethod="TRANSFER",
        InitiationTimestamp="2026-03-02T08:14:00Z",
        Agent={"ARN": OTHER_AGENT, "ConnectedToAgentTimestamp": "2026-03-02T08:16:00Z", "AgentInteractionDuration": 60},
        Queue=None,
        DisconnectTimestamp="2026-03-02T08:20:00Z",
    )
    both = facts(sample("first", passed_on), sample("second", second))
    assert both["transfer"].outcome == "agent"
    assert both["resolution"].value_ms == 20 * 60_000
    assert "reopen" not in both


def test_an_outbound_call_waits_for_nobody_and_counts_when_it_is_taken() -> None:
    out = {"initiationMethod": "OUTBOUND", **CONNECTED}
    assert [each.type for each in told(contact("CONNECTED_TO_AGENT", **out)).values()] == [
        "conversation_started",
        "assigned",
    ]
    taken = told(contact("CONNECTED_TO_AGENT", **out, connectedToSystemTimestamp="2026-03-02T08:05:09Z"))
    assert taken["answered"].type == "call_answered"
    assert taken["started"].actor_kind == "human"


def test_a_call_that_the_api_makes_rings_at_somebody_who_waits_for_nobody() -> None:
    assert told(contact("INITIATED", initiationMethod="API"))["started"].actor_kind == "system"
    assert told(contact("INITIATED", initiationMethod="API", channel="CHAT"))["started"].actor_kind == "customer"


def test_what_else_comes_by_the_bus_is_kept() -> None:
    found = {"detail-type": "Contact Lens Post-call Rules Matched", "detail": {"contactArn": f"{INSTANCE}/contact/1"}}
    parsed = CASE.connector.parse(CASE.sign(sample("one", found), SECRET), CASE.source())
    assert (parsed.events, len(parsed.parked)) == ([], 1)


def test_a_campaign_is_no_contact() -> None:
    started = told(contact("INITIATED", initiationMethod="OUTBOUND", campaign={"campaignId": "c"}))["started"]
    assert (started.actor_kind, started.automated) == ("system", True)


def test_a_call_back_waits_from_when_it_is_queued() -> None:
    back = {"contactId": "co-9", "initialContactId": "co-1", "initiationMethod": "CALLBACK"}
    assert told(contact("INITIATED", **back)) == {}
    started = told(contact("CONNECTED_TO_AGENT", **{**CONNECTED, **back}))["started"]
    assert (started.occurred_at, started.actor_kind) == (parse("2026-03-02T08:01:00Z"), "customer")
    assert started.conversation_id == "co-1"


@pytest.mark.parametrize(
    ("channel", "more", "kinds", "expected"),
    [
        ("CHAT", {}, {"message"}, "live_chat"),
        ("CHAT", {"segmentAttributes": {"connect:Subtype": {"valueString": "connect:SMS"}}}, {"message"}, "sms"),
        ("CHAT", {"SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:Apple"}}}, {"message"}, "other"),
        ("EMAIL", {}, set(), "email"),
        ("TASK", {}, set(), "other"),
    ],
)  # fmt: skip
def test_channels_and_what_answers_in_them(channel: str, more: dict[str, Any], kinds: set[str], expected: str) -> None:
    found = told(contact("CONNECTED_TO_AGENT", channel=channel, **CONNECTED, **more))
    assert {each.channel for each in found.values()} == {expected}
    assert {each.type for each in found.values()} == {"conversation_started", "assigned", *kinds}


def test_an_agents_reply_by_mail_is_a_message() -> None:
    reply = contact(
        "INITIATED", channel="EMAIL", contactId="co-3", initialContactId="co-1", initiationMethod="AGENT_REPLY",
        agentInfo={"agentArn": AGENT},
    )  # fmt: skip
    (found,) = told(reply).values()
    assert (found.type, found.actor_kind, found.actor_id, found.conversation_id) == ("message", "human", "ag-1", "co-1")


def test_the_queue_of_one_agent_is_no_team() -> None:
    own = {"queueArn": f"{QUEUE[:-5]}/agent/ag-1", "queueType": "AGENT", "enqueueTimestamp": "2026-03-02T08:01:00Z"}
    assert "queued" not in told(contact("QUEUED", queueInfo=own))


def test_without_durations_the_call_is_what_lies_between() -> None:
    agent = {**CONNECTED["agentInfo"], "afterContactWorkStartTimestamp": "2026-03-02T08:14:00Z",
             "afterContactWorkEndTimestamp": "2026-03-02T08:15:30Z", "afterContactWorkDuration": 90}  # fmt: skip
    found = told(contact("COMPLETED", **{**CONNECTED, "agentInfo": agent}, **HUNG_UP))["handled"]
    assert (found.call, found.occurred_at) == (Call(540, 0, 90), parse("2026-03-02T08:15:30Z"))


def test_one_bad_line_of_many_is_parked_and_a_single_one_refused() -> None:
    bad = {**record(), "InitiationTimestamp": "yesterday"}
    with pytest.raises(Refused):
        told(bad)
    lines = "\n".join(map(json.dumps, [bad, record()])).encode()
    delivery = dataclasses.replace(CASE.sign(STORY[0], SECRET), body=lines)
    parsed = CASE.connector.parse(delivery, CASE.source())
    assert (len(parsed.parked), len(parsed.events)) == (1, 6)


def test_a_list_without_a_contact_is_refused() -> None:
    with pytest.raises(Refused, match="without a contact"):
        told([])


def test_numbers_and_words_of_customers_stay_out() -> None:
    kept = msgspec.json.encode(list(told(record()).values()))
    assert b"+1555" not in kept
    assert b"words of" not in kept
    assert b"someone" not in kept


def test_firehose_brings_its_own_key() -> None:
    delivery = dataclasses.replace(CASE.sign(STORY[0], SECRET), headers={"x-amz-firehose-access-key": SECRET.decode()})
    CASE.connector.verify(delivery, CASE.source())


def test_contacts_of_another_instance_are_parked() -> None:
    source = Source("a", "acme", AmazonConnectOptions(instance_id="in-2"), (SECRET,))
    parsed = CASE.connector.parse(CASE.sign(STORY[0], SECRET), source)
    assert (parsed.events, len(parsed.parked)) == ([], 1)
