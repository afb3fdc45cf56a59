"""All conversations of one partition, packed.

A conversation of six events costs some 750 bytes packed, several times that as objects; unpacking one takes about
2 µs. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

import msgspec

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.partition.editions import Editions
from streams.partition.leavers import Leavers
from streams.partition.left import LeftBook, says_left, unpack_left
from streams.partition.packing import names_of, unpack
from streams.sla.policies import PolicyBook
from streams.timers.kept import Dues
from streams.timers.queue import DueQueue
from streams.timers.standing import Board, Standing, standing


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


#: By the key of the conversation and their number.
Segments: TypeAlias = dict[tuple[str, int], bytes]


#: Conversations that a tick judges again after the policies were rewritten: some 50 ms of work.
RENEWED_AT_ONCE = 300


class HasLeft(SupportpulseError):
    """The chunk is about a conversation that left memory. Nothing was changed: bring it back and process it again."""


_unpack_done = msgspec.msgpack.Decoder(_HeadDone).decode
unpack_dues = msgspec.msgpack.Decoder(_HeadDues).decode


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
    segments: Segments = field(default_factory=dict)
    #: Hints at when conversations are due; see `index_due`.
    due: DueQueue = field(default_factory=DueQueue, compare=False)
    #: How the conversations stand, as far as they have been counted; see `count_some`.
    board: Board = field(default_factory=Board, compare=False)
    _uncounted: set[str] = field(default_factory=set, compare=False)
    #: Conversations that are not here any more, see `streams.partition.leaving`.
    left: LeftBook = field(default_factory=LeftBook, compare=False)
    #: Who may leave when; None: nobody ever does.
    leavers: Leavers | None = field(default=None, compare=False)
    #: Whether somebody wants to know which sources events come from.
    listens: bool = field(default=False, compare=False)
    #: The policies before `book`, and `book`.
    editions: Editions = field(init=False, compare=False)
    #: Conversations that an earlier edition judged, in the order in which they are judged again.
    outdated: dict[str, None] = field(default_factory=dict, compare=False)
    #: When the record at `applied` was published; None if that is not known.
    applied_ms: EpochMs | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self.editions = Editions((self.book,))

    def use(self, editions: Editions) -> None:
        """Judge by these from now on. A new one among them comes into force with a tick."""
        self.editions, self.book = editions, editions.book

    def enter(self, edition: int) -> None:
        """A tick has put this edition into force, and everything that came of that was `put`."""
        if edition > self.editions.current:
            self.use(self.editions.at(edition))
            self._index_outdated()

    def next_rewrite(self) -> tuple[int, str] | None:
        """What the next tick has to say to go on with a rewrite: edition, and up to whom; None: there is nothing."""
        editions = self.editions
        if editions.current < editions.last:
            return editions.last, ""
        portion = list(islice(self.outdated, RENEWED_AT_ONCE))
        return (editions.current, portion[-1]) if portion else None

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
        push = self.due.push
        for key, packed in self.heads.items():
            dues = unpack_dues(packed).timers
            for due_ms in (dues.turn_due, dues.episode_due):
                if due_ms is not None:
                    push(due_ms, key)
        self._index_outdated()

    def _index_outdated(self) -> None:
        edition = self.editions.current
        # There is none before the first.
        found = [key for key, packed in self.heads.items() if unpack_dues(packed).edition < edition] if edition else []
        self.outdated = dict.fromkeys(sorted(found))

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


def _set(table: dict, key: object, packed: bytes | None) -> None:  # type: ignore[type-arg]
    if packed is None:
        table.pop(key, None)
    else:
        table[key] = packed
