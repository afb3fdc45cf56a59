"""What the records of mod_json_cdr say."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest

from connectors.channels.base import Source
from connectors.channels.freeswitch import FreeSwitchOptions
from schemas.errors import MalformedRecord, Refused
from schemas.records import Call, InteractionEvent
from schemas.times import parse
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.freeswitch import AGENT, CALLER, CASE, STORY, T0_S, record, times


def told(body: object, **query: str) -> dict[str, InteractionEvent]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = dataclasses.replace(CASE.sign(Sample("x", raw), SECRET), query=query)
    return {each.event_id.partition("/")[2]: each for each in CASE.connector.parse(delivery, CASE.source()).events}


def test_a_call_of_two_legs() -> None:
    facts = {each.metric: each for each in facts_of(CASE, STORY)}
    first, resolution = facts["first_response"], facts["resolution"]
    assert (first.value_ms, first.agent_id, first.team) == (30_000, "1001@acme.example", "support@acme.example")
    assert (resolution.value_ms, resolution.outcome) == (150_000, "answered")
    assert (facts["handle_time"].value_ms, facts["handle_time"].agent_id) == (120_000, "1001@acme.example")


def test_the_beginning_of_a_call() -> None:
    assert told(record(**CALLER))["started"] == InteractionEvent(
        event_id="leg-a/started",
        tenant="acme",
        source="freeswitch-main",
        channel="voice",
        type="conversation_started",
        occurred_at=parse("2026-03-02T08:00:00Z"),
        ingested_at=RECEIVED_MS,
        conversation_id="leg-a",
        customer_id="+15550100",
        actor_kind="customer",
        team="support@acme.example",
    )


def test_values_are_read_encoded_or_not() -> None:
    assert told(record(encoded=False, **CALLER)) == told(record(encoded=True, **CALLER))


def test_the_record_is_read_however_it_is_wrapped() -> None:
    plain = json.dumps(record(**CALLER)).encode()
    form = urlencode({"cdr": plain}).encode()
    packed = b"cdr=" + base64.b64encode(plain)
    quoted = b"cdr=" + quote(base64.b64encode(plain)).encode()
    assert told(plain) == told(form) == told(packed) == told(quoted)


def test_the_switch_answering_is_nobodys_reply() -> None:
    menu = told(record(uuid="m", direction="inbound", **times(start=0, answer=1, end=60)))
    assert set(menu) == {"started", "ended"}
    facts = {each.metric: each for each in facts_of(CASE, [CASE.samples[2]])}
    assert facts["resolution"].outcome == "unanswered"


def test_micro_seconds_are_read_to_the_millisecond() -> None:
    found = told(record(uuid="m", direction="inbound", **times(start=0.25, bridge=1.125, end=2)))
    assert found["started"].occurred_at == T0_S * 1000 + 250
    assert found["answered"].occurred_at == T0_S * 1000 + 1125


def test_without_variables_the_callflow_tells_the_times() -> None:
    bare = record()
    bare["callflow"] = {
        "caller_profile": {"uuid": "m", "caller_id_number": "5550100"},
        "times": {
            "created_time": str(T0_S * 1_000_000),
            "bridged_time": "0",
            "hangup_time": str((T0_S + 9) * 1_000_000),
        },
    }
    found = told(bare)
    assert (found["started"].occurred_at, found["started"].customer_id) == (T0_S * 1000, "5550100")
    assert found["ended"].occurred_at == (T0_S + 9) * 1000


@pytest.mark.parametrize(
    "origin",
    [
        {"originator": "leg-a"},
        {"originating_leg_uuid": "leg-a"},
        {"profile": {"originator": {"originator_caller_profiles": [{"uuid": "leg-a"}]}}},
    ],
)
def test_a_leg_to_an_agent_belongs_to_the_callers(origin: dict[str, Any]) -> None:
    leg = {name: value for name, value in AGENT.items() if not name.startswith("cc_")}
    (found,) = told(record(**{**leg, **origin})).values()
    assert (found.conversation_id, found.type, found.call) == ("leg-a", "call_ended", Call(100, 20))
    assert found.customer_id is None


def test_where_only_the_callers_leg_is_posted_it_tells_the_cost() -> None:
    source = Source("f", "acme", FreeSwitchOptions(b_legs=False), (SECRET,))
    delivery = CASE.sign(STORY[0], SECRET)
    events = {each.type: each for each in CASE.connector.parse(delivery, source).events}
    assert events["call_ended"].call == Call(120)


def test_a_call_of_ours_is_no_contact() -> None:
    out = told(
        record(uuid="o", direction="inbound", sip_authorized="true", user_name="1001", destination_number="+15550111",
               **times(start=0, bridge=8, end=68))
    )  # fmt: skip
    assert {name: each.actor_kind for name, each in out.items()} == {
        "started": "human",
        "assigned": "system",
        "answered": "human",
        "handled": "human",
        "ended": "system",
    }
    assert (out["answered"].actor_id, out["answered"].customer_id) == ("1001", "+15550111")


@pytest.mark.parametrize(
    ("disposition", "who"), [("recv_bye", "customer"), ("recv_cancel", "customer"), ("send_bye", "human")]
)
def test_who_hung_up(disposition: str, who: str) -> None:
    assert told(record(**{**CALLER, "sip_hangup_disposition": disposition}))["ended"].actor_kind == who


def test_the_leg_may_be_named_by_the_address() -> None:
    nameless = {name: value for name, value in CALLER.items() if name != "uuid"}
    assert told(record(**nameless), uuid="a_leg-a") == told(record(**CALLER))


def in_xml(record: dict[str, Any]) -> bytes:
    """The same record as mod_xml_cdr writes it."""
    root = ElementTree.Element("cdr", {"core-uuid": "core"})
    ElementTree.SubElement(ElementTree.SubElement(root, "channel_data"), "state").text = "CS_REPORTING"
    variables = ElementTree.SubElement(root, "variables")
    for name, value in record["variables"].items():
        ElementTree.SubElement(variables, name).text = value
    for part in record["callflow"]:
        flow = ElementTree.SubElement(root, "callflow", {"dialplan": "XML"})
        profile = ElementTree.SubElement(flow, "caller_profile")
        for name, value in part["caller_profile"].items():
            inner = ElementTree.SubElement(profile, name)
            if isinstance(value, str):
                inner.text = value
                continue
            for holder, others in value.items():
                for other in others:
                    end = ElementTree.SubElement(inner, holder.removesuffix("s"))
                    for key, text in other.items():
                        ElementTree.SubElement(end, key).text = text
        ElementTree.SubElement(ElementTree.SubElement(flow, "times"), "created_time").text = "0"
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


@pytest.mark.parametrize(
    "leg", [sample for sample in CASE.samples if sample.body[:1] == b"{"], ids=lambda one: one.name
)
def test_the_record_in_xml_says_the_same(leg: Sample) -> None:
    raw = in_xml(json.loads(leg.body))
    expected = told(leg.body)
    assert told(raw) == told(b"cdr=" + raw) == told(urlencode({"cdr": raw}).encode()) == expected
    assert told(b"cdr=" + base64.b64encode(raw)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE cdr [<!ENTITY a "aaaa">]><cdr><variables><uuid>&a;</uuid></variables></cdr>',
        b"<cdr><variables><uuid>x</uuid></cdr>",
        b"<cdr><variables>&undefined;</variables></cdr>",
        b"cdr=<",
    ],
)
def test_xml_that_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRecord):
        told(body)


def test_hearing_it_ring_is_no_answer() -> None:
    rang = {"uuid": "r", "direction": "inbound", **times(start=0, bridge=5, end=40)}
    assert set(told(record(**rang, answer_epoch="0", answer_uepoch="0"))) == {"started", "ended"}
    taken = told(record(**rang, **times(answer=12)))
    assert taken["answered"].occurred_at == (T0_S + 12) * 1000
    # A menu answered before: then it is the bridge that counts.
    assert told(record(**rang, **times(answer=1)))["answered"].occurred_at == (T0_S + 5) * 1000


def part(bridged: float, number: str) -> dict[str, Any]:
    """A part of a callflow: who was put through, and when."""
    return {
        "caller_profile": {"originatee": {"originatee_caller_profiles": [{"destination_number": number}]}},
        "times": {"bridged_time": str(round((T0_S + bridged) * 1_000_000)) if bridged else "0"},
    }


def test_whoever_took_a_call_before_it_was_transferred_has_answered_it() -> None:
    # The variables are those of the last part, in which nobody was put through.
    call = record(uuid="t", direction="inbound", bridge_epoch="0", **times(start=0, answer=1, end=90))
    call["callflow"] = [part(0, "voicemail"), part(10, "1001")]
    taken = told(call)
    assert (taken["answered"].occurred_at, taken["answered"].actor_id) == ((T0_S + 10) * 1000, "1001")
    call["callflow"] = [part(60, "1002"), part(10, "1001")]
    passed_on = told(call)
    assert (passed_on["answered"], passed_on["assigned"]) == (taken["answered"], taken["assigned"])
    assert (passed_on["assigned/2"].assignee_id, passed_on["assigned/2"].occurred_at) == ("1002", (T0_S + 60) * 1000)
    metrics = {each.metric for each in facts_of(CASE, [Sample("t", json.dumps(call).encode())])}
    assert {"first_response", "transfer"} <= metrics


def test_the_queue_knows_the_name_of_the_agent_whose_number_the_callflow_has() -> None:
    queued = record(**CALLER)
    queued["callflow"] = [part(30.4, "1001"), part(2, "1000")]
    found = told(queued)
    assert [found[name].assignee_id for name in ("assigned", "assigned/2")] == ["1000", "1001@acme.example"]
    assert "assigned/3" not in found


def test_each_of_two_who_took_a_call_is_told_what_it_cost_them() -> None:
    call = record(uuid="t", direction="inbound", hold_accum_seconds="5", **times(start=0, answer=1, end=90))
    call["callflow"] = [part(60, "1002"), part(10, "1001")]
    source = Source("f", "acme", FreeSwitchOptions(b_legs=False), (SECRET,))
    events = CASE.connector.parse(CASE.sign(Sample("t", json.dumps(call).encode()), SECRET), source).events
    assert [(each.actor_id, each.call) for each in events if each.type == "call_ended"] == [
        ("1001", Call(50)),
        ("1002", Call(25, 5)),
    ]


def test_what_the_switch_calls_for_nobody_is_no_customers_call() -> None:
    out = told(
        record(uuid="o", direction="outbound", destination_number="+15550111", **times(start=0, bridge=8, end=68))
    )
    assert (out["started"].actor_kind, out["started"].customer_id) == ("human", "+15550111")
    assert told(record(uuid="i", direction="inbound", **times(start=0, end=6)))["started"].actor_kind == "customer"


@pytest.mark.parametrize("body", [b"{}", b"cdr=", b"cdr=%%%", b"<cdr/>", b'{"variables": {"uuid": "x"}}'])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        told(body)


def test_no_name_gets_through() -> None:
    assert "A NAME" not in str([told(each.body) for each in CASE.samples])
