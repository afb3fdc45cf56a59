"""What WhatsApp, Messenger and Instagram share: the handshake, the signature, batches, and who an app is.

Meta's documents: "Webhooks: Getting started", "Verification requests", "Validating payloads", and for who writes
through which app "Handover Protocol" and "Message echoes".
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import SecretStr

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Reply, Source, Unverified
from connectors.channels.payloads import (
    from_epoch_ms,
    from_epoch_s,
    json_object,
    list_at,
    number_of,
    object_at,
    text_of,
)
from connectors.channels.pieces import Said, settle
from connectors.channels.signatures import header, hex_hmac, require_match
from schemas.errors import InvalidEvent
from schemas.times import EpochMs

#: Who sends through an API: Meta says that an app did, not who sat behind it.
Sender: TypeAlias = Literal["human", "bot", "system"]


class MetaOptions(ChannelOptions):
    """What the sources of Meta's channels have in common.

    `verify_token` is what was entered beside the callback address; without it the handshake is refused. `accounts`
    are the ids of the pages, accounts or WhatsApp Business accounts of this source: an app sends those of all its
    customers to one address. Empty: all of them are ours.
    """

    verify_token: SecretStr | None = None
    accounts: frozenset[str] = frozenset()


MetaOptionsT = TypeVar("MetaOptionsT", bound=MetaOptions)


class MetaChannel(ChannelConnector[MetaOptionsT]):
    """A product of Meta's: a delivery is an object of `object_name` with a batch of entries."""

    object_name: ClassVar[str]

    def handshake(self, delivery: Delivery, source: Source[MetaOptionsT]) -> Reply | None:
        """The challenge of a verification request, if its token is the source's."""
        if delivery.method != "GET":
            return None
        token = source.options.verify_token
        if delivery.query.get("hub.mode") != "subscribe" or "hub.challenge" not in delivery.query:
            raise Unverified("a GET without hub.mode=subscribe and hub.challenge is no verification request of Meta's")
        if token is None:
            raise Unverified("the source has no verify_token: write the one that was entered beside the address")
        given = delivery.query.get("hub.verify_token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), token.get_secret_value().encode()):
            raise Unverified("hub.verify_token is not the source's verify_token: both sides need the same")
        return Reply(delivery.query["hub.challenge"].encode("utf-8", "replace"))

    def verify(self, delivery: Delivery, source: Source[MetaOptionsT]) -> None:
        """`X-Hub-Signature-256` over the raw body, by the secret of the app."""
        given = header(delivery, "x-hub-signature-256")
        expected = ("sha256=" + hex_hmac(secret, delivery.body) for secret in source.secrets)
        require_match(given, expected, "x-hub-signature-256")


def entries(delivery: Delivery, source: Source[Any], object_name: str, parsed: Parsed) -> Iterator[dict[str, Any]]:
    """The entries of a batch that belong to the source; what is none is parked. Raises `Refused` for other bodies."""
    body = json_object(delivery.body)
    if body.get("object") != object_name:
        raise InvalidEvent(f"the body is no {object_name}: does the app call the address of another of its products?")
    found = body.get("entry")
    if not isinstance(found, list) or not found:
        raise InvalidEvent("the body has no entry")
    for entry in found:
        if not isinstance(entry, dict):
            parsed.park("an entry is not an object", entry)
        elif source.options.accounts and text_of(entry.get("id")) not in source.options.accounts:
            parsed.park("an entry of an account that is not among the source's", entry)
        else:
            yield entry


def settle_each(parsed: Parsed, holder: dict[str, Any], key: str, read: Callable[[dict[str, Any]], Said]) -> None:
    """Settle every piece of a list, such as an entry's `messaging`. What is not an object is parked."""
    if holder.get(key) is None:
        return
    if not isinstance(holder[key], list):
        parsed.park(f"{key} is not a list", holder)
    for piece in list_at(holder, key):
        if isinstance(piece, dict):
            settle(parsed, piece, lambda piece=piece: read(piece))  # type: ignore[misc]
        else:
            parsed.park(f"a piece of {key} is not an object", piece)


def from_epoch(found: object, field: str) -> EpochMs:
    """An entry's time: seconds beside `changes`, milliseconds beside `messaging`, and not always as documented. The
    two cannot be mistaken for one another.
    """
    number = number_of(found)
    return from_epoch_ms(found, field) if number is not None and number >= 1e11 else from_epoch_s(found, field)


def marked(mark: object) -> tuple[Sender, str | None] | None:
    """Who wrote, where the sending app says so in the text that Meta hands through: `agent:ID`, `bot` or `system`."""
    if not isinstance(mark, str):
        return None
    kind, _, who = mark.partition(":")
    if kind == "agent" and who:
        return "human", who
    if kind in ("bot", "system"):
        return ("bot" if kind == "bot" else "system"), who or None
    return None


def contacts_of(value: object) -> list[dict[str, Any]]:
    """The people that a piece names."""
    return [object_at(each) for each in list_at(value, "contacts")]
