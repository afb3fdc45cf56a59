"""What every channel is made of, and the way of a delivery through it.

A *delivery* is what a vendor sent in one request. A *source* is one configured account of a vendor: it says the
tenant, the secrets and the options. A *channel* knows a vendor: whether a delivery is genuine, and what it says.

    reply = channel.handshake(delivery, source)     # answered at once, where the vendor asks for one
    channel.verify(delivery, source)                # raises Unverified; sees the raw bytes, before anything parses them
    parsed = channel.parse(delivery, source)        # raises Refused if the whole body makes no sense

`receive` walks that way and puts right clocks that run ahead. Whoever publishes puts every event `in_its_name`, so that
no two accounts' conversations meet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from schemas.errors import SupportpulseError
from schemas.records import ActorKind, Channel, EventType, InteractionEvent
from schemas.times import EpochMs

#: An `occurred_at` further ahead of our clock than this is put back to it (SPEC §1).
SKEW_MS = 300_000
#: A signed timestamp further from our clock than this is a replay, unless the vendor says otherwise.
REPLAY_WINDOW_MS = 300_000


class Unverified(SupportpulseError):
    """A delivery that does not prove who sent it. Says which proof is missing or wrong, never the proof itself."""


class ChannelOptions(BaseModel):
    """What a source may set for its vendor. Unknown options are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


OptionsT = TypeVar("OptionsT", bound=ChannelOptions)


@dataclass(frozen=True, slots=True)
class Source(Generic[OptionsT]):
    """One configured account of a vendor.

    `secrets` are all in force at once, so that one can be rotated without losing a delivery; they are never printed.
    """

    name: str
    tenant: str
    options: OptionsT
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    #: Whose ids its vendor's are: sources of one account speak of the same conversations. Empty: its own.
    account: str = ""

    def own(self, vendors_id: str) -> str:
        """A vendor's id as one that no other account's can be: most vendors count from 1."""
        return f"{self.account or self.name}:{vendors_id}"

    def own_person(self, vendors_id: str | None) -> str | None:
        """As `own`, but an e-mail address or a phone number is the same person everywhere, and stays as it is."""
        if vendors_id is None or "@" in vendors_id or vendors_id.startswith("+"):
            return vendors_id
        return self.own(vendors_id)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came. Header names are in lower case; `url` is the address that the vendor called."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: EpochMs
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a vendor's handshake is answered with."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Parked:
    """A piece of a delivery that nothing is known about. `detail` is safe to show: no content in it."""

    detail: str
    original: bytes


@dataclass(slots=True)
class Parsed:
    """What a delivery says. `ignored` holds, per piece that means nothing here, a code from a bounded set."""

    events: list[InteractionEvent] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)

    def ignore(self, code: str) -> None:
        """Count a known piece that means nothing here, by a short code such as `read_receipt`."""
        self.ignored.append(code)

    def park(self, detail: str, piece: object) -> None:
        """Keep a piece of JSON that nothing is known about, to be looked at and sent again."""
        self.parked.append(Parked(detail, piece if isinstance(piece, bytes) else msgspec.json.encode(piece)))


class ChannelConnector(ABC, Generic[OptionsT]):
    """A vendor. Stateless: everything that differs between accounts comes with the source.

    `vendor` is the name in `sources.yaml` and in addresses; `Options` the model of its options; `content_types` what
    its requests may carry (empty: anything).
    """

    vendor: ClassVar[str]
    Options: ClassVar[type[ChannelOptions]] = ChannelOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"application/json"})
    #: Whether a source without any secret makes sense, because the vendor cannot sign.
    unsigned: ClassVar[bool] = False

    def handshake(self, delivery: Delivery, source: Source[OptionsT]) -> Reply | None:  # noqa: ARG002
        """The answer to a vendor's question whether we are there; None if this is no such question.

        Raises `Unverified` if it is one and its proof is wrong.
        """
        return None

    def receipt(self, delivery: Delivery) -> Reply | None:  # noqa: ARG002
        """What a vendor wants to read once its delivery has been taken; None where the status says it."""
        return None

    @abstractmethod
    def verify(self, delivery: Delivery, source: Source[OptionsT]) -> None:
        """Raise `Unverified` unless the raw bytes prove that the vendor sent them for this source."""

    @abstractmethod
    def parse(self, delivery: Delivery, source: Source[OptionsT]) -> Parsed:
        """What the delivery says. Raises `Refused` if the body is not what its vendor sends at all."""


AnyConnector = ChannelConnector[Any]


def event(
    source: Source[Any],
    delivery: Delivery,
    *,
    event_id: str,
    conversation_id: str,
    channel: Channel,
    type: EventType,  # noqa: A002  named like the field
    occurred_at: EpochMs,
    actor: ActorKind,
    actor_id: str | None = None,
    **said: Any,
) -> InteractionEvent:
    """An event of a source, with everything that does not depend on the vendor. `said` are further fields of it."""
    return InteractionEvent(
        event_id=event_id,
        tenant=source.tenant,
        source=source.name,
        channel=channel,
        type=type,
        occurred_at=occurred_at,
        ingested_at=delivery.received_at,
        conversation_id=conversation_id,
        actor_kind=actor,
        actor_id=actor_id,
        **said,
    )


def receive(connector: AnyConnector, delivery: Delivery, source: Source[Any]) -> Reply | Parsed:
    """Take a delivery: the handshake's reply, or what it says with clocks that run ahead put right.

    Raises `Unverified` and `Refused`.
    """
    reply = admit(connector, delivery, source)
    return read(connector, delivery, source) if reply is None else reply


def admit(connector: AnyConnector, delivery: Delivery, source: Source[Any]) -> Reply | None:
    """The first half of `receive`: a handshake's reply, or None for a delivery that is genuine. Raises `Unverified`."""
    reply = connector.handshake(delivery, source)
    if reply is None:
        connector.verify(delivery, source)
    return reply


def read(connector: AnyConnector, delivery: Delivery, source: Source[Any]) -> Parsed:
    """The second half of `receive`: what a genuine delivery says. Raises `Refused`."""
    parsed = connector.parse(delivery, source)
    parsed.events = clamped(parsed.events, delivery.received_at)
    return parsed


def in_its_name(each: InteractionEvent, source: Source[Any]) -> InteractionEvent:
    """The event with the vendor's ids as those of the source's account: no two accounts' conversations meet."""
    return msgspec.structs.replace(
        each,
        conversation_id=source.own(each.conversation_id),
        merged_into=None if each.merged_into is None else source.own(each.merged_into),
        customer_id=source.own_person(each.customer_id),
        actor_id=source.own_person(each.actor_id),
        assignee_id=source.own_person(each.assignee_id),
    )


def settled(events: Sequence[InteractionEvent], source: Source[Any], now_ms: EpochMs) -> list[InteractionEvent]:
    """What a channel said, as it is published: `clamped`, and `in_its_name`."""
    return [in_its_name(each, source) for each in clamped(events, now_ms)]


def clamped(events: Sequence[InteractionEvent], now_ms: EpochMs) -> list[InteractionEvent]:
    """The events, with an `occurred_at` more than `SKEW_MS` ahead of `now_ms` set to it and marked (SPEC §1)."""
    return [_clamp(each, now_ms) if each.occurred_at > now_ms + SKEW_MS else each for each in events]


def _clamp(each: InteractionEvent, now_ms: EpochMs) -> InteractionEvent:
    ahead_ms = each.occurred_at - now_ms
    return msgspec.structs.replace(
        each, occurred_at=now_ms, attributes={**each.attributes, "clock_skew": f"{ahead_ms} ms ahead"}
    )
