"""What the lines of `queue_log` say."""

from __future__ import annotations

import dataclasses

import pytest

from connectors.channels.base import Parsed
from schemas.errors import Refused
from schemas.records import Call, InteractionEvent
from schemas.times import parse
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.asterisk import CASE, STORY, T0_S, lines


def parsed(*told: str, offset: str | None = None) -> Parsed:
    delivery = CASE.sign(Sample("x", lines(*told)), SECRET)
    query = {} if offset is None else {"offset": offset}
    return CASE.connector.parse(dataclasses.replace(delivery, query=query), CASE.source())


def facts(*told: str) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    for fact in facts_of(CASE, [Sample("x", lines(*told))]):
        found.setdefault(fact.metric, []).append(fact.value_ms)
    return found


def test_a_call_from_its_entering_to_its_end() -> None:
    by_metric = {each.metric: each for each in facts_of(CASE, STORY)}
    first = by_metric["first_response"]
    assert (first.value_ms, first.agent_id, first.team, first.channel) == (30_000, "PJSIP/12", "support", "voice")
    assert (by_metric["resolution"].value_ms, by_metric["resolution"].outcome) == (150_000, "answered")
    assert by_metric["handle_time"].value_ms == 120_000


def test_entering_says_the_caller_and_the_queue() -> None:
    (entered,) = parsed("0|77.1|support|NONE|ENTERQUEUE||5550100|1|A NAME", offset="1000").events
    assert entered == InteractionEvent(
        event_id=f"77.1/ENTERQUEUE/{T0_S}000/support/conversation_started",
        tenant="acme",
        source="asterisk-main",
        channel="voice",
        type="conversation_started",
        occurred_at=parse("2026-03-02T08:00:00Z"),
        ingested_at=RECEIVED_MS,
        conversation_id="77.1",
        customer_id="5550100",
        actor_kind="customer",
        team="support",
        sequence=4000,
    )


@pytest.mark.parametrize("caller", ["", "anonymous", "Unknown", "asterisk"])
def test_a_caller_without_a_number_is_nobody_in_particular(caller: str) -> None:
    (entered,) = parsed(f"0|77.1|support|NONE|ENTERQUEUE||{caller}|1").events
    assert entered.customer_id is None


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("ABANDON|1|1|60", "customer"),
        ("EXITWITHKEY|1|1|1|60", "customer"),
        ("EXITWITHTIMEOUT|1|1|60", "system"),
        ("EXITEMPTY|1|1|60", "system"),
        ("SYSCOMPAT", "system"),
    ],
)
def test_leaving_the_queue_without_an_answer(line: str, who: str) -> None:
    told = ("0|5.1|q|NONE|ENTERQUEUE||1|1", f"60|5.1|q|NONE|{line}")
    assert [each.actor_kind for each in parsed(*told).events] == ["customer", who]
    (resolution,) = [each for each in facts_of(CASE, [Sample("x", lines(*told))]) if each.metric == "resolution"]
    assert (resolution.outcome, resolution.value_ms) == ("unanswered", 60_000)


def test_a_call_that_was_turned_away_was_not_answered() -> None:
    assert facts("0|5.1|q|NONE|FULL")["resolution"] == [0]
    assert "first_response" not in facts("0|5.1|q|NONE|FULL")


@pytest.mark.parametrize(
    ("line", "where", "talk"),
    [
        ("TRANSFER|200|internal|30|61|1", "200@internal", 61),
        ("BLINDTRANSFER|200|internal|30|61|1", "200@internal", 61),
        ("ATTENDEDTRANSFER|BRIDGE|b-1|30|61|1", "attended/bridge", 61),
        ("ATTENDEDTRANSFER|APP|Voicemail|30|61|1", "attended/app", 61),
        ("ATTENDEDTRANSFER|LINK|Local/1@x-1;1|Local/1@x-1;2|30|61|1", "attended/link", 61),
    ],
)
def test_transfers(line: str, where: str, talk: int) -> None:
    told = ("0|5.1|q|NONE|ENTERQUEUE||1|1", "30|5.1|q|A|CONNECT|30|5.2|1", f"91|5.1|q|A|{line}")
    ended, assigned, resolved = parsed(*told).events[-3:]
    assert (ended.call, assigned.assignee_id, resolved.status) == (Call(talk), where, "resolved")
    assert len(facts(*told)["transfer"]) == 1


def test_a_transfer_of_old_says_where_to_alone() -> None:
    assigned, resolved = parsed("91|5.1|q|A|TRANSFER|200|internal").events
    assert (assigned.assignee_id, resolved.status) == ("200@internal", "resolved")


def test_entering_the_next_queue_in_the_second_of_leaving_the_first() -> None:
    told = (
        "0|5.1|first|NONE|ENTERQUEUE||1|1",
        "60|5.1|first|NONE|EXITWITHTIMEOUT|1|1|60",
        "60|5.1|second|NONE|ENTERQUEUE||1|1",
        "75|5.1|second|A|CONNECT|15|5.2|1",
        "90|5.1|second|A|COMPLETEAGENT|15|15|1",
    )
    found = facts(*told)
    assert found["first_response"] == [15_000]
    assert found["reopen"] == [0]


def test_the_same_line_from_another_place_is_the_same_event() -> None:
    told = "30|5.1|q|A|CONNECT|30|5.2|1"
    here, there = parsed(told).events, parsed("0|9.9|q|NONE|ENTERQUEUE||1|1", told, offset="70000").events[1:]
    assert [each.event_id for each in here] == [each.event_id for each in there]


@pytest.mark.parametrize("told", ["0|NONE|q|A|CONNECT|1|1|1", "0|5.1|q|A|COMPLETEAGENT|1|long|1"])
def test_lines_that_make_no_sense_are_parked_among_others(told: str) -> None:
    found = parsed("0|5.1|q|NONE|ENTERQUEUE||1|1", told)
    assert (len(found.events), len(found.parked)) == (1, 1)
    with pytest.raises(Refused):
        parsed(told)


@pytest.mark.parametrize("body", [b"", b"\n\n", b'{"a": 1}', b"1|2|3\n", b"\xff|a|b|c|ENTERQUEUE\n"])
def test_a_body_without_a_single_line_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        CASE.connector.parse(CASE.sign(Sample("x", body), SECRET), CASE.source())
