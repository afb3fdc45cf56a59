"""What Twilio's products share: a request's parameters, who an address is, and the options of a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Source, event
from connectors.channels.payloads import required, text_of
from schemas.records import ActorKind, Channel, EventType, InteractionEvent
from schemas.times import EpochMs

#: What stands before an address that is no telephone number → our channel.
PREFIXES: Mapping[str, Channel] = {
    "whatsapp": "whatsapp",
    "messenger": "messenger",
    "instagram": "instagram",
    "rcs": "sms",
    "client": "live_chat",
    "chat": "live_chat",
    "viber": "other",
    "gbm": "other",
    "line": "line",
    "telegram": "telegram",
    "email": "email",
}


class TwilioOptions(AccountOptions):
    """`account` is the AccountSid.

    `api_sender`: who writes through the API, which Twilio does not say. `agents`: identities of those who answer in
    Conversations; without any, whoever writes with the SDK does. `answered`: which leg of a call reaches a person. With
    `caller_leg`, somebody takes the call when it is answered; with `agent_leg`, a menu or a queue does, and a person
    when a leg that the call was connected to (`<Dial>`, with a status callback) is answered.
    """

    api_sender: Literal["human", "bot", "system"] = "bot"
    agents: frozenset[str] = frozenset()
    answered: Literal["caller_leg", "agent_leg"] = "caller_leg"


@dataclass(frozen=True, slots=True)
class Request:
    """The parameters of one request, with what every event of it needs."""

    params: Mapping[str, Any]
    delivery: Delivery
    source: Source[TwilioOptions]

    def get(self, name: str) -> str | None:
        """A parameter; None where it is missing or empty."""
        return text_of(self.params.get(name))

    def need(self, *names: str) -> str:
        """The first of these parameters that is there."""
        return required(next(filter(None, map(self.get, names)), None), names[0])

    def tell(
        self,
        event_id: str,
        event_type: EventType,
        at: EpochMs,
        by: tuple[ActorKind, str | None],
        conversation_id: str,
        channel: Channel,
        **said: Any,
    ) -> InteractionEvent:
        """An event. `said` are further fields of it."""
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=conversation_id,
            channel=channel,
            type=event_type,
            occurred_at=at,
            actor=by[0],
            actor_id=by[1],
            **said,
        )


def channel_of(address: str, otherwise: Channel) -> Channel:
    """The channel that an address is on; `otherwise` for a number without a prefix."""
    prefix, colon, _ = address.partition(":")
    return PREFIXES.get(prefix.lower(), "other") if colon else otherwise


def is_address(name: str) -> bool:
    """Whether it is a customer's number or address, rather than an identity of somebody who has logged in."""
    prefix, colon, rest = name.partition(":")
    bare = rest if colon and prefix.lower() in PREFIXES else name
    return bool(colon and prefix.lower() in PREFIXES) or (bare.startswith("+") and bare[1:].isdigit())
