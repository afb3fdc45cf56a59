"""Conversations told in lines, and facts read back as lines.

    story('''
        09:00 customer message
        09:04 ana message team=vip
        09:10 ana resolved
    ''')

A line is an instant of the day, who, what, and fields. Who is `customer`, `bot`, `system`, or the name of an agent.
What is one of `WORDS`, a status, `assigned=NAME`, `call=TALK+HOLD+WRAP` (seconds), `csat=4`, `nps=9` or `ces=2`.
`+1` before the instant is the next day. Ids are the numbers of the lines unless a line says `id=`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.records import Call, InteractionEvent, MetricFact, Status, Survey
from schemas.times import EpochMs, parse, render
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.sla import policy_file
from streams.sla.policies import PolicyBook

#: A Tuesday.
DAY = "2026-03-10"
DAY_MS = 86_400_000
MIDNIGHT = parse(f"{DAY}T00:00:00Z")

WORDS: dict[str, dict[str, Any]] = {
    "message": {"type": "message"},
    "ack": {"type": "message", "ack": True},
    "auto": {"type": "message", "automated": True},
    "started": {"type": "conversation_started"},
    "note": {"type": "note"},
    "handoff": {"type": "handoff_requested"},
    "answered": {"type": "call_answered"},
    "merged": {"type": "merged", "merged_into": "another"},
    "deleted": {"type": "deleted"},
    **{status: {"type": "status_changed", "status": status} for status in typing.get_args(Status)},
}
_FIELDS = {"id": "event_id", "via": "channel", "from": "source", "seq": "sequence"}


def clock(text: str, days: int = 0) -> EpochMs:
    """`09:00` or `09:00:30` of the day, or of a later one."""
    return parse(f"{DAY}T{text if text.count(':') > 1 else text + ':00'}Z") + days * DAY_MS


def story(text: str, **every: Any) -> list[InteractionEvent]:
    """The events of a story; `every` are fields that all of them have."""
    lines = [line.split() for line in text.strip().splitlines() if line.strip()]
    return [_event(number, line, every) for number, line in enumerate(lines, start=1)]


def _event(number: int, words: list[str], every: dict[str, Any]) -> InteractionEvent:
    days = int(words.pop(0)) if words[0].startswith("+") else 0
    time, who, what, *rest = words
    fields: dict[str, Any] = {
        "event_id": f"e{number}",
        "tenant": "acme",
        "source": "chat",
        "channel": "live_chat",
        "occurred_at": clock(time, days),
        "conversation_id": "c",
        "actor_kind": who if who in ("customer", "bot", "system") else "human",
        "actor_id": None if who == "system" else who,
        **every,
    }
    fields |= _what(what)
    for word in rest:
        name, _, value = word.partition("=")
        fields[_FIELDS.get(name, name)] = int(value) if name == "seq" else value
    if isinstance(slot := fields.get("survey"), str):
        fields["survey"] = msgspec.structs.replace(_what(what)["survey"], survey_id=slot)
    return InteractionEvent(**fields)


def _what(what: str) -> dict[str, Any]:
    word, _, value = what.partition("=")
    if word == "assigned":
        return {"type": "assigned", "assignee_id": None if value == "nobody" else value}
    if word == "call":
        return {"type": "call_ended", "call": Call(*map(float, value.split("+")))}
    if word in ("csat", "nps", "ces"):
        return {"type": "survey_answered", "survey": Survey(word, float(value))}  # type: ignore[arg-type]
    return WORDS[word]


def facts_of(events: Iterable[InteractionEvent], policies: str = "", as_of: EpochMs | None = None) -> list[MetricFact]:
    """The facts of one conversation's distinct events."""
    return list(fold_events(events, policy_file.parse(policies), as_of).values())


def fold_events(
    events: Iterable[InteractionEvent], book: PolicyBook, as_of_ms: EpochMs | None = None
) -> dict[str, MetricFact]:
    """As `fold`, of events of one conversation that may come twice: the first one counts."""
    found = list(events)
    log = {(event.source, event.event_id): remember(event) for event in reversed(found)}
    return fold(found[0].tenant, found[0].conversation_id, list(log.values()), book, as_of_ms)[1]


def lines(facts: Iterable[MetricFact], about: str = "") -> list[str]:
    """Facts as lines, sorted; `about` names the metrics that are of interest.

    `1/2/next_response 09:00-09:04 4m by=ana`: what is absent is left out, and so are channel live_chat and the days.
    """
    wanted = about.split()
    return sorted(_line(fact) for fact in facts if not wanted or fact.metric in wanted)


def _line(fact: MetricFact) -> str:
    words = [fact.fact_id[len(fact.conversation_id) + 1 :], f"{_time(fact.started_at)}-{_time(fact.ended_at)}"]
    if fact.value_ms is not None:
        words.append(duration(fact.value_ms))
    words += [fact.outcome] if fact.outcome else []
    named = {
        "by": fact.agent_id,
        "score": fact.score,
        "via": None if fact.channel == "live_chat" else fact.channel,
        "team": fact.team,
        "priority": fact.priority,
        "business": None if fact.business_ms is None else duration(fact.business_ms),
        "deadline": None if fact.deadline is None else _time(fact.deadline),
        "policy": fact.policy,
    }
    return " ".join(words + [f"{name}={value}" for name, value in named.items() if value is not None])


def _time(at_ms: EpochMs | None) -> str:
    if at_ms is None:
        return "…"
    text = render(at_ms)[11:23]
    return text.removesuffix(".000").removesuffix(":00")


def duration(ms: int) -> str:
    """`1h30m`, `0s`, `2.5s`."""
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest / 1000:g}s" if rest else ""]
    return sign + ("".join(parts) or "0s")


class Case(typing.NamedTuple):
    """A worked case: what happened, the metrics it is about, and all facts of these, one a line."""

    why: str
    told: str
    about: str
    expected: str
    policies: str = ""
    as_of: EpochMs | None = None

    def check(self) -> None:
        """Fold the story and compare."""
        facts = facts_of(story(self.told), self.policies, self.as_of)
        assert lines(facts, self.about) == sorted(line.strip() for line in self.expected.strip().splitlines()), self.why
