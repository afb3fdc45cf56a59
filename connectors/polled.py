"""What is read from a mailbox or a log: its events, the letter of a piece that makes none, and reading that again.

A letter holds the piece's bytes, and in its key what reading needs besides: whose it was, when it came, whether it was
history. No password is among it, and letters of earlier releases have no such key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.channels.base import AnyConnector, ChannelOptions, Delivery, Parsed, Source, settled
from connectors.channels.mail import MailOptions, read_mail, tell
from connectors.channels.registry import channels
from schemas.errors import UnknownPayload
from schemas.records import DeadLetter, InteractionEvent
from schemas.times import EpochMs

IMAP, FOLLOW = "imap", "follow"
#: Brokers take letters of 2 MiB; see `schemas.topics`.
_MOST_BYTES = 1_500_000


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A letter's key."""

    tenant: str
    received_at: EpochMs
    options: dict[str, Any]
    account: str = ""
    historical: bool = False
    offset: int = 0
    #: False: the piece was too large to be kept, and only its beginning is.
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A mail, or lines of a log from `offset` on."""

    original: bytes
    source: Source[Any]
    received_at: EpochMs
    historical: bool
    offset: int = 0

    def of_mail(self) -> Parsed:
        """What a mail says. Raises `Refused`."""
        parsed = Parsed()
        tell(read_mail(self.original), self._delivery("FETCH"), self.source, parsed)
        return parsed

    def of_log(self, connector: AnyConnector) -> Parsed:
        """What lines say, as their channel reads them. Raises `Refused`."""
        return connector.parse(self._delivery("FOLLOW"), self.source)

    def events(self, parsed: Parsed) -> list[InteractionEvent]:
        """The events, as they are published."""
        return [
            msgspec.structs.replace(each, historical=self.historical)
            for each in settled(parsed.events, self.source, self.received_at)
        ]

    def letter(self, origin: str, reason: str, detail: str, parked_at: EpochMs) -> DeadLetter:
        """The letter of a piece that cannot be used; of one that is larger than a letter can be, its beginning."""
        whole = len(self.original) <= _MOST_BYTES
        if not whole:
            detail = f"{detail}; of {len(self.original):,} bytes only the first are kept, and it cannot be sent again"
        kept = _Kept(
            self.source.tenant,
            self.received_at,
            self.source.options.model_dump(mode="json", exclude_defaults=True),
            self.source.account,
            self.historical,
            self.offset,
            whole,
        )
        return DeadLetter(
            reason=reason,
            detail=detail,
            origin=origin,
            parked_at=parked_at,
            key=msgspec.json.encode(kept),
            original=self.original[:_MOST_BYTES],
        )

    def _delivery(self, method: str) -> Delivery:
        return Delivery(method, "", {}, self.original, self.received_at, {"offset": str(self.offset)})


def read_again(parked: DeadLetter) -> Parsed:
    """What a letter of `imap/SOURCE/MAILBOX` or `follow/VENDOR/SOURCE` says now. Raises `Refused` if still nothing.

    Events that were published when it was parked come out again, with the same ids: they change nothing.
    """
    try:
        kept = msgspec.json.decode(parked.key or b"", type=_Kept)
    except msgspec.DecodeError:
        raise UnknownPayload("the letter's key does not say how it was read: an earlier release parked it") from None
    if not kept.whole:
        raise UnknownPayload("it was too large to be kept whole")
    how, first, second = (*parked.origin.split("/", 2), "", "")[:3]
    if how == IMAP:
        piece = _piece(parked, kept, first, MailOptions)
        parsed = piece.of_mail()
    elif how == FOLLOW and first in channels():
        piece = _piece(parked, kept, second, channels()[first].Options)
        parsed = piece.of_log(channels()[first])
    else:
        raise UnknownPayload("the letter is of no mailbox and of no log that is known here")
    parsed.events = piece.events(parsed)
    return parsed


def _piece(parked: DeadLetter, kept: _Kept, name: str, options: type[ChannelOptions]) -> Piece:
    source = Source(name, kept.tenant, options.model_validate(kept.options), account=kept.account)
    return Piece(parked.original, source, kept.received_at, kept.historical, kept.offset)
