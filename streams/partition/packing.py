"""A conversation under its name and as bytes, as a store and the changelog keep it."""

from __future__ import annotations

import msgspec

from streams.partition.head import Head

_pack_into = msgspec.msgpack.Encoder().encode_into
unpack = msgspec.msgpack.Decoder(Head).decode


def pack(head: Head) -> bytes:
    """A head as it is kept."""
    # What `encode` returns keeps the room that the encoder had taken, which is a third more for as long as it lives.
    buffer = bytearray(1024)
    _pack_into(head, buffer)
    return bytes(buffer)


def conversation_key(tenant: str, conversation_id: str) -> str:
    """Names a conversation. The length keeps a slash in a tenant's name from being taken for the separator."""
    return f"{len(tenant)}:{tenant}/{conversation_id}"


def names_of(key: str) -> tuple[str, str]:
    """The reverse: tenant and conversation_id."""
    length, _, rest = key.partition(":")
    return rest[: int(length)], rest[int(length) + 1 :]
