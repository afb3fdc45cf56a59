"""What WhatsApp's webhooks say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.channels.base import Delivery, Parsed, Reply, Source, Unverified, receive
from connectors.channels.whatsapp import WhatsApp, WhatsAppOptions
from schemas.errors import Refused
from schemas.records import InteractionEvent
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.replaying import named, steadfast, told, values
from tests.connectors.channels.shared_payloads import documents, outcome
from tests.connectors.channels.vendors.whatsapp import (
    BEGAN_S,
    CASE,
    CUSTOMER,
    NUMBER,
    STORY,
    TAKEN,
    agent_echo,
    batch,
    call,
    change,
    echo,
    handover,
    incoming,
    message,
    standby,
    status,
)


def one(body: bytes, **options: Any) -> InteractionEvent:
    """The one event of a delivery, for a source with these options."""
    source = Source("whatsapp-main", "acme", WhatsAppOptions(**options), (SECRET,))
    parsed = receive(CASE.connector, CASE.sign(Sample("one", body), SECRET), source)
    assert isinstance(parsed, Parsed)
    (event,) = parsed.events
    return event


def test_a_story_gives_its_response_times() -> None:
    found = steadfast(CASE, STORY)
    assert values(found) == {
        "first_response_any": 0,
        # The bot answered the first turn, so the clock of the second starts at its message: nobody had handed off.
        "first_response": 120_000,
        "next_response": 10_000,
        "handle_time": 90_000,
    }
    assert {fact.agent_id for fact in found if fact.metric == "first_response"} == {"amal"}


def test_a_message_says_all_that_is_known_of_it() -> None:
    assert one(STORY[0].body) == InteractionEvent(
        event_id="wamid.in1",
        tenant="acme",
        source="whatsapp-main",
        channel="whatsapp",
        type="message",
        occurred_at=BEGAN_S * 1000,
        ingested_at=RECEIVED_MS,
        conversation_id=f"5550001:{CUSTOMER}",
        customer_id=CUSTOMER,
        actor_kind="customer",
        actor_id=CUSTOMER,
        sequence=0,
        attributes={"content": "text", "text_length": "19"},
    )


@pytest.mark.parametrize(
    ("said", "options", "expected"),
    [
        ({}, {}, ("bot", None, False)),
        ({}, {"api_sender": "human"}, ("human", None, False)),
        ({"biz_opaque_callback_data": "agent:7"}, {}, ("human", "7", False)),
        ({"biz_opaque_callback_data": "bot"}, {"api_sender": "human"}, ("bot", None, False)),
        ({"biz_opaque_callback_data": "order 5"}, {}, ("bot", None, False)),
        ({"pricing": {"category": "service"}}, {}, ("bot", None, False)),
        ({"pricing": {"category": "utility"}}, {}, ("bot", None, True)),
        ({"pricing": {"category": "marketing_lite"}}, {"api_sender": "human"}, ("human", None, True)),
        ({"conversation": {"id": "c", "origin": {"type": "marketing"}}}, {}, ("bot", None, True)),
        ({"conversation": {"id": "c", "origin": {"type": "user_initiated"}}}, {}, ("bot", None, False)),
    ],
)
def test_who_wrote_what_was_sent_through_the_api(
    said: dict[str, Any], options: dict[str, Any], expected: tuple[str, str | None, bool]
) -> None:
    found = one(batch(status(1, 5, "sent", **said)), **options)
    assert (found.actor_kind, found.actor_id, found.automated) == expected
    assert (found.event_id, found.conversation_id) == ("wamid.out1:sent", f"5550001:{CUSTOMER}")


def test_every_way_of_telling_names_the_same_conversation() -> None:
    conversations = {
        event.conversation_id
        for name in ("asked", "bot-answers", "person-on-the-phone", "calls", "call-ends", "past")
        for event in told(CASE, named(CASE, name)).events
    }
    assert conversations == {f"5550001:{CUSTOMER}"}


def test_what_a_person_wrote_in_the_app_is_a_persons() -> None:
    found = one(batch(echo(1, 30)))
    assert (found.actor_kind, found.customer_id, found.event_id) == ("human", CUSTOMER, "wamid.app1")


def test_the_past_is_historical_and_knows_who_wrote() -> None:
    events = told(CASE, named(CASE, "past")).events
    assert [(each.actor_kind, each.historical) for each in events] == [("customer", True), ("human", True)]


def test_while_metas_agent_is_in_control_it_is_the_bot_that_answers() -> None:
    asked = one(batch(standby(messages=[message(1, 0)])))
    assert asked == one(batch(incoming(1, 0)))
    answered = one(batch(standby(message_echoes=[agent_echo(1, 3)])), api_sender="human")
    assert (answered.actor_kind, answered.conversation_id) == ("bot", asked.conversation_id)
    assert (answered.occurred_at, answered.automated) == ((BEGAN_S + 3) * 1000, False)
    assert one(batch(standby(message_echoes=[agent_echo(2, 3, "template")]))).automated
    sent = {"id": "wamid.ai1", "status": "sent", "timestamp": str(BEGAN_S + 3), "recipient_id": CUSTOMER}
    assert one(batch(standby(statuses=[sent])), api_sender="human").actor_kind == "bot"
    assert one(batch(echo(1, 3))).actor_kind == "human"


@pytest.mark.parametrize(
    ("kind", "roles", "wanted"),
    [
        ("control_passed", {"previous_owner_role": "ai_agent", "new_owner_role": "escalation"}, True),
        ("control_passed", {}, True),
        ("control_taken", {"previous_owner_role": "ai_agent", "new_owner_role": "customer_service"}, True),
        ("control_taken", {"previous_owner_role": "ai_agent"}, True),
        ("control_taken", {}, False),
        ("control_taken", {"previous_owner_role": "escalation", "new_owner_role": "ai_agent"}, False),
        ("control_passed", {"previous_owner_role": "ai_agent", "new_owner_role": "marketing"}, False),
    ],
)
def test_a_person_is_wanted_when_control_goes_to_one(kind: str, roles: dict[str, str], wanted: bool) -> None:
    parsed = told(CASE, Sample("handover", batch(handover(40, kind, **roles))))
    assert [each.type for each in parsed.events] == ["handoff_requested"] * wanted
    assert parsed.ignored == ([] if wanted else ["control_changed"])
    if wanted:
        (event,) = parsed.events
        assert (event.conversation_id, event.actor_kind) == (f"5550001:{CUSTOMER}", "bot")


def test_a_call_that_does_not_say_when_it_was_taken_says_how_long_it_was() -> None:
    taken = {name: value for name, value in TAKEN.items() if name != "start_time"}
    answered, ended = told(CASE, Sample("ended", batch(call("terminate", 700, **taken)))).events
    assert (answered.occurred_at, ended.occurred_at) == ((BEGAN_S + 610) * 1000, (BEGAN_S + 700) * 1000)


def test_a_call_is_the_customers_whichever_way_round_it_is_told() -> None:
    for ends in ({}, {"from": NUMBER, "to": CUSTOMER}, {"from": None, "from_user_id": CUSTOMER}):
        told_of = call("connect", 5, direction=None, session={"sdp_type": "offer"}, **ends)
        found = one(batch(told_of))
        assert (found.type, found.actor_id, found.customer_id) == ("conversation_started", CUSTOMER, CUSTOMER)
    ours = call("connect", 5, direction=None, session={"sdp_type": "answer"})
    assert told(CASE, Sample("ours", batch(ours))).ignored == ["call_progress"]


def test_a_hidden_number_and_a_group() -> None:
    hidden = told(CASE, named(CASE, "hidden-number")).events[0]
    assert (hidden.conversation_id, hidden.customer_id) == ("5550001:AE.77", "AE.77")
    group = told(CASE, named(CASE, "in-a-group")).events[0]
    assert (group.conversation_id, group.customer_id) == ("5550001:G1", CUSTOMER)


def test_seconds_may_be_numbers() -> None:
    with_number = change({"messages": [{**message(1, 0), "timestamp": BEGAN_S}]})
    assert one(batch(with_number)).occurred_at == BEGAN_S * 1000


def test_what_cannot_be_used_does_not_keep_the_rest_back() -> None:
    broken = change({"messages": [{**message(1, 0), "timestamp": "yesterday"}, message(2, 5)]})
    parsed = told(CASE, Sample("half", batch(broken)))
    assert [each.event_id for each in parsed.events] == ["wamid.in2"]
    assert [each.detail for each in parsed.parked] == ["messages.timestamp is not a number of seconds"]
    assert json.loads(parsed.parked[0].original)["id"] == "wamid.in1"


def test_an_account_of_somebody_else_gives_no_event() -> None:
    source = Source("s", "acme", WhatsAppOptions(accounts=frozenset({"other"})), (SECRET,))
    parsed = WhatsApp().parse(Delivery("POST", "u", {}, batch(incoming(1, 0)), RECEIVED_MS), source)
    assert (parsed.events, len(parsed.parked)) == ([], 1)


@pytest.mark.parametrize(
    "body",
    [b'{"object": "page", "entry": [{}]}', b'{"object": "whatsapp_business_account"}', b"[]", b"{", b'{"entry": 1}'],
)
def test_what_is_not_whatsapps_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        CASE.connector.parse(Delivery("POST", "u", {}, body, RECEIVED_MS), CASE.source())


def test_the_handshake_needs_the_verify_token() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "plum", "hub.challenge": "1158201444"}
    assert receive(CASE.connector, Delivery("GET", "u", {}, b"", 0, query), CASE.source()) == Reply(b"1158201444")
    without: dict[str, str] = {}
    for wrong in ({**query, "hub.verify_token": "pear"}, {**query, "hub.mode": "x"}, without):
        with pytest.raises(Unverified):
            receive(CASE.connector, Delivery("GET", "u", {}, b"", 0, wrong), CASE.source())
    with pytest.raises(Unverified, match="verify_token"):
        WhatsApp().handshake(Delivery("GET", "u", {}, b"", 0, query), Source("s", "acme", WhatsAppOptions()))


#: The beginning of a name → what every payload of it comes to.
KNOWN = {
    "pywa_account_update": "(account)",
    "pywa_callback_selection": "customer message",
    "pywa_flow_completion": "customer message",
    "pywa_message.reaction": "(reaction)",
    "pywa_message.text": "customer message",
    "pywa_message.unsupported": "customer message",
    "pywa_call_connect.user_initiated": "customer conversation_started",
    "pywa_call_terminate": "human call_answered; human call_ended",
    "pywa_outgoing_message.text": "human message",
    "pywa_outgoing_message.edit": "(message_edited)",
    "pywa_system": "(customer_changed)",
    "restfb_webhook-incoming-message-text": "customer message",
    "restfb_webhook-incoming-message-contacts-request-bsuid": "customer message",
    "restfb_webhook-incoming-message-status-bsuid": "(delivery_receipt)",
    # Its time is the word TIMESTAMP.
    "restfb_webhook-incoming-message-status-ui": "PARKED statuses.timestamp is not a number of seconds",
}


def test_the_payloads_beside_the_repository_come_to_their_ends() -> None:
    table = {
        name: outcome(CASE, json.dumps(document).encode())
        for name, document in documents("whatsapp", lambda found: "object" in found and "entry" in found)
    }
    for name, came_to in table.items():
        for beginning, expected in KNOWN.items():
            assert not name.startswith(beginning) or came_to == expected, name
    unclear = [name for name, came_to in table.items() if "PARKED" in came_to or came_to.startswith("refused")]
    assert unclear == ["restfb_webhook-incoming-message-status-ui"]
