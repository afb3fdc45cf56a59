"""All conversations of one partition, packed, and what a chunk changes in them before it is published.

A conversation of six events costs about 600 bytes packed, several times that as objects; unpacking one takes about
2 µs. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from streams.fold.events import LogEvent
from streams.fold.state import FoldState
from streams.partition.conversation import Conversation, Head
from streams.partition.log import is_full, seal, unpack
from streams.sla.policies import PolicyBook

pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Head).decode


def conversation_key(tenant: str, conversation_id: str) -> str:
    """Names a conversation. The length keeps a slash in a tenant's name from being taken for the separator."""
    return f"{len(tenant)}:{tenant}/{conversation_id}"


def names_of(key: str) -> tuple[str, str]:
    """The reverse: tenant and conversation_id."""
    length, _, rest = key.partition(":")
    return rest[: int(length)], rest[int(length) + 1 :]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A packed piece of a conversation: its head (`segment` None) or one of its sealed segments."""

    key: str
    segment: int | None
    #: None: forget it.
    packed: bytes | None
    #: Source offset of the event that last changed it.
    offset: int


@dataclass(slots=True)
class Store:
    """The published state of one partition."""

    book: PolicyBook
    #: Everything up to and including this source offset has been applied.
    applied: int = -1
    heads: dict[str, bytes] = field(default_factory=dict)
    segments: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def put(self, entry: Entry) -> None:
        """Publish one entry."""
        if entry.segment is None:
            _set(self.heads, entry.key, entry.packed)
        else:
            _set(self.segments, (entry.key, entry.segment), entry.packed)

    def draft(self) -> Draft:
        """Copies to fold a chunk into."""
        return Draft(self)


class Draft:
    """Copies of the conversations that a chunk touches. The store does not change until `entries` are put."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Conversation] = {}
        self._sealed: dict[tuple[str, int], bytes] = {}
        self._changed: dict[str, Conversation] = {}

    def conversation(self, tenant: str, conversation_id: str) -> Conversation:
        """The conversation, unpacked once per chunk; a new one when it is not known."""
        key = conversation_key(tenant, conversation_id)
        found = self._open.get(key)
        if found is None:
            packed = self._store.heads.get(key)
            head = Head(FoldState()) if packed is None else _unpack(packed)
            found = self._open[key] = self._conversation(key, tenant, conversation_id, head)
        return found

    def all(self) -> Iterator[Conversation]:
        """Every conversation of the store, one after the other; only those `touched` stay unpacked."""
        for key, packed in self._store.heads.items():
            yield self._conversation(key, *names_of(key), _unpack(packed))

    def touched(self, conversation: Conversation, offset: int) -> None:
        """The event at `offset` has changed the conversation."""
        head, key = conversation.head, conversation.key
        head.offset = offset
        self._changed[key] = conversation
        if is_full(head.log, head.count):
            self._sealed[key, head.segments] = seal(head.log, head.count)
            head.segments += 1
            head.log, head.count = b"", 0

    def entries(self) -> list[Entry]:
        """What the chunk changed: segments before the heads that count on them."""
        changed = self._changed
        found = [Entry(key, n, packed, changed[key].head.offset) for (key, n), packed in self._sealed.items()]
        for key, conversation in changed.items():
            if conversation.head.erased:
                found += self._orphans(key, conversation.head.offset)
        found += [
            Entry(key, None, pack(conversation.head), conversation.head.offset) for key, conversation in changed.items()
        ]
        return found

    def segment(self, key: str, number: int) -> bytes:
        """A sealed segment, packed."""
        return self._sealed.get((key, number)) or self._store.segments[key, number]

    def _conversation(self, key: str, tenant: str, conversation_id: str, head: Head) -> Conversation:
        return Conversation(key, tenant, conversation_id, head, self._store.book, _Archive(self, key, head))

    def _orphans(self, key: str, offset: int) -> Iterator[Entry]:
        """Segments of a conversation that was erased."""
        number = 0
        while (key, number) in self._store.segments or (key, number) in self._sealed:
            yield Entry(key, number, None, offset)
            number += 1


class _Archive:
    """The sealed segments of one conversation, as its draft sees them."""

    __slots__ = ("_draft", "_head", "_key")

    def __init__(self, draft: Draft, key: str, head: Head) -> None:
        self._draft = draft
        self._key = key
        self._head = head

    def events(self) -> Iterator[LogEvent]:
        for packed in self._packed():
            yield from unpack(packed)

    def may_hold(self, text: str) -> bool:
        # Looking for the bytes is a hundred times faster than unpacking: a conversation of 5,000 events stays cheap.
        wanted = text.encode()
        return any(wanted in packed for packed in self._packed())

    def _packed(self) -> Iterator[bytes]:
        return (self._draft.segment(self._key, number) for number in range(self._head.segments))


def _set(table: dict, key: object, packed: bytes | None) -> None:  # type: ignore[type-arg]
    if packed is None:
        table.pop(key, None)
    else:
        table[key] = packed
