"""What history would have looked like under other policies: SLA outcomes before and after, by policy and metric.

comparison = Comparison(before, standing(after), since_ms=…)
comparison.add(replay, as_of_ms)         # as often as there are parts of the history
comparison.before["chat", "sla_first_response"].attainment
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from streams.sla.policy import PolicyVersion

#: Policy and metric, e.g. ("chat", "sla_first_response").
Name = tuple[str, str]
Outcomes = dict[Name, "Tally"]


@dataclass(slots=True)
class Tally:
    """Clocks by how they came out."""

    met: int = 0
    breached: int = 0
    cancelled: int = 0

    @property
    def attainment(self) -> float | None:
        """met / (met + breached); None without either."""
        judged = self.met + self.breached
        return self.met / judged if judged else None


@dataclass(slots=True)
class Moves:
    """Clocks that came out otherwise. `no_clock` on one side: no policy had a target for them there."""

    #: (before, after) → clocks; an outcome, or "no_clock"
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, before: dict[tuple[str, str], MetricFact], after: dict[tuple[str, str], MetricFact]) -> None:
        """Compare clock by clock."""
        for name in before.keys() | after.keys():
            pair = _outcome(before.get(name)), _outcome(after.get(name))
            if pair[0] != pair[1]:
                self.counts[pair] += 1


def standing(book: PolicyBook) -> PolicyBook:
    """The last version of a book as if it had been in force since ever."""
    if not book.versions:
        return book
    last = book.versions[-1]
    return PolicyBook([PolicyVersion(None, last.policies, last.calendars, last.line, last.policy_lines)])


class Comparison:
    """Outcomes of the clocks that opened at `since_ms` or later (None: all), under two books."""

    def __init__(self, before: PolicyBook, after: PolicyBook, since_ms: EpochMs | None = None) -> None:
        self._books = before, after
        self._since_ms = since_ms
        self.before: Outcomes = defaultdict(Tally)
        self.after: Outcomes = defaultdict(Tally)
        self.moves = Moves()
        self.conversations = 0
        #: Clocks on either side.
        self.clocks = 0

    def add(self, history: Replay, as_of_ms: EpochMs) -> None:
        """Judge a part of the history, whole conversations, as of an instant."""
        before, after = ({(fact.tenant, fact.fact_id): fact for fact in self._clocks(history.facts(book, as_of_ms))}
                         for book in self._books)  # fmt: skip
        _count(before.values(), self.before)
        _count(after.values(), self.after)
        self.moves.add(before, after)
        self.clocks += len(before.keys() | after.keys())
        self.conversations += history.conversations

    @property
    def names(self) -> list[Name]:
        """Everything that was judged on either side, sorted."""
        return sorted(self.before.keys() | self.after.keys())

    @property
    def together(self) -> list[tuple[str, Tally, Tally]]:
        """By metric, over all policies: before and after."""
        metrics = sorted({metric for _, metric in self.names})
        return [(metric, _sum(self.before, metric), _sum(self.after, metric)) for metric in metrics]

    def _clocks(self, facts: Iterable[MetricFact]) -> Iterable[MetricFact]:
        for fact in facts:
            opened_ms = fact.started_at
            if fact.metric.startswith("sla_") and (
                self._since_ms is None or (opened_ms is not None and opened_ms >= self._since_ms)
            ):
                yield fact


def _count(facts: Iterable[MetricFact], into: Outcomes) -> None:
    for fact in facts:
        tally = into[fact.policy or "", fact.metric]
        outcome = _outcome(fact)
        tally.met += outcome == "met"
        tally.breached += outcome == "breached"
        tally.cancelled += outcome == "cancelled"


def _sum(outcomes: Outcomes, metric: str) -> Tally:
    found = [tally for name, tally in outcomes.items() if name[1] == metric]
    return Tally(*(sum(getattr(one, field) for one in found) for field in ("met", "breached", "cancelled")))


def _outcome(fact: MetricFact | None) -> str:
    return "no_clock" if fact is None or fact.outcome is None else fact.outcome
