"""Taking a batch apart: every piece of a delivery comes to its own end, whatever becomes of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from connectors.channels.base import Parsed
from schemas.checks import check_event
from schemas.errors import InvalidEvent, Refused
from schemas.records import InteractionEvent

#: What a piece says: events, or the code by which it is ignored.
Said: TypeAlias = "Sequence[InteractionEvent] | str"

_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,60}")


def settle(parsed: Parsed, piece: object, read: Callable[[], Said]) -> None:
    """Put what `read` makes of a piece where it belongs. One that it refuses, or whose events break the contract, is
    parked alone.
    """
    try:
        said = read()
        if not isinstance(said, str):
            for each in said:
                check_event(each)
    except Refused as exc:
        parsed.park(exc.detail, piece)
        return
    if isinstance(said, str):
        parsed.ignore(said)
    else:
        parsed.events.extend(said)


def unknown(what: str, name: object) -> InvalidEvent:
    """The error for a kind that nothing is known about. The name is shown if it looks like one, and is no content."""
    shown = repr(name) if isinstance(name, str) and _CODE.fullmatch(name) else "that cannot be shown here"
    return InvalidEvent(f"unknown {what} {shown}")


def codes(**names: str) -> dict[str, str]:
    """A table from a vendor's names to why they are ignored, written the other way round.

    >>> codes(receipt="read delivered")
    {'read': 'receipt', 'delivered': 'receipt'}
    """
    return {name: code for code, group in names.items() for name in group.split()}
