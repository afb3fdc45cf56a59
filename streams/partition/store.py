"""All conversations of one partition, packed, and what a chunk changes in them before it is published.

A conversation of six events costs about 600 bytes packed, several times that as objects; unpacking one takes about
2 µs. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from schemas.errors import SupportpulseError
from schemas.ticks import SourceName
from schemas.times import EpochMs
from streams.fold.events import LogEvent
from streams.fold.state import FoldState
from streams.partition.conversation import Conversation, Head
from streams.partition.editions import Editions
from streams.partition.leavers import Leavers
from streams.partition.left import LeftBook, says_left, unpack_left
from streams.partition.log import is_full, seal
from streams.partition.log import unpack as unpack_log
from streams.sla.policies import PolicyBook
from streams.timers.queue import DueQueue
from streams.timers.standing import Board, Standing, standing
from streams.timers.watch import Dues


class _HeadDues(msgspec.Struct, array_like=True, gc=False):
    """A `Head` of which only the timers are unpacked: four times as fast."""

    fold: msgspec.Raw
    offset: int = -1
    log: msgspec.Raw = msgspec.Raw()
    count: int = 0
    segments: int = 0
    judged_ms: EpochMs | None = None
    revisions: msgspec.Raw = msgspec.Raw()
    erased: bool = False
    timers: Dues = msgspec.field(default_factory=Dues)
    edition: int = 0


class _FoldDone(msgspec.Struct, array_like=True, gc=False):
    """A `FoldState` as far as it says whether the conversation is done."""

    last: msgspec.Raw = msgspec.Raw()
    team: msgspec.Raw = msgspec.Raw()
    priority: msgspec.Raw = msgspec.Raw()
    assignee: msgspec.Raw = msgspec.Raw()
    done: bool = False
    done_since: EpochMs | None = None
    episodes: int = 0
    first_started: EpochMs | None = None
    episode: msgspec.Raw = msgspec.Raw()
    surveys: msgspec.Raw = msgspec.Raw()
    merged: bool = False


class _HeadDone(msgspec.Struct, array_like=True, gc=False):
    """A `Head` of which only that is unpacked."""

    fold: _FoldDone


class HasLeft(SupportpulseError):
    """The chunk is about a conversation that left memory. Nothing was changed: bring it back and process it again."""


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Head).decode
_unpack_done = msgspec.msgpack.Decoder(_HeadDone).decode
_unpack_dues = msgspec.msgpack.Decoder(_HeadDues).decode


def _is_due(packed: bytes, at_ms: EpochMs) -> bool:
    return _unpack_dues(packed).timers.is_due(at_ms)


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
    #: Instants at which the conversation is due now and was not before.
    due: tuple[EpochMs, ...] = ()
    #: How it stood before, and how it stands now.
    stood: Standing | None = None
    stands: Standing | None = None


@dataclass(slots=True)
class Store:
    """The published state of one partition."""

    book: PolicyBook
    #: Everything up to and including this source offset has been applied.
    applied: int = -1
    heads: dict[str, bytes] = field(default_factory=dict)
    segments: dict[tuple[str, int], bytes] = field(default_factory=dict)
    #: Hints at when conversations are due; see `index_due`.
    due: DueQueue = field(default_factory=DueQueue, compare=False)
    #: How the conversations stand, as far as they have been counted; see `count_some`.
    board: Board = field(default_factory=Board, compare=False)
    _uncounted: set[str] = field(default_factory=set, compare=False)
    #: Conversations that are not here any more, see `streams.partition.leaving`.
    left: LeftBook = field(default_factory=LeftBook, compare=False)
    #: Who may leave when; None: nobody ever does.
    leavers: Leavers | None = field(default=None, compare=False)
    #: The policies before `book`, and `book`.
    editions: Editions = field(init=False, compare=False)
    #: Conversations that an earlier edition judged, in the order in which they are judged again.
    outdated: dict[str, None] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.editions = Editions((self.book,))

    def use(self, editions: Editions) -> None:
        """Judge by these from now on. Follow it with `index_due` if there is a new one."""
        self.editions, self.book = editions, editions.book

    def put(self, entry: Entry) -> None:
        """Publish one entry."""
        if entry.segment is None:
            if entry.packed is not None and says_left(entry.packed):
                self.heads.pop(entry.key, None)
                self.outdated.pop(entry.key, None)
                self.left.put(entry.key, unpack_left(entry.packed))
                return
            if entry.key not in self.heads:
                self.left.discard(entry.key)
            _set(self.heads, entry.key, entry.packed)
            if self.outdated:
                self.outdated.pop(entry.key, None)
            for due_ms in entry.due:
                self.due.push(due_ms, entry.key)
            if entry.stood != entry.stands:
                uncounted = bool(self._uncounted) and entry.key in self._uncounted
                self._uncounted.discard(entry.key)
                self.board.replace(None if uncounted else entry.stood, entry.stands)
        else:
            _set(self.segments, (entry.key, entry.segment), entry.packed)

    def index_due(self) -> None:
        """Fill the queue from the heads, after these have been read from a changelog; none of them is counted yet."""
        self._uncounted = set(self.heads)
        push, edition, outdated = self.due.push, self.editions.current, []
        for key, packed in self.heads.items():
            head = _unpack_dues(packed)
            dues = head.timers
            if head.edition < edition:
                outdated.append(key)
            for due_ms in (dues.turn_due, dues.episode_due):
                if due_ms is not None:
                    push(due_ms, key)
        self.outdated = dict.fromkeys(sorted(outdated))

    def index_leavers(self) -> None:
        """The same for those that may leave."""
        if self.leavers is None:
            return
        for key, packed in self.heads.items():
            fold = _unpack_done(packed).fold
            if fold.done or fold.merged:
                self.leavers.push(fold.done_since or 0, (key,))

    def prune(self) -> None:
        """Drop segments that no head counts on, after these have been read from a changelog."""
        counts: dict[str, int] = {}
        for key, number in list(self.segments):
            if key not in counts:
                packed = self.heads.get(key)
                counts[key] = 0 if packed is None else unpack(packed).segments
            if number >= counts[key]:
                del self.segments[key, number]

    def count_some(self, many: int) -> bool:
        """Count how so many more conversations stand; whether there are others left."""
        for _ in range(min(many, len(self._uncounted))):
            key = self._uncounted.pop()
            packed = self.heads.get(key)
            if packed is not None:
                head = unpack(packed)
                self.board.replace(None, standing(names_of(key)[0], head.fold, head.timers.raised))
        return bool(self._uncounted)

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
        self._ticked: set[str] = set()

    def conversation(self, tenant: str, conversation_id: str) -> Conversation:
        """The conversation, unpacked once per chunk; a new one when it is not known. Raises `HasLeft`."""
        key = conversation_key(tenant, conversation_id)
        found = self._open.get(key)
        if found is None:
            packed = self._store.heads.get(key)
            if packed is not None:
                head = unpack(packed)
            elif self._store.left and self._store.left.get(key) is not None:
                raise HasLeft("a conversation of the chunk has left memory: bring it back first")
            else:
                head = Head(FoldState(), edition=self._store.editions.current)
            found = self._open[key] = self._conversation(key, tenant, conversation_id, head)
        return found

    def all(self) -> Iterator[Conversation]:
        """Every conversation of the store, one after the other; only those `touched` stay unpacked."""
        for key, packed in self._store.heads.items():
            yield self._conversation(key, *names_of(key), unpack(packed))

    def outdated(self, many: int) -> Iterator[Conversation]:
        """The next so many conversations that an earlier edition of the policies judged."""
        fresh = (key for key in self._store.outdated if key not in self._changed)
        for key in list(islice(fresh, many)):
            yield self.conversation(*names_of(key))

    def touched(self, conversation: Conversation, offset: int) -> None:
        """The event at `offset` has changed the conversation."""
        head, key = conversation.head, conversation.key
        head.offset = offset
        self._changed[key] = conversation
        if is_full(head.log, head.count):
            self._sealed[key, head.segments] = seal(head.log, head.count)
            head.segments += 1
            head.log, head.count = b"", 0

    def ticked(self, conversation: Conversation, offset: int) -> None:
        """The tick at `offset` has changed the conversation."""
        self._ticked.add(conversation.key)
        self.touched(conversation, offset)

    def heard(self) -> frozenset[SourceName]:
        """Tenant and source of the last word in each conversation that an event has changed."""
        spoken = (one for key, one in self._changed.items() if key not in self._ticked)
        return frozenset((one.tenant, last[3]) for one in spoken if (last := one.head.fold.last) is not None)

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
            if packed is None or not _is_due(packed, until_ms):
                # Said and done, or moved: where it went it has another hint.
                queue.discard(key)
        names = queue.ripe(until_ms) | {key for key, one in self._changed.items() if one.head.timers.is_due(until_ms)}
        for key in sorted(names):
            found = self.conversation(*names_of(key))
            if found.head.timers.is_due(until_ms):
                yield found

    def segment(self, key: str, number: int) -> bytes:
        """A sealed segment, packed."""
        return self._sealed.get((key, number)) or self._store.segments[key, number]

    def _conversation(self, key: str, tenant: str, conversation_id: str, head: Head) -> Conversation:
        book = self._store.editions.books[head.edition]
        return Conversation(key, tenant, conversation_id, head, book, _Archive(self, key, head))

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
            yield from unpack_log(packed)

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
