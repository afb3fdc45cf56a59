"""Ticks: records of `interactions` that say what time it was, for clocks that run out while nobody writes.

A tick has no value. Its timestamp is the instant, its key says what it is and which sources are held. Whatever reads
events passes it over. docs/decisions/0006-timers.md has the reasons.
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
_decode = msgspec.msgpack.Decoder(list[SourceName]).decode


def tick_key(held: Iterable[SourceName] = ()) -> bytes:
    """The key of a tick that leaves the conversations of these sources alone."""
    named = sorted(held)
    return _PREFIX + _encode(named) if named else _PREFIX


def is_tick(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record of `interactions` is a tick."""
    return value is None and key is not None and key.startswith(_PREFIX)


def held_sources(key: bytes) -> frozenset[SourceName]:
    """The sources that the tick with this key leaves alone. What a later release wrote there counts as none."""
    if key == _PREFIX:
        return frozenset()
    try:
        return frozenset(_decode(key[len(_PREFIX) :]))
    except msgspec.MsgspecError:
        return frozenset()
