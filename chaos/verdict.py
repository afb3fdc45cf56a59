"""What a trial comes to: ClickHouse against a replay of what was accepted, row for row. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.traffic import Name, name_of
from schemas import wire
from schemas.errors import Refused
from schemas.records import InteractionEvent, MetricFact, MetricWindow, SlaAlert
from schemas.times import EpochMs
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from streams.windows.batch import same_figures, windows_at
from supportpulse.topic_reading import Lying

#: What makes a fact; its revision depends on the order of arrival.
FIELDS = tuple(name for name in MetricFact.__struct_fields__ if name not in ("revision", "retracted"))

#: A breach that is younger may not have been raised yet: longer than any `alert_grace` of the simulator's policies.
_LONGEST_GRACE_MS = 30_000

FactRow = tuple[Any, ...]
#: tenant, fact_id, level, share, deadline
AlertName = tuple[str, str, str, "float | None", int]
#: tenant, fact_id, deadline
ClockName = tuple[str, str, int]
WindowName = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Landed:
    """What ClickHouse has, as `FINAL` reads it."""

    events: Sequence[Name]
    facts: Sequence[FactRow]
    #: origins
    dead_letters: Sequence[str]
    #: those of the last refresh
    windows: Sequence[MetricWindow] = ()
    alerts: Sequence[AlertName] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differences` are facts and windows that are not as a replay has them, and breaches that were taken back or not
    against it; `missing` and `doubled` are events, dead letters, alerts and versions of facts. `examples` names some.
    """

    accepted: int
    differences: int
    missing: int
    doubled: int
    facts: int
    windows: int
    dead_letters: int
    alerts: int
    examples: tuple[str, ...] = field(default=())

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.differences or self.missing or self.doubled)


@dataclass(slots=True)
class _Log:
    """What lies in `interactions`."""

    events: list[InteractionEvent] = field(default_factory=list)
    poison: list[str] = field(default_factory=list)


def judge(
    accepted: set[Name],
    records: Iterable[Lying],
    versions: Iterable[Lying],
    landed: Landed,
    book: PolicyBook,
    as_of_ms: EpochMs,
    topic: str = "interactions",
    sent_alerts: Iterable[Lying] = (),
) -> Verdict:
    """Compare. `records` lie in `interactions`, `versions` in `metric-facts`, `sent_alerts` in `sla-alerts`."""
    log = _read(records, topic)
    there = set(map(name_of, log.events))
    facts = _replayed(log.events, book, as_of_ms)
    expected = {_fact_name(row): row for row in facts.values()}
    found = {_fact_name(row): row for row in landed.facts}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    windows = _wrong_windows(_facts(log.events, book, as_of_ms), landed.windows)
    # What nobody was told was accepted may lie there all the same: it counts then, and has to land too.
    missing = sorted((accepted - there) | ((accepted | there) - set(landed.events)))
    missing_letters = sorted(set(log.poison) - set(landed.dead_letters))
    doubled = [f"event {name}" for name, count in Counter(landed.events).items() if count > 1]
    doubled += [f"event {name} was never sent" for name in sorted(set(landed.events) - there)]
    doubled += [f"letter {name}" for name, count in Counter(landed.dead_letters).items() if count > 1]
    doubled += [f"fact {name}" for name, count in Counter(map(_fact_name, landed.facts)).items() if count > 1]
    doubled += [f"alert {name}" for name, count in Counter(landed.alerts).items() if count > 1]
    doubled += _contradictions(versions)
    doubled += _contradicting_alerts(sent_alerts)
    silent, wrongly_raised = _wrong_alerts(facts.values(), landed.alerts, as_of_ms)
    return Verdict(
        accepted=len(accepted),
        differences=len(wrong) + len(windows) + len(wrongly_raised),
        missing=len(missing) + len(missing_letters) + len(silent),
        doubled=len(doubled),
        facts=len(expected),
        windows=len(landed.windows),
        dead_letters=len(log.poison),
        alerts=len(landed.alerts),
        examples=(
            *(f"differs: {expected.get(name)} landed as {found.get(name)}" for name in wrong[:5]),
            *(f"window: {name}" for name in windows[:5]),
            *(f"raised, and neither so nor taken back: {name}" for name in wrongly_raised[:5]),
            *(f"missing: {name}" for name in (*missing[:5], *missing_letters[:5], *silent[:5])),
            *(f"doubled: {name}" for name in doubled[:5]),
        ),
    )


def _read(records: Iterable[Lying], topic: str) -> _Log:
    log = _Log()
    for record in records:
        try:
            log.events.append(wire.decode_event(record.value))
        except Refused:
            log.poison.append(f"{topic}/{record.partition}/{record.offset}")
    return log


def _facts(events: Iterable[InteractionEvent], book: PolicyBook, as_of_ms: EpochMs) -> list[MetricFact]:
    history = Replay()
    for event in events:
        history.add(event)
    return history.facts(book, as_of_ms)


def _replayed(
    events: Iterable[InteractionEvent], book: PolicyBook, as_of_ms: EpochMs
) -> dict[tuple[str, str], FactRow]:
    return {
        (fact.tenant, fact.fact_id): tuple(getattr(fact, name) for name in FIELDS)
        for fact in _facts(events, book, as_of_ms)
    }


def _fact_name(row: FactRow) -> tuple[str, str]:
    return row[FIELDS.index("tenant")], row[FIELDS.index("fact_id")]


def _contradictions(versions: Iterable[Lying]) -> list[str]:
    """Versions that were sent twice and did not say the same."""
    said: dict[tuple[str, str, int], MetricFact] = {}
    found = []
    for record in versions:
        fact = wire.decode_fact(record.value)
        name = (fact.tenant, fact.fact_id, fact.revision)
        if said.setdefault(name, fact) != fact:
            found.append(f"version {name} says two things")
    return found


def _contradicting_alerts(sent: Iterable[Lying]) -> list[str]:
    """Alerts that were sent twice and did not say the same: whoever hears both could not tell that they are one."""
    said: dict[AlertName, SlaAlert] = {}
    found = []
    for record in sent:
        alert = wire.decode_alert(record.value)
        name = (alert.tenant, alert.fact_id, alert.level, alert.share, alert.deadline)
        if said.setdefault(name, alert) != alert:
            found.append(f"alert {name} says two things")
    return found


def _wrong_alerts(
    facts: Iterable[FactRow], landed: Sequence[AlertName], as_of_ms: EpochMs
) -> tuple[list[ClockName], list[ClockName]]:
    """Breaches that nobody was told of, and alerts of breaches that are none and were not taken back.

    One that was taken back and holds after all, by a still later event, stays taken back: it was raised, once.
    """
    deadline, outcome, ended = map(FIELDS.index, ("deadline", "outcome", "ended_at"))
    rows = [row for row in facts if row[outcome] == "breached" and row[deadline] is not None]
    breached = {(*_fact_name(row), row[deadline]) for row in rows}
    in_grace = {
        (*_fact_name(row), row[deadline])
        for row in rows
        if row[ended] is None and row[deadline] > as_of_ms - _LONGEST_GRACE_MS
    }
    said: dict[str, set[ClockName]] = {"breach": set(), "retracted": set()}
    for tenant, fact_id, level, _, at_ms in landed:
        said.setdefault(level, set()).add((tenant, fact_id, at_ms))
    return sorted(breached - in_grace - said["breach"]), sorted(said["breach"] - breached - said["retracted"])


def _wrong_windows(facts: Sequence[MetricFact], landed: Sequence[MetricWindow]) -> list[WindowName]:
    """Windows that are not those of a batch over the facts, at the end that they share."""
    if not landed:
        return []
    expected = {_window_name(window): window for window in windows_at(facts, landed[0].window_end)}
    found = {_window_name(window): window for window in landed if window.count}
    return sorted(
        name
        for name in expected.keys() | found.keys()
        if name not in expected or name not in found or not same_figures(found[name], expected[name])
    )


def _window_name(window: MetricWindow) -> WindowName:
    return (window.tenant, window.metric, window.dimension, window.dimension_value, window.window_seconds)


def figures(verdict: Verdict, by_kind: Mapping[str, int]) -> dict[str, Any]:
    """What the report of a trial has."""
    return {
        "faults": sum(by_kind.values()),
        "by_kind": dict(sorted(by_kind.items())),
        "accepted": verdict.accepted,
        "differences": verdict.differences,
        "missing": verdict.missing,
        "doubled": verdict.doubled,
        "facts": verdict.facts,
        "windows": verdict.windows,
        "dead_letters": verdict.dead_letters,
        "alerts": verdict.alerts,
    }
