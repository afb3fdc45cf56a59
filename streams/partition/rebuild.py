"""A conversation's kept state from its stored events: for a restart whose broker has forgotten the changelog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.fold.order import erases
from streams.fold.state import FoldState
from streams.partition.head import Head
from streams.partition.log import is_full, pack_event, seal
from streams.partition.packing import conversation_key, pack
from streams.partition.store import Entry
from streams.sla.policies import PolicyBook
from streams.timers.kept import Raised
from streams.timers.watch import Watch

#: Before the first offset of any log: whatever an event does later holds over it.
BEFORE_THE_LOG = -1


def rebuild(
    events: Iterable[InteractionEvent],
    revisions: Mapping[str, int],
    judged_ms: EpochMs | None,
    book: PolicyBook,
    raised: Mapping[str, list[Raised]] | None = None,
) -> list[Entry]:
    """The entries of one conversation, as a worker that had seen its distinct `events` would have written them.

    `revisions`: fact_id → revision, for the facts that have more than one version, retracted ones included.
    `judged_ms`: up to when its open clocks have been judged. `raised`: what its clocks have raised, by what is behind
    the conversation in their fact_ids.
    """
    known = list(events)
    if not known:
        return []
    tenant, conversation_id = known[0].tenant, known[0].conversation_id
    log = [remember(event) for event in known]
    head = Head(FoldState(), offset=BEFORE_THE_LOG, judged_ms=judged_ms)
    key = conversation_key(tenant, conversation_id)
    if any(erases(event) for event in log):
        head.erased = True
        return [Entry(key, None, pack(head), BEFORE_THE_LOG)]
    head.fold, _ = fold(tenant, conversation_id, log, book)
    head.timers.raised.update(raised or {})
    Watch(tenant, conversation_id, head.timers, book).plan(head.fold, judged_ms, judged_ms or 0)
    head.revisions = {fact_id[len(conversation_id) + 1 :]: revision for fact_id, revision in revisions.items()}
    sealed = []
    for event in log:
        head.log += pack_event(event)
        head.count += 1
        if is_full(head.log, head.count):
            sealed.append(Entry(key, head.segments, seal(head.log, head.count), BEFORE_THE_LOG))
            head.segments += 1
            head.log, head.count = b"", 0
    return [*sealed, Entry(key, None, pack(head), BEFORE_THE_LOG)]
