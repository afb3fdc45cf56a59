"""Leaving memory, and coming back. docs/decisions/0007-leaving-memory.md has the rules.

outcome.entries += leave(store, outcome, log_ms)     # after a chunk, before it is committed
...
names = away(store, records)                         # `process` raised `HasLeft`
entries = come_back(store, key, events)              # for each of them, with its events of ClickHouse
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from schemas.errors import Refused, SupportpulseError
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.fold.state import FoldState
from streams.partition.left import Left, pack_left
from streams.partition.log import count_of
from streams.partition.packing import conversation_key, pack, unpack
from streams.partition.reading import read
from streams.partition.rebuild import rebuild
from streams.partition.store import Entry, Store

if TYPE_CHECKING:
    from streams.partition.chunk import Outcome, SourceRecord

#: Conversations that may leave with one chunk: about as many as a full one has new ones, and few milliseconds.
AT_ONCE = 1_000
_MAX_EVENTS = (1 << 31) - 1


class WrongEvents(SupportpulseError):
    """The events of a conversation that left are not those that it had. Nothing was brought back: read them again."""


def leave(store: Store, outcome: Outcome, log_ms: EpochMs) -> list[Entry]:
    """The entries by which conversations leave that have been done for long enough at `log_ms`, the log's time.

    Those that the chunk of `outcome` has changed stay for now, and those that have still to be judged again.
    """
    leavers = store.leavers
    if leavers is None:
        return []
    entries: list[Entry] = []
    touched = {entry.key for entry in outcome.entries}
    for key in leavers.ripe(log_ms, AT_ONCE):
        packed = store.heads.get(key)
        if packed is None:
            continue
        head = unpack(packed)
        since_ms = _over_since(head.fold)
        if since_ms is None:
            # It was opened again, and has another hint once it is done.
            continue
        stays = key in touched or head.edition < outcome.edition
        if stays or since_ms + leavers.age_ms > log_ms:
            leavers.push(log_ms if stays else since_ms, (key,))
            continue
        sealed = [store.segments[key, number] for number in range(head.segments)]
        events = head.count + sum(map(count_of, sealed))
        left = Left(events, head.judged_ms, head.revisions, head.timers.raised, head.edition)
        if left.events > _MAX_EVENTS:
            continue
        entries.append(Entry(key, None, pack_left(left), outcome.through))
        entries += (Entry(key, number, None, outcome.through) for number in range(head.segments))
    return entries


def away(store: Store, records: Iterable[SourceRecord]) -> dict[str, tuple[str, str]]:
    """The conversations of these records that have left: their names in the store → tenant and conversation_id."""
    found: dict[str, tuple[str, str]] = {}
    for record in records:
        if record.offset <= store.applied:
            continue
        try:
            tenant, conversation_id, _event = read(record.value or b"")
        except Refused:
            continue
        key = conversation_key(tenant, conversation_id)
        if key not in found and key not in store.heads and store.left.get(key) is not None:
            found[key] = (tenant, conversation_id)
    return found


def come_back(store: Store, key: str, events: Sequence[InteractionEvent], log_ms: EpochMs) -> list[Entry]:
    """Put a conversation back into the store; the entries to commit with the next chunk, in front of the chunk's own.

    `events`: its distinct events among the records that have been applied, in the order of the log. Raises
    `WrongEvents` if they are not as many as it had.
    """
    left = store.left.get(key)
    if left is None or len(events) != left.events:
        raise WrongEvents(
            f"a conversation left with {0 if left is None else left.events} events, and {len(events)} were found"
        )
    entries = [msgspec.structs.replace(entry, offset=store.applied) for entry in _rebuilt(store, left, events)]
    for entry in entries:
        store.put(entry)
    if store.leavers is not None:
        store.leavers.push_back(log_ms, key)
    return entries


def _over_since(state: FoldState) -> EpochMs | None:
    """Since when nothing is open in it and nothing is expected; None if that is not so."""
    if state.episode is not None:
        return None
    if state.done:
        return state.done_since
    return state.last[0] if state.merged and state.last is not None else None


def _rebuilt(store: Store, left: Left, events: Sequence[InteractionEvent]) -> Iterator[Entry]:
    conversation_id = events[0].conversation_id
    revisions = {f"{conversation_id}/{suffix}": revision for suffix, revision in left.revisions.items()}
    for entry in rebuild(events, revisions, left.judged_ms, store.editions.books[left.edition]):
        if entry.segment is None and entry.packed is not None:
            head = unpack(entry.packed)
            head.timers.raised = left.raised
            head.offset = store.applied
            head.edition = left.edition
            yield msgspec.structs.replace(entry, packed=pack(head))
        else:
            yield entry
