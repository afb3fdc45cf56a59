"""What an event is to the fold."""

from __future__ import annotations

from schemas.records import InteractionEvent


def is_contact(event: InteractionEvent) -> bool:
    """The customer wants something. Machines that answer for the customer want nothing, and thanks are no question."""
    if event.actor_kind != "customer":
        return False
    return event.type == "conversation_started" or (event.type == "message" and not event.automated and not event.ack)


def is_human_reply(event: InteractionEvent) -> bool:
    """An agent wrote, or picked the phone up."""
    return event.type in ("message", "call_answered") and event.actor_kind == "human" and not event.automated


def is_bot_reply(event: InteractionEvent) -> bool:
    """A bot wrote something of its own."""
    return event.type == "message" and event.actor_kind == "bot" and not event.automated


def is_done(event: InteractionEvent) -> bool:
    """Somebody says that this is over."""
    return event.type == "status_changed" and event.status in ("resolved", "closed")


def says_working(event: InteractionEvent) -> bool:
    """Somebody says that this is not over."""
    return event.type == "status_changed" and event.status in ("open", "pending", "on_hold")


def begins_an_episode(event: InteractionEvent, done: bool) -> bool:
    """Whether it does, in a conversation that has none open.

    One that is done is begun again only by a customer who wants something, or by somebody who says so.
    """
    if is_contact(event) or says_working(event):
        return True
    if done:
        return False
    return is_human_reply(event) or is_bot_reply(event) or event.type in ("conversation_started", "handoff_requested")
