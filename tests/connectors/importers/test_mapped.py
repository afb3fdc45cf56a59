"""Any table by a mapping file: strict about the file, strict about each row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from connectors.importers import mapped
from connectors.importers.mapping import MappingError
from connectors.importers.rows import Ignored, ImportOptions, Refusal, Row
from connectors.importing import import_files
from schemas.records import Call, InteractionEvent, Survey
from schemas.times import parse
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.samples import EventList, write

PAGE = Path(__file__).parents[3] / "docs" / "importing.md"
PLAIN = """
event:
  event_id: id
  conversation_id: ticket
  type: type
  occurred_at: at
  channel: {value: email}
  actor.kind: {column: who, values: {client: customer, agent: human}}
"""


def options(tmp_path: Path, text: str, **more: Any) -> ImportOptions:
    return ImportOptions(mapping=write(tmp_path / "mapping.yaml", text.encode()), **more)


def outcomes(tmp_path: Path, mapping: str, table: str, **more: Any) -> list[Row | Refusal | Ignored]:
    return list(mapped.read(write(tmp_path / "t.csv", table.encode()), options(tmp_path, mapping, **more)))


def one(tmp_path: Path, mapping: str, table: str, **more: Any) -> InteractionEvent:
    (row,) = outcomes(tmp_path, mapping, table, **more)
    assert isinstance(row, Row), row
    return row.events[0]


def reason(tmp_path: Path, mapping: str, table: str) -> str:
    (refusal,) = outcomes(tmp_path, mapping, table)
    assert isinstance(refusal, Refusal)
    return f"{refusal.line}: {refusal.reason}"


def test_a_quote_within_a_plain_cell_opens_nothing(tmp_path: Path) -> None:
    rows = (
        'id,ticket,type,at,who\n1,5" screen,message,2026-03-02T08:00Z,client\n2,T2,message,2026-03-02T08:01Z,client\n'
    )
    found = outcomes(tmp_path, PLAIN, rows)
    assert [each.events[0].conversation_id for each in found if isinstance(each, Row)] == ['5" screen', "T2"]


def test_a_row_is_an_event(tmp_path: Path) -> None:
    found = one(tmp_path, PLAIN, "id,ticket,type,at,who\n1,T1,message,2026-03-02T08:00:00Z,client\n", tenant="acme")
    assert found == InteractionEvent(
        event_id="1",
        tenant="acme",
        source="mapped",
        channel="email",
        type="message",
        occurred_at=parse("2026-03-02T08:00:00Z"),
        conversation_id="T1",
        actor_kind="customer",
        historical=True,
    )


@pytest.mark.parametrize(
    ("spec", "cell", "expected"),
    [
        ("at", "2026-03-02 08:00:00", "2026-03-02T05:00:00Z"),
        ("at", "2026-03-02T08:00:00.250+01:00", "2026-03-02T07:00:00.250Z"),
        ("{column: at, timezone: UTC}", "2026-03-02T08:00", "2026-03-02T08:00:00Z"),
        ('{column: at, format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin}', "02.07.2026 08:00", "2026-07-02T06:00:00Z"),
        ("{column: at, format: epoch_s}", "1772438400.5", "2026-03-02T08:00:00.500Z"),
        ("{column: at, format: epoch_ms}", "1772438400250", "2026-03-02T08:00:00.250Z"),
    ],
)
def test_times_in_their_formats_and_zones(tmp_path: Path, spec: str, cell: str, expected: str) -> None:
    mapping = PLAIN.replace("occurred_at: at", f"occurred_at: {spec}")
    table = f"id,ticket,type,at,who\n1,T1,message,{cell},client\n"
    assert one(tmp_path, mapping, table, timezone=ZoneInfo("Asia/Riyadh")).occurred_at == parse(expected)


def test_fields_of_one_type_stay_out_of_rows_of_others(tmp_path: Path) -> None:
    mapping = PLAIN + (
        "  status: {value: resolved}\n  assignee_id: owner\n  survey.kind: {value: csat}\n  survey.score: score\n"
        "  survey.max: {value: 5}\n  call.talk_seconds: talk\n  sequence: n\n  automated: auto\n"
        "  attributes.plan: plan\n  attributes.text_length: {column: body, length: true}\n"
    )
    table = (
        "id,ticket,type,at,who,owner,score,talk,n,auto,plan,body\n"
        '1,T1,message,2026-03-02T08:00Z,client,,,,1,no,large,"two\nlines"\n'
        "2,T1,survey_answered,2026-03-02T08:00Z,client,,4,,2,,,\n"
        "3,T1,call_ended,2026-03-02T08:00Z,agent,,,61.5,3,YES,,\n"
        "4,T1,assigned,2026-03-02T08:00Z,agent,a9,,,4,0,,\n"
        "5,T1,status_changed,2026-03-02T08:00Z,agent,,,,5,,,\n"
    )
    rows = outcomes(tmp_path, mapping, table)
    found = [row.events[0] for row in rows if isinstance(row, Row)]
    assert [row.line for row in rows] == [2, 4, 5, 6, 7]
    assert found[0].attributes == {"plan": "large", "text_length": "9"}
    assert [each.survey for each in found] == [None, Survey("csat", 4.0, None, 5.0), None, None, None]
    assert [each.call for each in found] == [None, None, Call(61.5), None, None]
    assert [each.assignee_id for each in found] == [None, None, None, "a9", None]
    assert [each.status for each in found] == [None, None, None, None, "resolved"]
    assert [(each.sequence, each.automated) for each in found] == [
        (1, False),
        (2, False),
        (3, True),
        (4, False),
        (5, False),
    ]


def test_columns_joined_and_defaults(tmp_path: Path) -> None:
    mapping = PLAIN.replace("event_id: id", "event_id: {columns: [ticket, id], join: '-'}").replace(
        "who, values: {client: customer, agent: human}", "who, values: {client: customer}, default: human"
    )
    table = "id,ticket,type,at,who\n1,T1,message,2026-03-02T08:00Z,\n"
    found = one(tmp_path, mapping, table)
    assert (found.event_id, found.actor_kind) == ("T1-1", "human")
    assert one(tmp_path, mapping, table.replace("Z,", "Z,somebody")).actor_kind == "human"


def test_without_an_id_the_same_row_is_the_same_event(tmp_path: Path) -> None:
    mapping = PLAIN.replace("  event_id: id\n", "")
    table = "id,ticket,type,at,who\n1,T1,message,2026-03-02T08:00Z,client\n"
    first, again = one(tmp_path, mapping, table), one(tmp_path, mapping, table, source="other")
    assert first.event_id == again.event_id
    assert one(tmp_path, mapping, table.replace("T1", "T2")).event_id != first.event_id


def test_json_lines_by_paths(tmp_path: Path) -> None:
    mapping = "format: jsonl\n" + PLAIN.replace("conversation_id: ticket", "conversation_id: ticket.id")
    line = '{"id": 7, "ticket": {"id": 12}, "type": "message", "at": "2026-03-02T08:00Z", "who": "agent", "x": [1]}\n'
    found = one(tmp_path, mapping, line)
    assert (found.event_id, found.conversation_id, found.actor_kind) == ("7", "12", "human")
    assert reason(tmp_path, mapping, "[1]\n") == "1: JSON, but not an object"
    assert reason(tmp_path, mapping, "{\n") == "1: not JSON in UTF-8"


def test_rows_to_ignore(tmp_path: Path) -> None:
    mapping = PLAIN + "ignore: [{column: type, values: [viewed]}]\n"
    table = "id,ticket,type,at,who\n1,T1,viewed,,\n2,T1,message,2026-03-02T08:00Z,client\n"
    path = write(tmp_path / "t.csv", table.encode())
    report = import_files([path], "mapped", EventList(), options(tmp_path, mapping))
    assert (report.rows, report.imported, report.refused_count) == (2, 1, 0)
    assert report.ignored == {"ignored_by_mapping": 1}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1,T1,message,yesterday,client", "2: `at` is no time in the format rfc3339"),
        ("1,T1,secret words,2026-03-02T08:00Z,client", "2: `type` is no type: a table of values can translate it"),
        ("1,T1,message,2026-03-02T08:00Z,nobody", "2: `who` has a value that its table of values does not know"),
        ("1,,message,2026-03-02T08:00Z,client", "2: `ticket` is empty, and conversation_id cannot be"),
        ("1,T1,message,1066-10-14T08:00Z,client", "2: `at` is outside of 1900 to 2299"),
        ("1,T1,message", "2: 3 cells where the header has 5"),
        ("", "2: an empty line"),
        ('1,"T1,message,2026-03-02T08:00Z,client', "2: a quote that is opened here is never closed"),
        ('1,T"1"x,message,"2026"x,client', "2: not CSV: ',' expected after '\"'"),
        (f"1,{'T' * 5000},message,2026-03-02T08:00Z,client", "2: `ticket` has more than 4,096 characters"),
        (
            "1,T1,status_changed,2026-03-02T08:00Z,client",
            "2: Object missing required field `status`, which status_changed needs",
        ),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, row: str, why: str) -> None:
    assert reason(tmp_path, PLAIN, f"id,ticket,type,at,who\n{row}\n") == why


def test_a_row_behind_a_bad_one_is_read(tmp_path: Path) -> None:
    good = "2,T1,message,2026-03-02T08:00Z,client"
    table = f"id,ticket,type,at,who\n1,T1\n{good}\n".encode() + b"\xff\n" + good.encode() + b"\n"
    path = write(tmp_path / "t.csv", table)
    kinds = [(type(each).__name__, each.line) for each in mapped.read(path, options(tmp_path, PLAIN))]
    assert kinds == [("Refusal", 2), ("Row", 3), ("Refusal", 4), ("Row", 5)]


def test_a_missing_column_refuses_the_file(tmp_path: Path) -> None:
    assert reason(tmp_path, PLAIN, "id,type,at\n1,2,3\n") == "1: no column ticket, who: nothing of this file is read"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("event: {}", ":1: event: conversation_id, type, occurred_at, channel, actor.kind is missing"),
        ("{", ":1: not YAML"),
        ("evnt: {}", ":1: evnt: is not known here"),
        (PLAIN + "  mood: x\n", ":9: event.mood: is no field of an event"),
        (PLAIN + "  team: {column: a, value: b}\n", ":9: event.team: needs exactly one of column, columns and value"),
        (PLAIN.replace("email", "pigeon"), ":7: event.channel.value: 'pigeon' is no channel: write one of email"),
        (PLAIN.replace("agent: human", "agent: robot"), ":8: event.actor.kind.values.agent: 'robot' is no actor.kind"),
        (PLAIN.replace("occurred_at: at", "occurred_at: {column: at, format: soon}"), "expected rfc3339, epoch_s"),
        (PLAIN.replace("occurred_at: at", "occurred_at: {column: at, timezone: Mars}"), "is no IANA time zone"),
        (PLAIN + "delimiter: ';;'\n", "expected a single character"),
        (PLAIN + "format: xml\n", "'xml' is none of csv, jsonl"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_by_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(MappingError) as told:
        outcomes(tmp_path, text, "a\n")
    assert why in str(told.value)


def test_without_a_mapping_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="--mapping FILE"):
        list(mapped.read(tmp_path / "t.csv", ImportOptions()))


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index("## `mapped`") :]
    mapping, table = (re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)[0] for kind in ("yaml", "csv"))
    assert isinstance(yaml.safe_load(mapping), dict)
    events = EventList()
    path = write(tmp_path / "export.csv", table.encode())
    report = import_files([path], "mapped", events, options(tmp_path, mapping, tenant="acme"))
    assert (report.rows, report.imported, report.ignored, report.refused_count) == (6, 5, {"ignored_by_mapping": 1}, 0)
    replay = Replay()
    for each in events:
        replay.add(each)
    facts = {fact.metric: fact for fact in replay.facts(PolicyBook(()))}
    assert (facts["first_response"].value_ms, facts["first_response"].agent_id) == (12 * 60_000, "dana")
    assert facts["resolution"].value_ms == 47 * 60_000
    assert (facts["csat"].score, facts["csat"].score_max) == (4, 5)
