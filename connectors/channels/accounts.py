"""The vendor's own name for an account: checked where a source states it, and never believed."""

from __future__ import annotations

from typing import Any

from connectors.channels.base import ChannelOptions, Source
from connectors.channels.payloads import text_of
from schemas.errors import InvalidEvent


class AccountOptions(ChannelOptions):
    """`account`: the vendor's id of the account. A delivery that names another is refused; one that names none passes.

    >>> AccountOptions(account=13)
    """

    account: str | int | None = None


def check_account(source: Source[Any], found: object, field: str) -> None:
    """Raises `InvalidEvent` if the delivery names another account than the source does."""
    expected = text_of(getattr(source.options, "account", None))
    named = text_of(found)
    if expected is not None and named is not None and named != expected:
        raise InvalidEvent(f"{field} is another account than the source's: does the webhook call the right address?")
