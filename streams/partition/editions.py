"""The policies by which the conversations of a partition were judged, one edition for each time they were rewritten.

A head says which edition judged it, so a rewrite needs no moment at which all of them change: whatever was judged by
an earlier edition is judged again when it is next looked at, or by and by (docs/decisions/0006-timers.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from schemas.times import EpochMs
from streams.sla import packed, reload
from streams.sla.policies import PolicyBook

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


@dataclass(frozen=True, slots=True)
class Editions:
    """Books by edition; the last one is in force."""

    books: tuple[PolicyBook, ...]

    @property
    def current(self) -> int:
        """The number of the edition in force."""
        return len(self.books) - 1

    def judge_as(self, other: Editions) -> bool:
        """Whether these say the same."""
        return [book.versions for book in self.books] == [book.versions for book in other.books]

    @property
    def book(self) -> PolicyBook:
        """The book in force."""
        return self.books[-1]

    def extended(self, book: PolicyBook) -> Editions:
        """The last edition grew, and every number that a conversation keeps means what it meant."""
        return Editions((*self.books[:-1], book))

    def followed_by(self, book: PolicyBook, name: str, *, now_ms: EpochMs, rewrite: bool) -> Editions:
        """With `book` in force, in a new edition if it rewrites the last one.

        `now_ms`: until then clocks may have been judged. `name` is what errors call the file. Raises
        `PolicyFileError` for a rewrite that nobody asked for.
        """
        if self.book.versions == book.versions:
            # The given one knows the lines of the file.
            return self.extended(book)
        replaced = reload.replace(self.book, book, name, now_ms=now_ms, rewrite=rewrite)
        return self.extended(book) if replaced.refold is None else Editions((*self.books, book))


def pack_editions(editions: Editions) -> bytes:
    """As they stand in the changelog."""
    return _encode([packed.pack(book) for book in editions.books])


def unpack_editions(found: bytes) -> Editions:
    """The reverse. Raises `BookDamaged`."""
    try:
        books = _decode(found)
    except msgspec.MsgspecError as exc:
        raise packed.BookDamaged(f"the policies that a worker left behind cannot be read: {exc}") from exc
    return Editions(tuple(packed.unpack(book) for book in books))
