"""What a restart needs from ClickHouse, because the embedded broker forgets.

    for conversation in stored_conversations(database):
        conversation.events      # first-in-log order, distinct
    for facts in recent_facts(database, since_ms=now_ms - 86_400_000): ...

And what a worker needs of it for conversations that left its memory:

    events_of(database, [("acme", "c1"), ...], through=log_position(epoch, offset))

Everything is read in pages by key, so that no long query has to survive and no table has to fit into memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.records import Call, InteractionEvent, MetricFact, Survey
from schemas.times import EpochMs
from sinks.clickhouse.database import Answer, Database

PAGE_ROWS = 50_000

_INSTANTS = {"occurred_at", "ingested_at", "started_at", "ended_at", "deadline"}
_SURVEY = ("survey_kind", "survey_score", "survey_min", "survey_max", "survey_id")
_CALL = ("call_talk_seconds", "call_hold_seconds", "call_wrap_seconds")
_EVENT_FIELDS = tuple(name for name in InteractionEvent.__struct_fields__ if name not in {"survey", "call"})


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """The distinct events of one conversation, in the order in which the log first had them."""

    tenant: str
    conversation_id: str
    events: tuple[InteractionEvent, ...]


def stored_conversations(database: Database, page_rows: int = PAGE_ROWS) -> Iterator[StoredConversation]:
    """Every conversation with its events, ordered by (tenant, conversation_id) as bytes. Holds a page of events."""
    after: tuple[str, str] | None = None
    limit = page_rows
    while True:
        condition, params = _page_behind(("tenant", "conversation_id"), after)
        answer = database.query(
            f"""
            SELECT {_selected((*_EVENT_FIELDS, *_SURVEY, *_CALL))}
            FROM interactions FINAL
            WHERE {condition}
            ORDER BY tenant, conversation_id, log_position, source, event_id LIMIT {limit}
            """,  # noqa: S608 - names written here, and placeholders
            params,
        )
        rows = len(answer)
        conversations = list(_grouped(answer))
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
    keys = ("tenant", "metric", "fact_id")
    after: tuple[str, ...] | None = None
    while True:
        condition, params = _page_behind(keys, after)
        answer = database.query(
            f"""
            SELECT {_selected(MetricFact.__struct_fields__)}
            FROM metric_facts FINAL
            WHERE {condition} AND NOT retracted
                AND metric_facts.ended_at > fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
            ORDER BY tenant, metric, fact_id LIMIT {page_rows}
            """,  # noqa: S608 - names written here, and placeholders
            {"since": since_ms, **params},
        )
        page = [MetricFact(**dict(zip(answer.names, row, strict=True))) for row in answer.rows]
        if page:
            yield page
        if len(page) < page_rows:
            return
        after = tuple(answer.column(key)[-1] for key in keys)


def _page_behind(keys: Sequence[str], after: Sequence[str] | None) -> tuple[str, dict[str, str]]:
    """`(keys) > (after)`, spelled out so that the primary key can be used, and its parameters; None: everything."""
    if after is None:
        return "1", {}
    alternatives = []
    for i, key in enumerate(keys):
        equal = [f"{keys[j]} = {{k{j}:String}}" for j in range(i)]
        alternatives.append("(" + " AND ".join([*equal, f"{key} > {{k{i}:String}}"]) + ")")
    return "(" + " OR ".join(alternatives) + ")", {f"k{i}": value for i, value in enumerate(after)}


def _selected(fields: Sequence[str]) -> str:
    return ", ".join(f"toUnixTimestamp64Milli({name}) AS {name}" if name in _INSTANTS else name for name in fields)


def _grouped(answer: Answer) -> Iterator[StoredConversation]:
    for (tenant, conversation_id), members in groupby(_events(answer), key=_conversation):
        yield StoredConversation(tenant, conversation_id, tuple(members))


def _conversation(event: InteractionEvent) -> tuple[str, str]:
    return event.tenant, event.conversation_id


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
