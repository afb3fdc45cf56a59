"""When too much is refused, parking it all would hide that something is broken: a bad deploy, a wrong topic.

    cap = RefusalCap(CapLimits())
    outcome = process(store, records, "interactions/2", now_ms)
    weighed = cap.check("interactions/2", records, outcome, store.applied)   # before anything of the chunk is sent
    cap.count(weighed)                                                       # once it has been committed

Pure: no clock, no Kafka. It counts records since it was made, so a worker that is started again counts anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import SupportpulseError
from schemas.records import DeadLetter
from schemas.ticks import is_tick
from streams.partition.chunk import Outcome, SourceRecord


class TooManyRefused(SupportpulseError):
    """The records cannot be used, one after the other. Nothing of the chunk was sent or committed; says what to do."""


@dataclass(frozen=True, slots=True)
class CapLimits:
    """What is too much: so many of a partition in a row, or such a share of the last records.

    `run` 0 and `share` 1 switch that half off. A share counts once there are `least` refused among the last `window`.
    """

    run: int = 50
    share: float = 0.2
    window: int = 10_000
    least: int = 500


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is to be counted of a chunk: a chunk that is not committed comes again."""

    where: str
    records: int
    reasons: Counter[str]
    #: Reasons of the refused records at the end of the partition.
    run: Counter[str]


class RefusalCap:
    """Counts what a worker reads and refuses, and stops it where that is too much."""

    def __init__(self, limits: CapLimits) -> None:
        self._limits = limits
        #: partition → reasons of the refused records at its end so far
        self._runs: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._recent: deque[Weighed] = deque()
        self._records = 0
        self._reasons: Counter[str] = Counter()

    def check(self, where: str, records: Iterable[SourceRecord], outcome: Outcome, applied: int) -> Weighed:
        """A chunk of the partition called `where`, and what it would lead to; records up to `applied` do not count.

        Raises `TooManyRefused`; then nothing of the chunk may be sent. Nothing is counted before `count`.
        """
        reasons = Counter(letter.reason for letter in outcome.dead_letters)
        weighed = Weighed(where, outcome.counts.total(), reasons, Counter())
        if not reasons:
            return weighed
        letters = {int(letter.origin.rpartition("/")[2]): letter for letter in outcome.dead_letters}
        self._follow_run(weighed, (letters.get(each.offset) for each in records if _counts(each, applied)))
        _, read, refused = self._window(weighed)
        if self._limits.least <= refused.total() > self._limits.share * read:
            raise _too_many(f"{refused.total():,} of the last {read:,} records", refused, outcome.dead_letters[-1])
        return weighed

    def count(self, weighed: Weighed) -> None:
        """The chunk has had its effect."""
        if not weighed.records:
            return
        self._runs[weighed.where] = weighed.run
        outside, self._records, self._reasons = self._window(weighed)
        self._recent.append(weighed)
        for _ in range(outside):
            self._recent.popleft()

    def _window(self, last: Weighed) -> tuple[int, int, Counter[str]]:
        """With `last` behind it: how many of the chunks are out of it then, and the records and reasons in it.

        Whole chunks: the window is as long as said, and one chunk more at most.
        """
        outside, records, reasons = 0, self._records + last.records, self._reasons + last.reasons
        for oldest in self._recent:
            if records - oldest.records < self._limits.window:
                break
            outside += 1
            records -= oldest.records
            reasons -= oldest.reasons
        return outside, records, reasons

    def _follow_run(self, weighed: Weighed, letters: Iterable[DeadLetter | None]) -> None:
        run = weighed.run
        run.update(self._runs[weighed.where])
        for letter in letters:
            if letter is None:
                run.clear()
                continue
            run[letter.reason] += 1
            if self._limits.run and run.total() >= self._limits.run:
                raise _too_many(f"{run.total():,} records of {weighed.where} in a row", run, letter)


def _counts(record: SourceRecord, applied: int) -> bool:
    # A tick is nobody's record: it would end a run, and come again and again between records that are all bad.
    return record.offset > applied and not is_tick(record.key, record.value)


def _too_many(what: str, reasons: Counter[str], last: DeadLetter) -> TooManyRefused:
    counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return TooManyRefused(
        f"{what} cannot be used ({counts}), as far as {last.origin}: {last.detail}. The worker stops instead of "
        "parking everything; nothing of this chunk was sent or committed. Find out who publishes there, or run the "
        "release that wrote them, and start the worker again; or have them parked: SUPPORTPULSE_REFUSED_RUN=0 and "
        "SUPPORTPULSE_REFUSED_SHARE=1"
    )
