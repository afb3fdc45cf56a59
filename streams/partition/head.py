"""What a worker keeps of a conversation, and what an event changes in its facts: records without behaviour."""

from __future__ import annotations

import msgspec

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.fold.state import FoldState
from streams.timers.kept import Timers


class Change(msgspec.Struct, frozen=True, gc=False):
    """A fact got a new version. `old` is None for the first; `new` is marked retracted when it holds no longer."""

    old: MetricFact | None
    new: MetricFact


class Head(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a conversation, besides its sealed segments. New fields go to the end, with a default."""

    fold: FoldState
    #: Source offset of the last event that changed it.
    offset: int = -1
    #: Its latest events in the order of arrival (`streams.partition.log`), and how many they are.
    log: bytes = b""
    count: int = 0
    #: How many sealed segments came before.
    segments: int = 0
    #: Up to when its open clocks have been judged; None: not yet.
    judged_ms: EpochMs | None = None
    #: fact_id behind the conversation → its revision, for facts that have more than one version
    revisions: dict[str, int] = {}
    #: Deleted or spam: it has no facts, and never will.
    erased: bool = False
    timers: Timers = msgspec.field(default_factory=Timers)
    #: Which edition of the policies judged it (`streams.partition.editions`).
    edition: int = 0
