"""What survey vendors share: which conversation an answer is about, and the answer as an event.

A survey tool knows no conversations. The link to one is a property that was put on the survey when it was sent; without
it the answer stands for itself, under a conversation of its own that has no episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.channels.base import ChannelOptions, Delivery, Source, event
from connectors.channels.payloads import text_of
from schemas.records import Channel, InteractionEvent, Survey
from schemas.times import EpochMs


class SurveyOptions(ChannelOptions):
    """The properties, first one first, that name the conversation and the customer; and where surveys are answered."""

    conversation_fields: tuple[str, ...] = ("conversation_id", "ticket_id")
    customer_fields: tuple[str, ...] = ("customer_id", "user_id", "contact_id")
    channel: Channel = "web_form"


def answer(
    source: Source[Any],
    delivery: Delivery,
    *,
    event_id: str,
    survey: Survey,
    occurred_at: EpochMs,
    properties: Mapping[str, Any],
    customer_id: str | None,
    attributes: dict[str, str],
) -> InteractionEvent:
    """An answer. `customer_id` is the vendor's, for where the properties name none."""
    options: SurveyOptions = source.options
    customer_id = _first(properties, options.customer_fields) or customer_id
    return event(
        source,
        delivery,
        event_id=event_id,
        conversation_id=_first(properties, options.conversation_fields) or f"{source.name}/{survey.survey_id}",
        channel=options.channel,
        type="survey_answered",
        occurred_at=occurred_at,
        actor="customer",
        actor_id=customer_id,
        customer_id=customer_id,
        survey=survey,
        attributes=attributes,
    )


def _first(properties: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for found in (text_of(properties.get(name)) for name in names) if found is not None), None)
