"""Freshdesk's codes for states, priorities and sources of a ticket: numbers in the API, names in placeholders."""

from __future__ import annotations

from typing import Any

from connectors.channels.base import Source
from connectors.channels.payloads import number_of, text_of
from schemas.records import Channel, Priority, Status

STATUSES: dict[str, Status] = {
    "2": "open",
    "3": "pending",
    "4": "resolved",
    "5": "closed",
    "6": "pending",
    "7": "on_hold",
    "open": "open",
    "pending": "pending",
    "resolved": "resolved",
    "closed": "closed",
    "waiting on customer": "pending",
    "waiting on third party": "on_hold",
}
PRIORITIES: dict[str, Priority] = {
    "1": "low", "2": "normal", "3": "high", "4": "urgent",
    "low": "low", "medium": "normal", "high": "high", "urgent": "urgent",
}  # fmt: skip
CHANNELS: dict[str, Channel] = {
    "1": "email",
    "2": "web_form",
    "3": "voice",
    "4": "community",
    "5": "x",
    "6": "social",
    "7": "live_chat",
    "8": "in_app",
    "9": "web_form",
    "10": "email",
    "11": "social",
    "12": "live_chat",
    "13": "whatsapp",
    "email": "email",
    "portal": "web_form",
    "phone": "voice",
    "forum": "community",
    "twitter": "x",
    "facebook": "social",
    "chat": "live_chat",
    "feedback widget": "web_form",
    "outbound email": "email",
    "bot": "live_chat",
    "whatsapp": "whatsapp",
}


def status_of(found: object, source: Source[Any]) -> Status | None:
    """A ticket's status; what the account calls its own comes first. None where nobody said what it means."""
    text = (text_of(found) or "").lower()
    number = number_of(found)
    if number is not None and number.is_integer():
        text = str(int(number))
    own = getattr(source.options, "statuses", {})
    return own.get(text) or STATUSES.get(text)


def priority_of(found: object) -> Priority | None:
    """A ticket's priority."""
    return PRIORITIES.get((text_of(found) or "").lower())
