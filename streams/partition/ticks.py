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
    """Judge what is due before `at_ms`, but for conversations in which a source has a word that is held.

    `renew` first makes sure that the policies in force are those that judge.

    Yields those of which something has to be kept or sent: changes, alerts, when they are due next, or that they are
    held.
    """
    for conversation in draft.due(at_ms):
        held_before = conversation.head.timers.held
        if _hold(conversation, held):
            if conversation.head.timers.held != held_before:
                yield conversation, []
            continue
        renew(conversation)
        changes = conversation.judge(at_ms)
        if changes or conversation.watch.has_news or conversation.watch.moved or held_before:
            yield conversation, changes


def _hold(conversation: Conversation, held: frozenset[SourceName]) -> bool:
    """Hold it if it has to be; whether it has."""
    sources = frozenset(source for tenant, source in held if tenant in (conversation.tenant, ANY_TENANT))
    # Which others are held as well does not matter, and to find out takes all its events.
    if not sources.isdisjoint(conversation.head.timers.held):
        return True
    voices = conversation.voices(sources) if sources else []
    conversation.watch.hold(voices)
    return bool(voices)
