"""A tick among the records of a partition: everything that was due by then is judged there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.ticks import ANY_TENANT, SourceName
from schemas.times import EpochMs
from streams.partition.conversation import Conversation
from streams.partition.draft import Draft
from streams.partition.head import Change


def judge_due(
    draft: Draft, held: frozenset[SourceName], at_ms: EpochMs, renew: Callable[[Conversation], None]
) -> Iterator[tuple[Conversation, list[Change]]]:
    """Judge what is due before `at_ms`, but for conversations of the sources that are held.

    `renew` first makes sure that the policies in force are those that judge.

    Yields those of which something has to be kept or sent: changes, alerts, or when they are due next.
    """
    for conversation in draft.due(at_ms):
        if held and _is_held(conversation, held):
            continue
        renew(conversation)
        changes = conversation.judge(at_ms)
        if changes or conversation.watch.has_news or conversation.watch.moved:
            yield conversation, changes


def _is_held(conversation: Conversation, held: frozenset[SourceName]) -> bool:
    """Whether the source that said the last word in it is held."""
    last = conversation.head.fold.last
    if last is None:
        return False
    source = last[3]
    return (conversation.tenant, source) in held or (ANY_TENANT, source) in held
