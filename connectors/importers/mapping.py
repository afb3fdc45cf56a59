"""What a mapping file says: which column, constant or table each field of an event comes from.

    format: csv
    event:
      conversation_id: Ticket
      type: {column: Action, values: {created: conversation_started, reply: message}}
      occurred_at: {column: When, format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin}

`load` refuses what makes no sense by file and line, before a row is read. `Field.of` takes one row's value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from connectors.importers.lines import MAX_CELL_CHARACTERS
from schemas import times, yaml_lines
from schemas.errors import InvalidEvent, SupportpulseError
from schemas.records import ActorKind, Channel, EventType, Priority, Status, SurveyKind
from schemas.times import EpochMs
from schemas.yaml_lines import Node

#: The value of one column in one row; None if the row has none.
Cell = Callable[[str], str | None]

#: Fields whose values are known → those values.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "channel": get_args(Channel),
    "type": get_args(EventType),
    "actor.kind": get_args(ActorKind),
    "priority": get_args(Priority),
    "status": get_args(Status),
    "survey.kind": get_args(SurveyKind),
}
NUMBERS = frozenset(
    {"survey.score", "survey.min", "survey.max", "call.talk_seconds", "call.hold_seconds", "call.wrap_seconds"}
)
FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NAMES = frozenset(
    {"event_id", "tenant", "source", "conversation_id", "customer_id", "actor.id", "team", "language", "assignee_id"}
    | {"merged_into", "survey.survey_id"}
)
NEEDED = ("conversation_id", "type", "occurred_at", "channel", "actor.kind")
#: Fields that only one type of event has: in rows of other types they are left out.
ONLY_IN: Mapping[str, str] = {
    "status": "status_changed",
    "assignee_id": "assigned",
    "merged_into": "merged",
    "survey": "survey_answered",
    "call": "call_ended",
}
_EVERY_FIELD = NAMES | NUMBERS | CHOICES.keys() | {"occurred_at", "sequence", "automated", "ack"}
_TIME_FORMATS = ("rfc3339", "epoch_s", "epoch_ms")


class MappingError(SupportpulseError):
    """A mapping file that makes no sense. Says the file, the line and what to write instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where one field of an event comes from."""

    name: str
    columns: tuple[str, ...] = ()
    join: str = "/"
    constant: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    time_format: str = "rfc3339"
    timezone: ZoneInfo | None = None
    length: bool = False

    def of(self, cell: Cell, timezone: ZoneInfo) -> Any:
        """The row's value; None if it has none. Raises `InvalidEvent` naming the column, never its content."""
        text = self._text(cell)
        return None if text is None else self._typed(text, timezone)

    @property
    def where(self) -> str:
        """What refusals call it."""
        return f"`{' + '.join(self.columns)}`" if self.columns else f"the constant for {self.name}"

    def _text(self, cell: Cell) -> str | None:
        if self.constant is not None:
            return self.constant
        cells = [cell(column) for column in self.columns]
        found = [each for each in cells if each]
        if len(found) < len(cells) or not found:
            return self.default
        text = self.join.join(found)
        if self.length:
            return str(len(text))
        if len(text) > MAX_CELL_CHARACTERS:
            raise InvalidEvent(f"{self.where} has more than {MAX_CELL_CHARACTERS:,} characters")
        if not self.values:
            return text
        if text in self.values:
            return self.values[text]
        if self.default is None:
            raise InvalidEvent(f"{self.where} has a value that its table of values does not know")
        return self.default

    def _typed(self, text: str, timezone: ZoneInfo) -> Any:
        if self.name == "occurred_at":
            return times.render(self._instant(text, self.timezone or timezone))
        if self.name in CHOICES and text not in CHOICES[self.name]:
            raise InvalidEvent(f"{self.where} is no {self.name}: a table of values can translate it")
        if self.name in NUMBERS or self.name == "sequence":
            try:
                return int(text) if self.name == "sequence" else float(text)
            except ValueError:
                raise InvalidEvent(f"{self.where} is no number") from None
        if self.name in {"automated", "ack"}:
            flag = FLAGS.get(text.lower())
            if flag is None:
                raise InvalidEvent(f"{self.where} is none of {', '.join(FLAGS)}")
            return flag
        return text

    def _instant(self, text: str, timezone: ZoneInfo) -> EpochMs:
        try:
            if self.time_format in {"epoch_s", "epoch_ms"}:
                at_ms = round(float(text) * (1000 if self.time_format == "epoch_s" else 1))
            else:
                if self.time_format == "rfc3339":
                    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
                else:
                    moment = datetime.strptime(text, self.time_format)
                at_ms = times.to_ms(moment if moment.tzinfo else moment.replace(tzinfo=timezone))
        except (ValueError, OverflowError):
            raise InvalidEvent(f"{self.where} is no time in the format {self.time_format}") from None
        if not times.MIN_MS <= at_ms <= times.MAX_MS:
            raise InvalidEvent(f"{self.where} is outside of 1900 to 2299")
        return at_ms


@dataclass(frozen=True, slots=True)
class Ignore:
    """Rows to leave out: those whose column has one of the values."""

    column: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A whole mapping file."""

    fields: tuple[Field, ...]
    json_lines: bool = False
    delimiter: str = ","
    ignore: tuple[Ignore, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        named = [column for each in self.fields for column in each.columns]
        return tuple(dict.fromkeys([*named, *(each.column for each in self.ignore)]))


def load(path: Path) -> FileMapping:
    """Read a mapping file. Raises `MappingError`."""
    roots = yaml_lines.documents(yaml_lines.read(path, MappingError), str(path), MappingError)
    if len(roots) != 1:
        raise MappingError(f"{path}:1: expected one document, got {len(roots)}")
    told = roots[0].fields({"event": True, "format": False, "delimiter": False, "ignore": False})
    kind = told["format"].choice(("csv", "jsonl")) if "format" in told else "csv"
    delimiter = told["delimiter"].text() if "delimiter" in told else ","
    if len(delimiter) != 1:
        raise told["delimiter"].refuse("expected a single character")
    fields = tuple(_field(name, node) for name, node in told["event"].items())
    missing = [name for name in NEEDED if name not in {each.name for each in fields}]
    if missing:
        raise told["event"].refuse(f"{', '.join(missing)} is missing: every event has one")
    ignore = tuple(_ignore(node) for node in told["ignore"].elements()) if "ignore" in told else ()
    return FileMapping(fields, kind == "jsonl", delimiter, ignore)


def _ignore(node: Node) -> Ignore:
    told = node.fields({"column": True, "values": True})
    return Ignore(told["column"].text(), frozenset(_word(each) for each in told["values"].elements()))


def _field(name: str, node: Node) -> Field:
    if name not in _EVERY_FIELD and not (name.startswith("attributes.") and len(name) > len("attributes.")):
        raise node.refuse(f"is no field of an event; write one of {', '.join(sorted(_EVERY_FIELD))}, attributes.NAME")
    plain = node.plain()
    if isinstance(plain, str):
        return Field(name, (node.text(),))
    optional = ("column", "columns", "join", "value", "values", "default", "format", "timezone", "length")
    told = node.fields(dict.fromkeys(optional, False))
    if len({"column", "columns", "value"} & told.keys()) != 1:
        raise node.refuse("needs exactly one of column, columns and value")
    columns: tuple[str, ...] = ()
    if "column" in told:
        columns = (told["column"].text(),)
    elif "columns" in told:
        columns = tuple(each.text() for each in told["columns"].elements())
    found = Field(
        name,
        columns=columns,
        join=told["join"].text() if "join" in told else "/",
        constant=_word(told["value"]) if "value" in told else None,
        values={key: _word(each) for key, each in told["values"].items()} if "values" in told else {},
        default=_word(told["default"]) if "default" in told else None,
        time_format=_time_format(name, told["format"]) if "format" in told else "rfc3339",
        timezone=_zone(told["timezone"]) if "timezone" in told else None,
        length="length" in told and told["length"].scalar() is True,
    )
    for text, at in ((found.constant, "value"), (found.default, "default")):
        _check(found, text, told.get(at))
    for each in told["values"].items() if "values" in told else ():
        _check(found, _word(each[1]), each[1])
    return found


def _check(found: Field, text: str | None, node: Node | None) -> None:
    """What the file itself says has to be right for every row."""
    if text is None or node is None:
        return
    try:
        found._typed(text, ZoneInfo("UTC"))
    except InvalidEvent:
        known = CHOICES.get(found.name, tuple(FLAGS) if found.name in {"automated", "ack"} else ())
        raise node.refuse(
            f"{text!r} is no {found.name}" + (f": write one of {', '.join(known)}" if known else "")
        ) from None


def _word(node: Node) -> str:
    value = node.scalar()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _time_format(name: str, node: Node) -> str:
    text = node.text()
    if name != "occurred_at":
        raise node.refuse("only occurred_at has a format")
    if "%" not in text and text not in _TIME_FORMATS:
        raise node.refuse(f"expected {', '.join(_TIME_FORMATS)} or a pattern like %d.%m.%Y %H:%M")
    return text


def _zone(node: Node) -> ZoneInfo:
    try:
        return ZoneInfo(node.text())
    except (KeyError, ValueError, OSError):
        raise node.refuse("is no IANA time zone, like Asia/Riyadh") from None
