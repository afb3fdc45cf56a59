"""The policies by which the conversations of a partition were judged, one edition for each time they were rewritten.

An edition comes into force with a tick that names it: in front of that, the earlier one judges, whoever processes it
and however often. A head says which edition judged it, so not all of them have to change at that moment: whatever was
judged by an earlier edition is judged again when it is next looked at, or by and by (docs/decisions/0006-timers.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.sla import packed, reload
from streams.sla.policies import PolicyBook

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class UnknownEdition(SupportpulseError):
    """Another worker has rewritten the policies, and this one does not know them. Nothing was sent: start it again."""


@dataclass(frozen=True, slots=True)
class Editions:
    """Books by edition; those behind the one in force are still to come into force."""

    books: tuple[PolicyBook, ...]
    #: The number of the edition in force.
    current: int = 0

    @property
    def last(self) -> int:
        """The number of the last one."""
        return len(self.books) - 1

    def judge_as(self, other: Editions) -> bool:
        """Whether these say the same."""
        return [book.versions for book in self.books] == [book.versions for book in other.books]

    @property
    def book(self) -> PolicyBook:
        """The book in force."""
        return self.books[self.current]

    def at(self, edition: int) -> Editions:
        """With this edition in force, or a later one that is already. Raises `UnknownEdition`."""
        if edition > self.last:
            raise UnknownEdition(
                "another worker was started with --rewrite-policies, and judges by policies that this one does not "
                "have: give all workers of the group the same file, and start this one again"
            )
        return replace(self, current=max(self.current, edition))

    def extended(self, book: PolicyBook) -> Editions:
        """The last edition grew, and every number that a conversation keeps means what it meant."""
        return replace(self, books=(*self.books[:-1], book))

    def followed_by(self, book: PolicyBook, name: str, *, now_ms: EpochMs, rewrite: bool) -> Editions:
        """With `book` as the last one, in a new edition if it rewrites the one before.

        `now_ms`: until then clocks may have been judged. `name` is what errors call the file. Raises
        `PolicyFileError` for a rewrite that nobody asked for.
        """
        last = self.books[-1]
        if last.versions == book.versions:
            # The given one knows the lines of the file.
            return self.extended(book)
        replaced = reload.replace(last, book, name, now_ms=now_ms, rewrite=rewrite)
        return replace(self, books=(*self.books, book)) if replaced.rewrites else self.extended(book)


def pack_editions(editions: Editions) -> bytes:
    """As they stand in the changelog."""
    return _encode([packed.pack(book) for book in editions.books])


def unpack_editions(found: bytes) -> Editions:
    """The reverse, with the first one in force. Raises `BookDamaged`."""
    try:
        books = _decode(found)
    except msgspec.MsgspecError as exc:
        raise packed.BookDamaged(f"the policies that a worker left behind cannot be read: {exc}") from exc
    return Editions(tuple(packed.unpack(book) for book in books))
