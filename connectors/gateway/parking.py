"""What no connector could use, kept so that a better one can read it again.

A letter holds the delivery's whole body, because a piece of it alone could not be parsed again, and in its key what
parsing needs besides. Signatures, tokens and credentials are not kept: what is parked has been verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.channels.base import AnyConnector, Delivery, Parked, Parsed, Source, in_its_name, read
from schemas.errors import UnknownPayload
from schemas.records import DeadLetter

#: Brokers take letters of 2 MiB; see `schemas.topics`.
_MOST_BYTES = 1_500_000
_MOST_DETAILS = 5
_SECRET_WORDS = ("auth", "cookie", "signature", "token", "secret", "password", "key", "sign", "forwarded")


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came with the body, without what proves who sent it."""

    method: str
    received_at: int
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    #: False: the body was too large to be kept, and only what was parked of it is.
    whole: bool = True


def letter(
    origin: str, delivery: Delivery, parked: Sequence[Parked], reason: str = UnknownPayload.reason
) -> DeadLetter:
    """One letter for everything that was parked of a delivery."""
    details = list(dict.fromkeys(each.detail for each in parked))
    shown = "; ".join(details[:_MOST_DETAILS]) + ("; …" if len(details) > _MOST_DETAILS else "")
    original = delivery.body
    whole = len(original) <= _MOST_BYTES
    if not whole:
        # Larger than a record can be: the pieces themselves, as far as they fit.
        original = b"\n".join(each.original for each in parked)[:_MOST_BYTES]
        shown = f"{shown}; of {len(delivery.body):,} bytes only what was parked is kept, and it cannot be sent again"
    return DeadLetter(
        reason=reason,
        detail=f"{len(parked)} in one delivery: {shown}" if len(parked) > 1 else shown,
        origin=origin,
        parked_at=delivery.received_at,
        key=msgspec.json.encode(
            Envelope(
                delivery.method, delivery.received_at, _harmless(delivery.headers), _harmless(delivery.query), whole
            )
        ),
        original=original,
    )


def _harmless(named: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in named.items() if not any(word in name.lower() for word in _SECRET_WORDS)}


def read_again(parked: DeadLetter, connector: AnyConnector, source: Source[Any]) -> Parsed:
    """What a letter of the gateway says now. Raises `Refused` if it still says nothing.

    Events that were published when it was parked come out again, with the same ids: they change nothing.
    """
    try:
        envelope = msgspec.json.decode(parked.key or b"", type=Envelope)
    except msgspec.DecodeError:
        raise UnknownPayload(
            "the letter's key does not say how the delivery came: it was not parked by a gateway"
        ) from None
    if not envelope.whole:
        raise UnknownPayload("the delivery was too large to be kept whole: let the vendor send it again")
    parsed = read(
        connector,
        Delivery(
            method=envelope.method,
            url="",
            headers=envelope.headers,
            body=parked.original,
            received_at=envelope.received_at,
            query=envelope.query,
        ),
        source,
    )
    parsed.events = [in_its_name(each, source) for each in parsed.events]
    return parsed
