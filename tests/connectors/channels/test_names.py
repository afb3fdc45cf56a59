"""Vendors count from 1: no two accounts' conversations, customers or agents may meet."""

from __future__ import annotations

import msgspec
import pytest

from connectors.channels.base import ChannelOptions, Source, in_its_name
from schemas.records import InteractionEvent


def told(**said: str) -> InteractionEvent:
    event = InteractionEvent(
        event_id="e1",
        tenant="acme",
        source="desk",
        channel="email",
        type="message",
        occurred_at=1_772_442_000_000,
        conversation_id="141",
        actor_kind="human",
    )
    return msgspec.structs.replace(event, **said)


def test_the_same_number_in_two_accounts_is_two_things() -> None:
    event = told(customer_id="7", actor_id="3", assignee_id="4", merged_into="9")
    one = in_its_name(event, Source("zendesk-emea", "acme", ChannelOptions()))
    other = in_its_name(event, Source("chatwoot", "acme", ChannelOptions()))
    assert (one.conversation_id, one.customer_id, one.actor_id, one.assignee_id, one.merged_into) == (
        "zendesk-emea:141",
        "zendesk-emea:7",
        "zendesk-emea:3",
        "zendesk-emea:4",
        "zendesk-emea:9",
    )
    assert other.conversation_id == "chatwoot:141"
    assert one.event_id == event.event_id


def test_two_sources_of_one_account_speak_of_the_same_conversations() -> None:
    app = in_its_name(told(), Source("front-app", "acme", ChannelOptions(), account="front"))
    rule = in_its_name(told(), Source("front-rule", "acme", ChannelOptions(), account="front"))
    assert app.conversation_id == rule.conversation_id == "front:141"


@pytest.mark.parametrize("address", ["amal@example.com", "+966500000001"])
def test_an_address_is_the_same_person_everywhere(address: str) -> None:
    event = in_its_name(told(customer_id=address, actor_id=address), Source("imap", "acme", ChannelOptions()))
    assert (event.customer_id, event.actor_id) == (address, address)


def test_what_was_not_said_stays_unsaid() -> None:
    event = in_its_name(told(), Source("imap", "acme", ChannelOptions()))
    assert (event.customer_id, event.actor_id, event.assignee_id, event.merged_into) == (None, None, None, None)
