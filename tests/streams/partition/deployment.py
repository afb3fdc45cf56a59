"""Workers one after the other on one partition: what lies in its log, its changelog and its outputs, crashes anywhere.

A worker that dies in a chunk has sent what came of it, or not, and has written some of the chunk's records to the
changelog. What was sent has arrived, and is held against what the same is sent as again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.records import InteractionEvent, MetricFact, MetricWindow, SlaAlert
from schemas.times import EpochMs
from streams.partition import chunk
from streams.partition.chunk import Outcome, SourceRecord
from streams.partition.editions import Editions
from streams.partition.store import Store
from streams.sla.policies import PolicyBook
from streams.windows.batch import same_figures, windows_at
from streams.windows.book import WindowBook
from streams.windows.deltas import DeltaBuilder, decode
from streams.worker.changelog import Recovery, policies_record, records_of
from streams.worker.outbox import Outgoing
from tests.streams.partition.harness import FactKey, held, publish, record, tick
from tests.streams.windows.harness import WindowKey, at_the_end_of
from tests.streams.windows.harness import key_of as window_key

#: Tenant, fact_id, level, share, deadline: what consumers tell alerts by.
AlertKey = tuple[str, str, str, "float | None", int]


@dataclass
class Deployment:
    """`store` is the present worker's; `now_ms` is when the windows are looked at."""

    now_ms: EpochMs
    log: list[SourceRecord] = field(default_factory=list)
    changelog: list[Outgoing] = field(default_factory=list)
    alerts: dict[AlertKey, SlaAlert] = field(default_factory=dict)
    windows: WindowBook = field(default_factory=WindowBook)
    store: Store = field(default_factory=lambda: Store(PolicyBook()))
    _versions: dict[tuple[FactKey, int], MetricFact] = field(default_factory=dict)
    _workers: int = 0

    def start(self, book: PolicyBook, *, rewrite: bool = False) -> Store:
        """A worker takes over what the one before left behind."""
        self._workers += 1
        store = self.store = Store(book)
        recovery = Recovery(store)
        for found in self.changelog:
            recovery.take(found.key, found.value)
        recovery.finish()
        known = recovery.editions or Editions((book,))
        store.use(known.followed_by(book, "policies", now_ms=self.now_ms, rewrite=rewrite))
        self.changelog.append(policies_record(store.editions, store.applied, self._owner, now_ms=0))
        store.index_due()
        return store

    def publish(self, *told: InteractionEvent) -> None:
        """Events come in."""
        for event in told:
            self.log.append(record(len(self.log), event))

    def tick(self, at_ms: EpochMs) -> None:
        """The worker writes a tick, which says what is next to be rewritten."""
        self.log.append(tick(len(self.log), at_ms, rewrite=self.store.next_rewrite()))

    def work(self, records: int = 1_000, *, dies_after: int | None = None) -> None:
        """Process the rest of the log in chunks of so many. `dies_after`: the worker dies in the last one, when it has
        written so many of its records to the changelog; below zero: when it had sent nothing yet.
        """
        rest = self.log[self.store.applied + 1 :]
        pieces = [rest[first : first + records] for first in range(0, len(rest), records)]
        for piece in pieces:
            dying = dies_after if piece is pieces[-1] else None
            outcome = chunk.process(self.store, piece, "interactions/0", now_ms=0)
            if dying is None or dying >= 0:
                self.send(outcome)
                written = records_of(outcome.entries, outcome.through, self._owner, 0, edition=outcome.edition)
                self.changelog += list(written)[:dying]
            if dying is None:
                publish(self.store, outcome)

    def finish(self, at_ms: EpochMs) -> None:
        """Tick until nothing has to be judged again, and work all of it off."""
        self.work()
        while self.store.next_rewrite():
            self.tick(at_ms)
            self.work()
        self.tick(at_ms)
        self.work()

    def send(self, outcome: Outcome) -> None:
        """Everything that a chunk sends."""
        builder = DeltaBuilder(source_partition=0, epoch=0)
        for caused in outcome.changes:
            old, new = caused.change.old, caused.change.new
            known = self._versions.setdefault(((new.tenant, new.fact_id), new.revision), new)
            assert known == new, "sent twice, and not the same"
            builder.replace(old, new, caused.offset)
        for payload in builder.take().values():
            self.windows.apply(decode(payload), self.now_ms)
        for raised in outcome.alerts:
            alert = raised.alert
            key = (alert.tenant, alert.fact_id, alert.level, alert.share, alert.deadline)
            assert self.alerts.setdefault(key, alert) == alert, "raised twice, and not the same"

    def holding(self) -> dict[FactKey, MetricFact]:
        """The facts that hold: of each the highest revision."""
        latest: dict[FactKey, MetricFact] = {}
        for (key, _), fact in sorted(self._versions.items(), key=lambda one: one[0][1]):
            latest[key] = fact
        return {key: measured for key, fact in latest.items() if (measured := held(fact)) is not None}

    def assert_windows_are_those_of(self, facts: Sequence[MetricFact]) -> None:
        """What stands is what the reference makes of these."""
        found = {window_key(window): window for window in self.windows.refresh(self.now_ms) if window.count}
        expected: dict[WindowKey, MetricWindow] = {window_key(one): one for one in windows_at(facts, self.now_ms)}
        assert found.keys() == expected.keys()
        for key, window in found.items():
            assert same_figures(at_the_end_of(window, expected[key]), expected[key]), (window, expected[key])

    def standing(self) -> set[tuple[str, str, EpochMs]]:
        """The breaches that were raised and not taken back: tenant, fact_id, deadline."""
        by_level = {level: {(one[0], one[1], one[4]) for one in self.alerts if one[2] == level} for level in _LEVELS}
        assert by_level["retracted"] <= by_level["breach"]
        return by_level["breach"] - by_level["retracted"]

    @property
    def taken_back(self) -> set[tuple[str, str, EpochMs]]:
        """The others."""
        return {(one[0], one[1], one[4]) for one in self.alerts if one[2] == "retracted"}

    @property
    def _owner(self) -> str:
        return f"worker-{self._workers}"


_LEVELS = ("breach", "retracted")
