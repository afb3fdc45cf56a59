"""What a restart needs from ClickHouse, because the embedded broker forgets.

    for conversation in stored_conversations(database):
        conversation.events      # first-in-log order, distinct
        conversation.revisions   # of the facts that have more than one version
    for facts in recent_facts(database, since_ms=now_ms - 86_400_000): ...
    for windows in latest_windows(database): ...

And what a worker needs of it for conversations that left its memory:

    events_of(database, [("acme", "c1"), ...], through=log_position(epoch, offset))

Everything is read in pages by key, so that no long query has to survive and no table has to fit into memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from schemas.records import Call, InteractionEvent, MetricFact, MetricWindow, Survey
from schemas.times import EpochMs
from sinks.clickhouse.database import Answer, Database

R = TypeVar("R")

PAGE_ROWS = 50_000

_INSTANTS = {"occurred_at", "ingested_at", "started_at", "ended_at", "deadline", "window_start", "window_end"}
_SURVEY = ("survey_kind", "survey_score", "survey_min", "survey_max", "survey_id")
_CALL = ("call_talk_seconds", "call_hold_seconds", "call_wrap_seconds")
_EVENT_FIELDS = tuple(name for name in InteractionEvent.__struct_fields__ if name not in {"survey", "call"})


class FactVersion(NamedTuple):
    """The latest version of a fact that is not simply the first one."""

    fact_id: str
    revision: int
    retracted: bool
    #: An SLA fact whose clock is still open behind its deadline; its deadline.
    open_deadline: EpochMs | None


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """The distinct events of one conversation, in the order in which the log first had them."""

    tenant: str
    conversation_id: str
    events: tuple[InteractionEvent, ...]
    #: `log_position` of each event.
    positions: tuple[int, ...]
    #: Facts with a revision above 1, retracted ones, and open breaches. All others are at revision 1.
    revisions: tuple[FactVersion, ...] = field(default=())


def stored_conversations(database: Database, page_rows: int = PAGE_ROWS) -> Iterator[StoredConversation]:
    """Every conversation with its events and revisions, ordered by (tenant, conversation_id) as bytes.

    Holds a page of events and all `FactVersion`s in memory.
    """
    revisions = _revisions(database, page_rows)
    after: tuple[str, str] | None = None
    limit = page_rows
    while True:
        answer = database.query(_conversations_sql(after, limit), _after_params(after))
        rows = len(answer)
        conversations = list(_grouped(answer, revisions))
        if rows == limit:
            # The last one may be cut short; alone on the page, it needs a larger one.
            conversations.pop()
            if not conversations:
                limit *= 2
                continue
        yield from conversations
        if rows < limit:
            return
        after = (conversations[-1].tenant, conversations[-1].conversation_id)
        limit = page_rows


def events_of(
    database: Database, names: Sequence[tuple[str, str]], through: int
) -> dict[tuple[str, str], list[InteractionEvent]]:
    """The distinct events of these conversations (tenant, conversation_id) whose `log_position` is at most `through`,
    in the order in which the log first had them. What has none is missing.
    """
    params: dict[str, str | int | float] = {"through": through}
    for n, (tenant, conversation_id) in enumerate(names):
        params |= {f"t{n}": tenant, f"c{n}": conversation_id}
    wanted = ", ".join(f"({{t{n}:String}}, {{c{n}:String}})" for n in range(len(names)))
    answer = database.query(
        f"""
        SELECT {_selected((*_EVENT_FIELDS, *_SURVEY, *_CALL))}
        FROM interactions FINAL
        WHERE (tenant, conversation_id) IN ({wanted}) AND log_position <= {{through:UInt64}}
        ORDER BY log_position, source, event_id
        """,  # noqa: S608 - names written here, and placeholders
        params,
    )
    found: defaultdict[tuple[str, str], list[InteractionEvent]] = defaultdict(list)
    for event in _events(answer) if len(answer) else ():
        found[event.tenant, event.conversation_id].append(event)
    return dict(found)


def recent_facts(database: Database, since_ms: EpochMs, page_rows: int = PAGE_ROWS) -> Iterator[list[MetricFact]]:
    """The facts that hold and ended after `since_ms`, in pages: what the rolling windows are made of."""
    sql = f"""
        SELECT {_selected(MetricFact.__struct_fields__)}
        FROM metric_facts FINAL
        WHERE {{after}} AND NOT retracted AND metric_facts.ended_at > fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
        ORDER BY tenant, metric, fact_id LIMIT {page_rows}
    """  # noqa: S608 - names written here, and placeholders
    keys = ("tenant", "metric", "fact_id")
    yield from _paged(database, sql, keys, page_rows, {"since": since_ms}, lambda row: MetricFact(**row))


def latest_windows(database: Database, page_rows: int = PAGE_ROWS) -> Iterator[list[MetricWindow]]:
    """The last refresh of every rolling window, in pages: what the gauges showed."""
    sql = f"""
        SELECT {_selected(MetricWindow.__struct_fields__)}
        FROM (
            SELECT * FROM metric_windows FINAL
            WHERE {{after}}
            ORDER BY tenant, metric, dimension, dimension_value, window_seconds, window_end DESC
            LIMIT 1 BY tenant, metric, dimension, dimension_value, window_seconds
            LIMIT {page_rows}
        ) AS metric_windows
        ORDER BY tenant, metric, dimension, dimension_value, window_seconds
    """  # noqa: S608 - names written here, and placeholders
    keys = ("tenant", "metric", "dimension", "dimension_value", "window_seconds")
    yield from _paged(database, sql, keys, page_rows, {}, lambda row: MetricWindow(**row))


def _paged(
    database: Database,
    sql: str,
    keys: Sequence[str],
    page_rows: int,
    params: dict[str, str | int | float],
    make: Callable[[dict[str, Any]], R],
) -> Iterator[list[R]]:
    after: tuple[str | int, ...] | None = None
    while True:
        values = {} if after is None else {f"k{i}": value for i, value in enumerate(after)}
        condition = "1" if after is None else _behind(keys, after)
        answer = database.query(sql.replace("{after}", condition), {**params, **values})
        page = [make(dict(zip(answer.names, row, strict=True))) for row in answer.rows]
        if page:
            yield page
        if len(page) < page_rows:
            return
        after = tuple(answer.column(key)[-1] for key in keys)


def _behind(keys: Sequence[str], values: Sequence[str | int]) -> str:
    """`(keys) > (values)`, spelled out so that the primary key can be used."""
    placeholders = [f"{{k{i}:{'UInt32' if isinstance(value, int) else 'String'}}}" for i, value in enumerate(values)]
    alternatives = []
    for i, key in enumerate(keys):
        equal = [f"{keys[j]} = {placeholders[j]}" for j in range(i)]
        alternatives.append("(" + " AND ".join([*equal, f"{key} > {placeholders[i]}"]) + ")")
    return "(" + " OR ".join(alternatives) + ")"


def _selected(fields: Sequence[str]) -> str:
    return ", ".join(f"toUnixTimestamp64Milli({name}) AS {name}" if name in _INSTANTS else name for name in fields)


def _conversations_sql(after: tuple[str, str] | None, limit: int) -> str:
    condition = "1" if after is None else _behind(("tenant", "conversation_id"), after)
    return f"""
        SELECT {_selected((*_EVENT_FIELDS, *_SURVEY, *_CALL, "log_position"))}
        FROM interactions FINAL
        WHERE {condition}
        ORDER BY tenant, conversation_id, log_position, source, event_id LIMIT {limit}
    """  # noqa: S608 - names written here, and placeholders


def _after_params(after: tuple[str, str] | None) -> dict[str, str]:
    return {} if after is None else {"k0": after[0], "k1": after[1]}


_Revisions = dict[tuple[str, str], list[FactVersion]]


def _revisions(database: Database, page_rows: int) -> _Revisions:
    fields = ("tenant", "metric", "fact_id", "conversation_id", "revision", "retracted", "deadline", "ended_at")
    sql = f"""
        SELECT {_selected(fields)}
        FROM metric_facts FINAL
        WHERE {{after}} AND (
            revision > 1 OR retracted OR (metric_facts.ended_at IS NULL AND startsWith(metric, 'sla_'))
        )
        ORDER BY tenant, metric, fact_id LIMIT {page_rows}
    """  # noqa: S608 - names written here, and placeholders
    found: _Revisions = defaultdict(list)
    for page in _paged(database, sql, ("tenant", "metric", "fact_id"), page_rows, {}, dict):
        for row in page:
            is_open = row["ended_at"] is None and not row["retracted"] and row["metric"].startswith("sla_")
            version = FactVersion(
                row["fact_id"], row["revision"], bool(row["retracted"]), row["deadline"] if is_open else None
            )
            found[row["tenant"], row["conversation_id"]].append(version)
    return found


def _grouped(answer: Answer, revisions: _Revisions) -> Iterator[StoredConversation]:
    pairs = zip(_events(answer), answer.column("log_position"), strict=True)
    for (tenant, conversation_id), found in groupby(pairs, key=_conversation):
        members = list(found)
        yield StoredConversation(
            tenant,
            conversation_id,
            tuple(event for event, _position in members),
            tuple(position for _event, position in members),
            tuple(revisions.get((tenant, conversation_id), ())),
        )


def _conversation(pair: tuple[InteractionEvent, int]) -> tuple[str, str]:
    return pair[0].tenant, pair[0].conversation_id


def _events(answer: Answer) -> list[InteractionEvent]:
    # Column by column where it can be: this is most of what a restart waits for.
    surveys = zip(*map(answer.column, _SURVEY), strict=True)
    calls = zip(*map(answer.column, _CALL), strict=True)
    plain = zip(*map(answer.column, _EVENT_FIELDS), strict=True)
    return [
        InteractionEvent(
            survey=None if survey[0] is None else Survey(*survey),
            call=None if call[0] is None else Call(*call),
            **dict(zip(_EVENT_FIELDS, row, strict=True)),
        )
        for row, survey, call in zip(plain, surveys, calls, strict=True)
    ]
