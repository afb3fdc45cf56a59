"""A ServiceNow incident log, one row per update of an incident, in file order (UCI incident event log).

The log says what an incident looked like after each update, not what happened; `events_of` reads the events off the
differences between successive rows. docs/importing.md has the mapping as a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.importers.lines import Cells, read_table
from connectors.importers.rows import ImportOptions, Origin, Outcome, Refusal, Row, within_range
from schemas.errors import InvalidEvent, Refused
from schemas.records import ActorKind, Channel, EventType, InteractionEvent, Priority, Status
from schemas.times import EpochMs, render, to_ms

FORMAT = "uci_incidents"

_COLUMNS = (
    "number",
    "incident_state",
    "sys_mod_count",
    "sys_updated_by",
    "sys_updated_at",
    "opened_at",
    "resolved_at",
    "caller_id",
    "contact_type",
    "assignment_group",
    "assigned_to",
    "resolved_by",
    "priority",
    "made_sla",
)
_ALIASES = {"ident_state": "incident_state"}

_NULLS = ("?", "")
_NO_STATE = "-100"
_STATUS: dict[str, Status] = {
    "New": "open",
    "Active": "open",
    "Awaiting User Info": "pending",
    "Awaiting Vendor": "on_hold",
    "Awaiting Problem": "on_hold",
    "Awaiting Evidence": "on_hold",
    "Resolved": "resolved",
    "Closed": "closed",
}
_DONE: tuple[Status, ...] = ("resolved", "closed")
_CHANNEL: dict[str, Channel] = {
    "Phone": "voice",
    "Email": "email",
    "Self service": "web_form",
    "IVR": "voice",
    "Direct opening": "other",
}
#: "3" as well as "3 - Moderate".
_PRIORITY: dict[str, Priority] = {"1": "urgent", "2": "high", "3": "normal", "4": "low"}

#: Sequence numbers an update may use; it has at most an opening, an assignment and a status.
_SEQUENCE_STEP = 4


@dataclass(frozen=True, slots=True)
class Update:
    """One row."""

    line: int
    number: str
    #: Of this update within the incident: the count alone repeats in the source.
    update_id: str
    updated_at: EpochMs
    updated_by: str | None
    opened_at: EpochMs
    resolved_at: EpochMs | None
    #: None: the source did not know; the state before still holds.
    state: str | None
    caller: str | None
    contact_type: str
    team: str | None
    assignee: str | None
    resolved_by: str | None
    priority: Priority | None
    made_sla: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing an update did."""

    type: EventType
    occurred_at: EpochMs
    actor_kind: ActorKind = "system"
    actor_id: str | None = None
    status: Status | None = None
    assignee_id: str | None = None
    extra: tuple[tuple[str, str], ...] = ()


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """A row per update. The rows of one incident have to follow each other; those that come back later are refused."""
    origin = Origin.of(FORMAT, options)
    finished: dict[str, int] = {}
    group: list[Update] = []
    for update in _updates(path, origin.timezone):
        if isinstance(update, Refusal):
            yield update
        elif update.number in finished:
            reason = f"the rows of this incident ended at line {finished[update.number]}: sort the file by incident"
            yield Refusal(str(path), update.line, reason)
        else:
            if group and group[0].number != update.number:
                finished[group[0].number] = group[-1].line
                yield from _rows(path, group, origin)
                group = []
            group.append(update)
    yield from _rows(path, group, origin)


def _rows(path: Path, updates: Sequence[Update], origin: Origin) -> Iterator[Outcome]:
    first_lines: dict[str, int] = {}
    for update in updates:
        first_lines.setdefault(update.update_id, update.line)
    kept = [update for update in updates if first_lines[update.update_id] == update.line]
    events = dict(zip((update.line for update in kept), events_of(kept, origin), strict=True))
    for update in updates:
        if update.line in events:
            yield Row(str(path), update.line, events[update.line])
        else:
            yield Refusal(str(path), update.line, f"the update of line {first_lines[update.update_id]} again")


def _updates(path: Path, zone: ZoneInfo) -> Iterator[Update | Refusal]:
    for cells in read_table(path, _COLUMNS, _ALIASES):
        if isinstance(cells, Refusal):
            yield cells
            continue
        try:
            yield parse_update(cells, zone)
        except Refused as exc:
            yield Refusal(str(path), cells.line, exc.detail)


def parse_update(cells: Cells, zone: ZoneInfo) -> Update:
    """Raises `InvalidEvent` naming the column, never its content."""
    said = {name: None if cells.values[name] in _NULLS else cells.values[name] for name in _COLUMNS}
    state = None if said["incident_state"] == _NO_STATE else said["incident_state"]
    if state is not None and state not in _STATUS:
        raise InvalidEvent("`incident_state` is none of " + ", ".join(_STATUS))
    priority = said["priority"]
    if priority is not None and priority[:1] not in _PRIORITY:
        raise InvalidEvent("`priority` does not begin with 1, 2, 3 or 4")
    number = _needed(said, "number")
    updated = _moment("sys_updated_at", _needed(said, "sys_updated_at"))
    resolved = said["resolved_at"]
    return Update(
        line=cells.line,
        number=number,
        update_id=f"{number}/{_needed(said, 'sys_mod_count')}/{updated.isoformat(timespec='minutes')}",
        updated_at=_instant("sys_updated_at", updated, zone),
        updated_by=said["sys_updated_by"],
        opened_at=_instant("opened_at", _moment("opened_at", _needed(said, "opened_at")), zone),
        resolved_at=None if resolved is None else _instant("resolved_at", _moment("resolved_at", resolved), zone),
        state=state,
        caller=said["caller_id"],
        contact_type=said["contact_type"] or "",
        team=said["assignment_group"],
        assignee=said["assigned_to"],
        resolved_by=said["resolved_by"],
        priority=None if priority is None else _PRIORITY[priority[:1]],
        made_sla=said["made_sla"] or "",
    )


def _needed(said: dict[str, str | None], column: str) -> str:
    value = said[column]
    if value is None:
        raise InvalidEvent(f"`{column}` is empty")
    return value


def _moment(column: str, text: str) -> datetime:
    """`d/m/Y H:M`, without a zone."""
    try:
        date, clock = text.split(" ")
        day, month, year = date.split("/")
        hour, minute = clock.split(":")
        return datetime(int(year), int(month), int(day), int(hour), int(minute))
    except ValueError as exc:
        raise InvalidEvent(f"`{column}` is no time like 29/2/2016 01:16") from exc


def _instant(column: str, moment: datetime, zone: ZoneInfo) -> EpochMs:
    try:
        return within_range(column, to_ms(moment.replace(tzinfo=zone)))
    except OverflowError as exc:
        raise InvalidEvent(f"`{column}` is outside of 1900 to 2299") from exc


def events_of(updates: Sequence[Update], origin: Origin) -> list[tuple[InteractionEvent, ...]]:
    """The updates of one incident in file order → the events of each of them, at least one.

    The first update opens the incident, at `opened_at`. A change of assignee or group is `assigned`, a change of state
    `status_changed`, and an update that changes neither is a `note`. A run of Resolved (or Closed) rows counts from its
    last row, which is what `resolved_at` (`closed_at`) says wherever it is filled in.
    """
    states = _known_states(updates)
    resolution = _final_resolution(states)
    return [_events_of_update(updates, position, states, resolution, origin) for position in range(len(updates))]


def _known_states(updates: Sequence[Update]) -> list[str]:
    states: list[str] = []
    for update in updates:
        states.append(update.state or (states[-1] if states else "New"))
    return states


def _final_resolution(states: Sequence[str]) -> int | None:
    """The last Resolved row, if nothing but Closed follows: the one `resolved_at` speaks of."""
    for position in range(len(states) - 1, -1, -1):
        if states[position] == "Resolved":
            return position
        if states[position] != "Closed":
            return None
    return None


def _events_of_update(
    updates: Sequence[Update], position: int, states: Sequence[str], resolution: int | None, origin: Origin
) -> tuple[InteractionEvent, ...]:
    update = updates[position]
    before = updates[position - 1] if position else None
    steps: list[Step] = []
    if before is None:
        steps.append(_opening(update))
    if _reassigned(before, update):
        steps.append(Step("assigned", update.updated_at, assignee_id=update.assignee))
    if _changes_status(states, position):
        steps.append(_status_step(update, states[position], final=position == resolution))
    if not steps:
        steps.append(Step("note", update.updated_at))
    return tuple(
        _event(updates[0], update, step, position * _SEQUENCE_STEP + index, origin) for index, step in enumerate(steps)
    )


def _opening(update: Update) -> Step:
    return Step(
        "conversation_started",
        update.opened_at,
        actor_kind="customer",
        actor_id=update.caller,
        extra=(("contact_type", update.contact_type),),
    )


def _reassigned(before: Update | None, update: Update) -> bool:
    if before is None:
        return update.assignee is not None
    return before.assignee != update.assignee or (update.team is not None and before.team != update.team)


def _changes_status(states: Sequence[str], position: int) -> bool:
    state = states[position]
    if _STATUS[state] in _DONE:
        return position + 1 == len(states) or states[position + 1] != state
    return state != (states[position - 1] if position else "New")


def _status_step(update: Update, state: str, *, final: bool) -> Step:
    status = _STATUS[state]
    if state != "Resolved":
        return Step("status_changed", update.updated_at, status=status)
    resolved_at = update.resolved_at if final else None
    return Step(
        "status_changed",
        update.updated_at if resolved_at is None else resolved_at,
        actor_kind="system" if update.resolved_by is None else "human",
        actor_id=update.resolved_by,
        status=status,
        extra=() if resolved_at is None else (("resolved_at", render(resolved_at)),),
    )


def _event(first: Update, update: Update, step: Step, sequence: int, origin: Origin) -> InteractionEvent:
    said = (("state", update.state), ("updated_by", update.updated_by), ("made_sla", update.made_sla))
    return InteractionEvent(
        event_id=f"{update.update_id}/{step.type}",
        tenant=origin.tenant,
        source=origin.source,
        channel=_CHANNEL.get(first.contact_type, "other"),
        type=step.type,
        # A few rows claim to be from before the opening.
        occurred_at=max(step.occurred_at, first.opened_at),
        conversation_id=update.number,
        customer_id=update.caller,
        actor_kind=step.actor_kind,
        actor_id=step.actor_id,
        team=update.team,
        priority=update.priority,
        sequence=sequence,
        historical=origin.historical,
        status=step.status,
        assignee_id=step.assignee_id,
        attributes={name: value for name, value in (*said, *step.extra) if value},
    )
