"""What a crash left half done in ClickHouse: events had landed and some of their facts had not, or the other way round.

A forgetful broker takes with it what had not landed. The events that did land say what the facts are; whatever
ClickHouse has differently gets a new version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from sinks.clickhouse.database import Database
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.fold.state import FoldState
from streams.partition.head import Change, Head
from streams.partition.packing import conversation_key, pack
from streams.partition.rebuild import BEFORE_THE_LOG, rebuild
from streams.partition.store import Entry
from streams.sla.policies import PolicyBook
from streams.timers.kept import BREACH, Raised

_INSTANTS = frozenset({"started_at", "ended_at", "deadline"})
_FIELDS = MetricFact.__struct_fields__

#: Tenant and conversation.
Name = tuple[str, str]


class Mended(NamedTuple):
    """A conversation as it should be: its kept state, and the versions of facts that ClickHouse needs for it."""

    entries: list[Entry]
    changes: list[Change]


def stored_facts(database: Database, after: Name | None, last: Name | None) -> dict[Name, list[MetricFact]]:
    """The latest version of every fact, retracted ones included, of the conversations in (after, last].

    None: from the first, to the last. Names are ordered as bytes.
    """
    condition, params = _stretch(after, last)
    columns = (f"toUnixTimestamp64Milli({name}) AS {name}" if name in _INSTANTS else name for name in _FIELDS)
    answer = database.query(
        f"SELECT {', '.join(columns)} FROM metric_facts FINAL WHERE {condition}",  # noqa: S608 - ours
        params,
    )
    found: defaultdict[Name, list[MetricFact]] = defaultdict(list)
    for row in answer.rows:
        fact = MetricFact(**dict(zip(answer.names, row, strict=True)))
        found[fact.tenant, fact.conversation_id].append(fact)
    return found


def stored_raised(database: Database, after: Name | None, last: Name | None) -> dict[Name, dict[str, list[Raised]]]:
    """What the clocks of these conversations have raised, by what is behind the conversation in their fact_ids.

    `after` and `last` are as in `stored_facts`.
    """
    condition, params = _stretch(after, last)
    answer = database.query(
        "SELECT tenant, conversation_id, fact_id, toUnixTimestamp64Milli(deadline), level, share "  # noqa: S608 - ours
        f"FROM sla_alerts FINAL WHERE {condition}",
        params,
    )
    memories: dict[tuple[Name, str, EpochMs], Raised] = {}
    for tenant, conversation_id, fact_id, deadline, level, share in answer.rows:
        suffix = fact_id[len(conversation_id) + 1 :]
        memory = memories.setdefault(((tenant, conversation_id), suffix, deadline), Raised(deadline))
        memory.upto = max(memory.upto, share if level == "warning" else BREACH)
        memory.taken_back = memory.taken_back or level == "retracted"
    found: defaultdict[Name, dict[str, list[Raised]]] = defaultdict(dict)
    for (name, suffix, _), memory in sorted(memories.items(), key=lambda one: one[0]):
        found[name].setdefault(suffix, []).append(memory)
    return found


def _stretch(after: Name | None, last: Name | None) -> tuple[str, dict[str, str | int | float]]:
    """The condition for the conversations in (after, last], and its parameters."""
    conditions = ["1"]
    params: dict[str, str | int | float] = {}
    if after is not None:
        conditions += ["tenant >= {t0:String}", "(tenant, conversation_id) > ({t0:String}, {c0:String})"]
        params |= {"t0": after[0], "c0": after[1]}
    if last is not None:
        conditions += ["tenant <= {t1:String}", "(tenant, conversation_id) <= ({t1:String}, {c1:String})"]
        params |= {"t1": last[0], "c1": last[1]}
    return " AND ".join(conditions), params


def mend(
    name: Name,
    events: Sequence[InteractionEvent],
    stored: Iterable[MetricFact],
    book: PolicyBook,
    raised: Mapping[str, list[Raised]] | None = None,
) -> Mended:
    """Hold the `stored` facts of a conversation to its `events` (in the log's order; none: they had not landed).

    What its clocks have `raised` is not raised again.
    """
    known = {fact.fact_id: fact for fact in stored}
    judged_ms = _judged_ms(known.values())
    _, holding = fold(*name, [remember(event) for event in events], book, judged_ms)
    changes = list(_changes(known, holding))
    latest = known | {change.new.fact_id: change.new for change in changes}
    revisions = {fact_id: fact.revision for fact_id, fact in latest.items() if fact.revision > 1 or fact.retracted}
    if events:
        return Mended(rebuild(events, revisions, judged_ms, book, raised), changes)
    suffixes = {fact_id[len(name[1]) + 1 :]: revision for fact_id, revision in revisions.items()}
    head = Head(FoldState(), revisions=suffixes)
    return Mended([Entry(conversation_key(*name), None, pack(head), BEFORE_THE_LOG)], changes)


def _judged_ms(stored: Iterable[MetricFact]) -> EpochMs | None:
    deadlines = [
        fact.deadline
        for fact in stored
        if fact.metric.startswith("sla_") and fact.ended_at is None and fact.deadline is not None and not fact.retracted
    ]
    # The breaches that were sent are those with a deadline before it.
    return max(deadlines) + 1 if deadlines else None


def _changes(stored: Mapping[str, MetricFact], holding: Mapping[str, MetricFact]) -> Iterable[Change]:
    for fact_id, fact in holding.items():
        before = stored.get(fact_id)
        if before is None:
            yield Change(None, fact)
        elif before != msgspec.structs.replace(fact, revision=before.revision):
            old = None if before.retracted else before
            yield Change(old, msgspec.structs.replace(fact, revision=before.revision + 1))
    for fact_id, before in stored.items():
        if fact_id not in holding and not before.retracted:
            yield Change(before, msgspec.structs.replace(before, revision=before.revision + 1, retracted=True))
