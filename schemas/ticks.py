"""Ticks: records of `interactions` that say what time it was, for clocks that run out while nobody writes.

A tick has no value. Its timestamp is the instant, its key says what it is and what else holds from there on. Whatever
reads events passes it over. docs/decisions/0006-timers.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

#: No event has such a key: theirs is tenant/conversation.
_PREFIX = b"\x00tick"

#: Tenant and source.
SourceName = tuple[str, str]
#: In the place of a tenant: the source of this name, whosever it is.
ANY_TENANT = ""

_encode = msgspec.msgpack.Encoder().encode


class Tick(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a tick says besides the time. New fields go to the end, with a default."""

    #: Conversations of these sources are left alone.
    held: frozenset[SourceName] = frozenset()
    #: The policies of this edition, or of a later one, judge everything behind the tick.
    edition: int = 0
    #: Conversations that an earlier edition judged are judged again here, up to this name; empty: none.
    upto: str = ""


_PLAIN = Tick()
_decode = msgspec.msgpack.Decoder(Tick).decode


def tick_key(held: Iterable[SourceName] = (), *, edition: int = 0, upto: str = "") -> bytes:
    """The key of a tick that says this."""
    # Sorted: the same tick has the same bytes.
    said = (sorted(held), edition, upto)
    return _PREFIX + _encode(said) if any(said) else _PREFIX


def is_tick(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record of `interactions` is a tick."""
    return value is None and key is not None and key.startswith(_PREFIX)


def read_tick(key: bytes) -> Tick:
    """What the tick with this key says. What a later release wrote there counts as nothing."""
    if key == _PREFIX:
        return _PLAIN
    try:
        return _decode(key[len(_PREFIX) :])
    except msgspec.MsgspecError:
        return _PLAIN
