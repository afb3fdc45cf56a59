"""The incident log: events are the differences between successive rows of an incident."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.importers.rows import ImportOptions, Outcome, Refusal, Row
from connectors.importers.uci_incidents import read
from schemas import times
from schemas.records import InteractionEvent
from tests.connectors.samples import write

FIRST = {
    "number": "INC1",
    "incident_state": "New",
    "sys_mod_count": "0",
    "sys_updated_by": "21",
    "sys_updated_at": "1/3/2016 09:10",
    "opened_at": "1/3/2016 09:00",
    "resolved_at": "?",
    "caller_id": "2403",
    "contact_type": "Phone",
    "assignment_group": "56",
    "assigned_to": "?",
    "resolved_by": "149",
    "priority": "3",
    "made_sla": "true",
}


def table(folder: Path, *rows: dict[str, str]) -> Path:
    """Every row is the one before with these changes; the update's number counts up by itself."""
    lines = [",".join(FIRST)]
    now = dict(FIRST)
    for number, changes in enumerate(rows):
        now |= {"sys_mod_count": str(number)} | changes
        lines.append(",".join(now.values()))
    return write(folder / "f.csv", "\n".join(lines).encode())


def outcomes(folder: Path, *rows: dict[str, str], **options: Any) -> list[Outcome]:
    return list(read(table(folder, *rows), ImportOptions(**options)))


def events(folder: Path, *rows: dict[str, str], **options: Any) -> list[list[InteractionEvent]]:
    found = outcomes(folder, *rows, **options)
    assert all(isinstance(one, Row) for one in found), found
    return [list(one.events) for one in found if isinstance(one, Row)]


def at(clock: str) -> int:
    return times.parse(f"2016-03-01T{clock}:00Z")


def test_the_first_row_opens_the_incident_when_it_was_opened(tmp_path: Path) -> None:
    ((opening,),) = events(tmp_path, {})
    assert opening.type == "conversation_started"
    assert opening.occurred_at == at("09:00")
    assert (opening.actor_kind, opening.actor_id, opening.customer_id) == ("customer", "2403", "2403")
    assert (opening.channel, opening.team, opening.priority) == ("voice", "56", "normal")
    assert (opening.conversation_id, opening.tenant, opening.historical) == ("INC1", "uci_incidents", True)
    assert opening.attributes == {"state": "New", "updated_by": "21", "made_sla": "true", "contact_type": "Phone"}


def test_what_the_first_row_already_says_besides_happened_with_that_update(tmp_path: Path) -> None:
    ((opening, assigned, waiting),) = events(tmp_path, {"assigned_to": "89", "incident_state": "Awaiting User Info"})
    assert (opening.type, opening.occurred_at) == ("conversation_started", at("09:00"))
    assert (assigned.type, assigned.assignee_id, assigned.occurred_at) == ("assigned", "89", at("09:10"))
    assert (waiting.type, waiting.status, waiting.occurred_at) == ("status_changed", "pending", at("09:10"))


def test_an_update_that_changes_nothing_we_know_is_a_note(tmp_path: Path) -> None:
    _, (note,) = events(tmp_path, {}, {"sys_updated_at": "1/3/2016 09:20"})
    assert (note.type, note.occurred_at) == ("note", at("09:20"))


def test_a_new_assignee_or_group_is_an_assignment(tmp_path: Path) -> None:
    _, (person,), (group,), (nobody,) = events(
        tmp_path, {}, {"assigned_to": "89"}, {"assignment_group": "70"}, {"assigned_to": "?"}
    )
    assert [(event.type, event.assignee_id, event.team) for event in (person, group, nobody)] == [
        ("assigned", "89", "56"),
        ("assigned", "89", "70"),
        ("assigned", None, "70"),
    ]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Active", "open"),
        ("Awaiting User Info", "pending"),
        ("Awaiting Vendor", "on_hold"),
        ("Awaiting Problem", "on_hold"),
        ("Awaiting Evidence", "on_hold"),
        ("Resolved", "resolved"),
        ("Closed", "closed"),
    ],
)
def test_a_new_state_is_a_status(tmp_path: Path, state: str, status: str) -> None:
    _, (changed,) = events(tmp_path, {}, {"incident_state": state})
    assert (changed.type, changed.status) == ("status_changed", status)


def test_a_state_the_source_did_not_know_changes_nothing(tmp_path: Path) -> None:
    rows = [{"incident_state": state} for state in ("Active", "-100", "Active", "Resolved", "-100")]
    found = events(tmp_path, *rows)
    assert [[event.status for event in row if event.status] for row in found] == [["open"], [], [], [], ["resolved"]]


def test_a_run_of_resolved_rows_counts_from_resolved_at(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        {"resolved_at": "1/3/2016 11:30"},
        {"incident_state": "Resolved", "sys_updated_at": "1/3/2016 10:00"},
        {"sys_updated_at": "1/3/2016 11:30"},
        {"incident_state": "Closed", "sys_updated_at": "1/3/2016 12:00"},
    )
    assert [[event.type for event in row] for row in found] == [
        ["conversation_started"],
        ["note"],
        ["status_changed"],
        ["status_changed"],
    ]
    resolved, closed = found[2][0], found[3][0]
    assert (resolved.occurred_at, resolved.actor_kind, resolved.actor_id) == (at("11:30"), "human", "149")
    assert resolved.attributes["resolved_at"] == "2016-03-01T11:30:00.000Z"
    assert (closed.status, closed.occurred_at, closed.actor_kind) == ("closed", at("12:00"), "system")


def test_resolved_at_speaks_of_the_last_resolution_only(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        {"resolved_at": "1/3/2016 12:00"},
        {"incident_state": "Resolved", "sys_updated_at": "1/3/2016 10:00"},
        {"incident_state": "Active", "sys_updated_at": "1/3/2016 11:00"},
        {"incident_state": "Resolved", "sys_updated_at": "1/3/2016 12:05"},
    )
    statuses = [(event.status, event.occurred_at) for row in found for event in row if event.status]
    assert statuses == [("resolved", at("10:00")), ("open", at("11:00")), ("resolved", at("12:00"))]
    assert ["resolved_at" in row[-1].attributes for row in found] == [False, False, False, True]


def test_a_resolution_without_a_time_is_the_rows_own(tmp_path: Path) -> None:
    _, (resolved,) = events(
        tmp_path, {}, {"incident_state": "Resolved", "sys_updated_at": "1/3/2016 10:00", "resolved_by": "?"}
    )
    assert (resolved.occurred_at, resolved.actor_kind) == (at("10:00"), "system")
    assert "resolved_at" not in resolved.attributes


def test_nothing_happens_before_the_opening(tmp_path: Path) -> None:
    ((opening, assigned),) = events(tmp_path, {"sys_updated_at": "1/3/2016 07:00", "assigned_to": "89"})
    assert opening.occurred_at == assigned.occurred_at == at("09:00")


def test_updates_of_one_minute_keep_the_order_of_the_rows(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        {"assigned_to": "1", "incident_state": "Active"},
        {"assigned_to": "2", "incident_state": "Resolved"},
        {"incident_state": "Active"},
    )
    flat = [event for row in found for event in row]
    sequences = [event.sequence for event in flat]
    assert sequences == sorted(set(sequences), key=lambda sequence: sequence or 0)
    assert len({event.event_id for event in flat}) == len(flat)


def test_the_times_zone_can_be_said(tmp_path: Path) -> None:
    ((opening,),) = events(tmp_path, {}, timezone=ZoneInfo("Asia/Riyadh"))
    assert opening.occurred_at == at("06:00")


def test_the_identity_of_an_event_does_not_depend_on_the_zone(tmp_path: Path) -> None:
    rows: tuple[dict[str, str], ...] = ({}, {"incident_state": "Active"})
    here, there = events(tmp_path, *rows), events(tmp_path, *rows, timezone=ZoneInfo("Asia/Riyadh"))
    assert [event.event_id for row in here for event in row] == [event.event_id for row in there for event in row]


def test_the_same_update_again_is_refused(tmp_path: Path) -> None:
    again = {"sys_mod_count": "0", "sys_updated_at": FIRST["sys_updated_at"]}
    first, second, third = outcomes(tmp_path, {}, again, {})
    assert isinstance(first, Row)
    assert second == Refusal(str(tmp_path / "f.csv"), 3, "the update of line 2 again")
    assert isinstance(third, Row)


def test_an_incident_that_comes_back_later_is_refused(tmp_path: Path) -> None:
    found = outcomes(tmp_path, {}, {"number": "INC2"}, {"number": "INC1"}, {})
    reason = "the rows of this incident ended at line 2: sort the file by incident"
    assert [one for one in found if isinstance(one, Refusal)] == [
        Refusal(str(tmp_path / "f.csv"), 4, reason),
        Refusal(str(tmp_path / "f.csv"), 5, reason),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"number": "?"}, "`number` is empty"),
        ({"incident_state": "Lost"}, "`incident_state` is none of New, Active"),
        ({"sys_mod_count": ""}, "`sys_mod_count` is empty"),
        ({"opened_at": "?"}, "`opened_at` is empty"),
        ({"opened_at": "2016-03-01"}, "`opened_at` is no time like 29/2/2016 01:16"),
        ({"sys_updated_at": "30/2/2016 01:16"}, "`sys_updated_at` is no time like"),
        ({"resolved_at": "1/3/0001 00:00"}, "`resolved_at` is outside of 1900 to 2299"),
        ({"priority": "9"}, "`priority` does not begin with 1, 2, 3 or 4"),
    ],
)
def test_a_bad_row_is_refused_without_cutting_its_incident_in_two(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    found = outcomes(tmp_path, {}, changes, FIRST | {"sys_mod_count": "2"})
    (refusal,) = (one for one in found if isinstance(one, Refusal))
    assert refusal.line == 3
    assert refusal.reason.startswith(reason)
    assert [[event.type for event in one.events] for one in found if isinstance(one, Row)] == [
        ["conversation_started"],
        ["note"],
    ]


def test_both_spellings_of_the_state_column_are_read(tmp_path: Path) -> None:
    path = table(tmp_path, {})
    path.write_bytes(path.read_bytes().replace(b"incident_state", b"ident_state"))
    assert [type(one) for one in read(path, ImportOptions())] == [Row]
