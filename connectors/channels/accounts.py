"""What a source may state of its account at a vendor: its id, and which of its users are machines."""

from __future__ import annotations

from typing import Any

from connectors.channels.base import ChannelOptions, Source
from connectors.channels.payloads import text_of
from schemas.errors import InvalidEvent
from schemas.records import ActorKind


class AccountOptions(ChannelOptions):
    """`account`: the vendor's id of the account. A delivery that names another is refused; one that names none passes.

    `bots`: ids of users that the vendor takes for people and that are none, such as the one that an integration writes
    as.

    >>> AccountOptions(account=13, bots=[9001])
    """

    account: str | int | None = None
    bots: tuple[str | int, ...] = ()


def person_or_bot(source: Source[Any], user_id: str | None) -> ActorKind:
    """What a user of the account is: a `human`, unless the source says that it is a bot."""
    bots = getattr(source.options, "bots", ())
    return "bot" if user_id is not None and user_id in {str(each) for each in bots} else "human"


def check_account(source: Source[Any], found: object, field: str) -> None:
    """Raises `InvalidEvent` if the delivery names another account than the source does."""
    expected = text_of(getattr(source.options, "account", None))
    named = text_of(found)
    if expected is not None and named is not None and named != expected:
        raise InvalidEvent(f"{field} is another account than the source's: does the webhook call the right address?")
