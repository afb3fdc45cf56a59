"""Whether Kafka and ClickHouse say the same: what a sink has committed has to be there.

Looked at are the newest records of every partition, so that it takes as long for a large deployment as for a small one;
records behind the sinks' committed offsets are lag, and no disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from schemas import wire
from schemas.errors import Refused
from schemas.topics import Topics
from supportpulse.doctor.clickhouse import Ask
from supportpulse.doctor.findings import Finding, Findings, error, ok
from supportpulse.topic_reading import Lying

R = TypeVar("R")

#: Names in one question: ClickHouse takes statements of 256 KiB.
_NAMES = 400

Committed = Mapping[tuple[str, int], int]


def examine(samples: Mapping[str, Sequence[Lying]], committed: Committed, ask: Ask, topics: Topics) -> Findings:
    """Events and facts."""
    events = _landed(samples.get(topics.interactions, ()), topics.interactions, committed, wire.decode_event)
    facts = _landed(samples.get(topics.facts, ()), topics.facts, committed, wire.decode_fact)
    yield _events(
        {(each.tenant, each.conversation_id, each.source, each.event_id) for each in events}, topics.interactions, ask
    )
    latest: dict[tuple[str, ...], int] = {}
    for fact in facts:
        name = (fact.tenant, fact.metric, fact.fact_id)
        latest[name] = max(fact.revision, latest.get(name, 0))
    yield _facts(latest, topics.facts, ask)


def _landed(sample: Sequence[Lying], topic: str, committed: Committed, decode: Callable[[bytes], R]) -> Iterator[R]:
    for each in sample:
        if each.offset < committed.get((topic, each.partition), 0):
            try:
                yield decode(each.value)
            except Refused:
                # It lies in the dead letters.
                continue


def _events(names: set[tuple[str, ...]], topic: str, ask: Ask) -> Finding:
    check = "counts: events"
    found = 0
    for some in _pieces(sorted(names)):
        statement = (
            "SELECT count() AS found FROM interactions FINAL "  # noqa: S608 - names are quoted
            f"WHERE (tenant, conversation_id, source, event_id) IN ({_tuples(some)})"
        )
        found += int(ask(statement)[0]["found"])
    if found < len(names):
        return error(check, f"{len(names) - found:,} of the newest {len(names):,} of {topic} are missing", _REREAD)
    return ok(check, f"the newest {len(names):,} that the sinks have committed are in ClickHouse, once each")


def _facts(latest: Mapping[tuple[str, ...], int], topic: str, ask: Ask) -> Finding:
    check = "counts: facts"
    missing = older = 0
    for some in _pieces(sorted(latest)):
        statement = (
            "SELECT tenant, metric, fact_id, max(revision) AS revision FROM metric_facts "  # noqa: S608 - quoted
            f"WHERE (tenant, metric, fact_id) IN ({_tuples(some)}) GROUP BY tenant, metric, fact_id"
        )
        there = {(row["tenant"], row["metric"], row["fact_id"]): int(row["revision"]) for row in ask(statement)}
        missing += sum(name not in there for name in some)
        older += sum(there[name] < latest[name] for name in some if name in there)
    if missing or older:
        return error(
            check, f"of the newest {len(latest):,} of {topic} {missing:,} are missing, {older:,} are older", _REREAD
        )
    return ok(check, f"the newest {len(latest):,} that the sinks have committed are in ClickHouse, in their versions")


_REREAD = (
    "what was committed was not inserted, or rows were deleted: stop the sinks, set the group's offsets back "
    "(kafka-consumer-groups --reset-offsets --to-earliest) and start them again; rows that come again change nothing"
)


def _pieces(names: Sequence[R]) -> Iterator[list[R]]:
    rest = iter(names)
    while some := list(islice(rest, _NAMES)):
        yield some


def _tuples(names: Sequence[tuple[Any, ...]]) -> str:
    return ", ".join(f"({', '.join(map(_quoted, name))})" for name in names)


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
