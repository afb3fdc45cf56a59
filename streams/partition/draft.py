"""Copies of the conversations that a chunk touches, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from schemas.times import EpochMs
from streams.fold.events import LogEvent
from streams.fold.state import FoldState
from streams.partition.conversation import Conversation
from streams.partition.head import Head
from streams.partition.log import is_full, seal
from streams.partition.log import unpack as unpack_log
from streams.partition.packing import conversation_key, names_of, pack, unpack
from streams.partition.store import Entry, HasLeft, Segments, Store, unpack_dues


class Draft:
    """Copies of the conversations that a chunk touches. The store does not change until `entries` are put."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._heads = store.heads
        #: Those in force behind the last record.
        self.editions = store.editions
        self._open: dict[str, Conversation] = {}
        self._sealed: Segments = {}
        self._changed: dict[str, Conversation] = {}

    def conversation(self, tenant: str, conversation_id: str) -> Conversation:
        """The conversation, unpacked once per chunk; a new one when it is not known. Raises `HasLeft`."""
        key = conversation_key(tenant, conversation_id)
        found = self._open.get(key)
        if found is None:
            packed = self._heads.get(key)
            if packed is not None:
                head = unpack(packed)
            elif self._store.left and self._store.left.get(key) is not None:
                raise HasLeft("a conversation of the chunk has left memory: bring it back first")
            else:
                head = Head(FoldState(), edition=self.editions.current)
            found = self._open[key] = self._conversation(key, tenant, conversation_id, head)
        return found

    def all(self) -> Iterator[Conversation]:
        """Every conversation of the store, one after the other; only those `touched` stay unpacked."""
        for key, packed in self._store.heads.items():
            tenant, conversation_id = names_of(key)
            yield self._conversation(key, tenant, conversation_id, unpack(packed))

    def enter(self, edition: int) -> None:
        """The policies of this edition are in force behind here. Raises `UnknownEdition`."""
        if edition > self.editions.current:
            self.editions = self.editions.at(edition)

    def outdated(self, upto: str) -> Iterator[Conversation]:
        """The conversations with names up to this one that an earlier edition of the policies may have judged.

        They follow from the names alone, not from how many are left. So the facts of a tick that is processed again by
        a worker that knows a part of its effect are among those that were sent the first time, under the same offset.
        """
        if not upto:
            return
        known: Iterable[str] = self._store.outdated
        if self.editions.current != self._store.editions.current:
            # It came into force in this chunk.
            known = sorted({*self._store.heads, *self._changed})
        for key in list(takewhile(lambda name: name <= upto, known)):
            tenant, conversation_id = names_of(key)
            yield self.conversation(tenant, conversation_id)

    def touched(self, conversation: Conversation, offset: int) -> None:
        """The event at `offset` has changed the conversation."""
        head, key = conversation.head, conversation.key
        head.offset = offset
        self._changed[key] = conversation
        if is_full(head.log, head.count):
            self._sealed[key, head.segments] = seal(head.log, head.count)
            head.segments += 1
            head.log, head.count = b"", 0

    def done(self) -> list[str]:
        """The conversations that the chunk has changed and that are done or merged now."""
        return [key for key, one in self._changed.items() if one.head.fold.done or one.head.fold.merged]

    def entries(self) -> list[Entry]:
        """What the chunk changed: segments before the heads that count on them."""
        changed = self._changed
        found = [Entry(key, n, packed, changed[key].head.offset) for (key, n), packed in self._sealed.items()]
        for key, conversation in changed.items():
            if conversation.head.erased:
                found += self._orphans(key, conversation.head.offset)
        found += [
            Entry(key, None, pack(one.head), one.head.offset, one.watch.unqueued, one.stood, one.stands)
            for key, one in changed.items()
        ]
        return found

    def due(self, until_ms: EpochMs) -> Iterator[Conversation]:
        """Every conversation that was due before `until_ms`, in the order of their names."""
        queue, heads = self._store.due, self._store.heads
        for key in sorted(queue.ripe(until_ms)):
            packed = heads.get(key)
            if packed is None or not unpack_dues(packed).timers.is_due(until_ms):
                # Said and done, or moved: where it went it has another hint.
                queue.discard(key)
        names = queue.ripe(until_ms) | {key for key, one in self._changed.items() if one.head.timers.is_due(until_ms)}
        for key in sorted(names):
            tenant, conversation_id = names_of(key)
            found = self.conversation(tenant, conversation_id)
            if found.head.timers.is_due(until_ms):
                yield found

    def _conversation(self, key: str, tenant: str, conversation_id: str, head: Head) -> Conversation:
        book = self._store.editions.books[head.edition]
        return Conversation(
            key, tenant, conversation_id, head, book, _Archive(self._sealed, self._store.segments, key, head)
        )

    def _orphans(self, key: str, offset: int) -> Iterator[Entry]:
        """Segments of a conversation that was erased."""
        number = 0
        while (key, number) in self._store.segments or (key, number) in self._sealed:
            yield Entry(key, number, None, offset)
            number += 1


class _Archive:
    """The sealed segments of one conversation, as its draft sees them. It knows their tables and not the draft, which
    would otherwise live until a garbage collector comes by, with all that the chunk unpacked.
    """

    __slots__ = ("_head", "_key", "_published", "_sealed")

    def __init__(self, sealed: Segments, published: Segments, key: str, head: Head) -> None:
        self._sealed = sealed
        self._published = published
        self._key = key
        self._head = head

    def events(self) -> Iterator[LogEvent]:
        for packed in self._packed():
            yield from unpack_log(packed)

    def may_hold(self, text: str) -> bool:
        # Looking for the bytes is a hundred times faster than unpacking: a conversation of 5,000 events stays cheap.
        wanted = text.encode()
        return any(packed.find(wanted) >= 0 for packed in self._packed())

    def _packed(self) -> Iterator[bytes]:
        for number in range(self._head.segments):
            place = self._key, number
            yield self._sealed.get(place) or self._published[place]
