"""Twitter sessions: a row per conversation, an event per message, timed by the tweet's id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.importers import ibm_twitter
from connectors.importers.rows import ImportOptions, Outcome, Refusal, Row
from schemas import times
from tests.connectors.samples import write

ASKED_MS = times.parse("2020-04-01T17:00:00.123Z")


def tweet_id(at_ms: int, low: int = 5) -> str:
    return str((at_ms - 1288834974657 << 22) + low)


def session(**fields: Any) -> dict[str, Any]:
    return {
        "session": "s1",
        "company": "AirBrand",
        "messages": [
            {"role": "client", "author": "anna", "tweet_id": tweet_id(ASKED_MS), "characters": 20},
            {"role": "client", "author": "ben", "tweet_id": tweet_id(ASKED_MS + 1000), "characters": 9},
            {"role": "agent", "author": "AirBrand", "tweet_id": tweet_id(ASKED_MS + 61_000), "characters": 7},
        ],
    } | fields


def read(path: Path, *sessions: Any, **options: Any) -> list[Outcome]:
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in sessions]
    return list(ibm_twitter.read(write(path / "f.jsonl", b"\n".join(lines)), ImportOptions(**options)))


def test_a_session_becomes_its_messages_in_order(tmp_path: Path) -> None:
    (row,) = read(tmp_path, session())
    assert isinstance(row, Row)
    first, second, answer = row.events
    assert [event.occurred_at for event in row.events] == [ASKED_MS, ASKED_MS + 1000, ASKED_MS + 61_000]
    assert [event.actor_kind for event in row.events] == ["customer", "customer", "human"]
    assert [event.sequence for event in row.events] == [0, 1, 2]
    assert {event.customer_id for event in row.events} == {"anna"}
    assert (first.tenant, first.source, first.channel, first.type) == ("ibm_twitter", "ibm_twitter", "x", "message")
    assert (first.conversation_id, first.team, first.historical) == ("s1", "AirBrand", True)
    assert (second.actor_id, answer.actor_id) == ("ben", "AirBrand")
    assert answer.attributes == {"characters": "7"}


def test_a_tweet_in_two_sessions_is_two_events(tmp_path: Path) -> None:
    rows = read(tmp_path, session(), session(session="s2"))
    identities = {event.event_id for row in rows if isinstance(row, Row) for event in row.events}
    assert len(identities) == 6


def test_tenant_source_and_historical_can_be_said(tmp_path: Path) -> None:
    (row,) = read(tmp_path, session(), tenant="t", source="s", historical=False)
    assert isinstance(row, Row)
    assert {(event.tenant, event.source, event.historical) for event in row.events} == {("t", "s", False)}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "an empty line"),
        (b"{", "not JSON"),
        (b'{"session": "\xff"}', "not UTF-8"),
        (session(messages=[]), "Expected `array` of length >= 1 - at `$.messages`"),
        (session(session=""), "Expected `str` of length >= 1 - at `$.session`"),
        (session(messages=[{"role": "boss"}]), "Expected one of client, agent - at `$.messages[0].role`"),
        (
            session(messages=[{"role": "agent", "author": "a", "tweet_id": "-1", "characters": 1}]),
            "Expected `str` matching regex '^[0-9]{1,19}$' - at `$.messages[0].tweet_id`",
        ),
    ],
)
def test_a_bad_session_is_refused_whole_and_the_next_one_read(tmp_path: Path, bad: Any, reason: str) -> None:
    refusal, row = read(tmp_path, bad, session())
    assert isinstance(refusal, Refusal)
    assert refusal.line == 1
    assert refusal.reason.startswith(reason)
    assert isinstance(row, Row)
