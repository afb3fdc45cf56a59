"""Asterisk ("Queue Logs"): lines of `queue_log`, posted by whatever ships them or read from the file.

    epoch|uniqueid|queue|agent|EVENT|parameter|parameter…

A call is a conversation. What happens to it after it has left the queue (a voice mailbox, another extension) no line
tells, so leaving the queue ends it; entering another one begins it anew. An event is named by what its line says, so a
line that comes twice, by post and by file or after the log was rotated, is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Source, event
from connectors.channels.payloads import from_epoch_s, number_of, seconds_of
from connectors.channels.signatures import require_shared_secret
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import ActorKind, Call, EventType, InteractionEvent
from schemas.times import EpochMs

#: Lines about queues and agents, whoever they serve → the code they are counted by.
IDLE: Mapping[str, str] = {
    **dict.fromkeys(("RINGNOANSWER", "RINGCANCELED"), "ringing"),
    **dict.fromkeys(("CONFIGRELOAD", "QUEUESTART", "ROTATE"), "queue_state"),
    **dict.fromkeys(
        ("ADDMEMBER", "REMOVEMEMBER", "PENALTY", "PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL"), "agent_state"
    ),
    **dict.fromkeys(("PAUSEREASON", "WRAPUPSTART", "WRAPUPEND", "MEMBERPENALTY"), "agent_state"),
    **dict.fromkeys(("AGENTLOGIN", "AGENTLOGOFF", "AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF"), "agent_state"),
    **dict.fromkeys(("DID", "INFO", "URL", "CALLSTATUS"), "note_of_the_dialplan"),
}
#: A call that has left the queue unanswered → who ended it.
LEFT: Mapping[str, ActorKind] = {
    "ABANDON": "customer",
    "EXITWITHKEY": "customer",
    "EXITWITHTIMEOUT": "system",
    "EXITEMPTY": "system",
    "LEAVEEMPTY": "system",
    "SYSCOMPAT": "system",
    "AGENTDUMP": "human",
}
#: A call that was not let into the queue: nobody waited, and nobody was served.
TURNED_AWAY = frozenset({"JOINEMPTY", "JOINUNAVAIL", "FULL", "CLOSED", "DIVERT_CA_RATIO", "DIVERT_HOLDTIME"})
#: A call that was answered and is over → who ended it.
COMPLETED: Mapping[str, ActorKind] = {"COMPLETEAGENT": "human", "COMPLETECALLER": "customer"}
#: A call that was answered and passed on: where to (two parameters, or three), hold time, call time.
TRANSFERRED = frozenset({"TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
#: What stands for "no call", "no agent".
_NOBODY = frozenset({"", "NONE", "REALTIME", "MANAGER"})
_UNKNOWN_CALLERS = frozenset({"", "unknown", "anonymous", "restricted", "unavailable", "asterisk", "<unknown>"})
#: Events that one line may make: the sequence has room for them between one offset and the next.
_STEPS = 4


class _Line(NamedTuple):
    at_ms: EpochMs
    call: str
    queue: str
    agent: str
    kind: str
    parameters: tuple[str, ...]
    #: Where it stands, which orders the lines of one second.
    offset: int

    def parameter(self, place: int) -> str:
        return self.parameters[place] if place < len(self.parameters) else ""


class Asterisk(ChannelConnector[ChannelOptions]):
    """Lines of `queue_log`. A shipper may say with `?offset=` where in the file the first one stands."""

    vendor = "asterisk"
    content_types: ClassVar[frozenset[str]] = frozenset({"text/plain", "application/octet-stream"})

    def verify(self, delivery: Delivery, source: Source[ChannelOptions]) -> None:
        """Nothing signs a log: the shipper brings a secret of ours."""
        require_shared_secret(delivery, source)

    def parse(self, delivery: Delivery, source: Source[ChannelOptions]) -> Parsed:
        """Every line is parsed by itself; a body without a single usable one is refused."""
        parsed, refused = Parsed(), None
        start = number_of(delivery.query.get("offset")) or 0
        offset = int(start) if 0 <= start < 2**53 else 0
        for raw in delivery.body.splitlines(keepends=True):
            if raw.strip():
                try:
                    _tell(_read(raw, offset), raw, delivery, source, parsed)
                except Refused as exc:
                    refused = refused or exc
                    parsed.park(exc.detail, raw)
            offset += len(raw)
        if refused is not None and not parsed.events and not parsed.ignored:
            raise refused
        if refused is None and not parsed.events and not parsed.ignored and not parsed.parked:
            raise MalformedRecord("not a single line")
        return parsed


def _read(raw: bytes, offset: int) -> _Line:
    try:
        fields = raw.decode("utf-8").strip("\r\n").split("|")
    except UnicodeDecodeError:
        raise MalformedRecord("a line that is not UTF-8") from None
    if len(fields) < 5:
        raise MalformedRecord("a line of less than five fields: this is no queue_log")
    at, call, queue, agent, kind = (each.strip() for each in fields[:5])
    return _Line(from_epoch_s(at, "the time"), call, queue, agent, kind.upper(), tuple(fields[5:]), offset)


def _tell(line: _Line, raw: bytes, delivery: Delivery, source: Source[ChannelOptions], parsed: Parsed) -> None:
    if line.kind in IDLE:
        parsed.ignore(IDLE[line.kind])
        return
    steps = list(_steps(line))
    if not steps:
        parsed.park("an event of queue_log that is not known", raw)
    elif line.call in _NOBODY:
        raise InvalidEvent(f"{line.kind} without the id of a call")
    else:
        parsed.events.extend(_event(line, place, step, delivery, source) for place, step in enumerate(steps))


class _Step(NamedTuple):
    type: EventType
    actor: ActorKind
    said: Mapping[str, object]


def _steps(line: _Line) -> Iterator[_Step]:
    """What a line says, one after the other."""
    if line.kind == "ENTERQUEUE":
        yield _Step("conversation_started", "customer", {"customer_id": _caller(line.parameter(1))})
    elif line.kind in TURNED_AWAY:
        yield _Step("conversation_started", "customer", {})
        yield _ended("system", line)
    elif line.kind in LEFT:
        yield _ended(LEFT[line.kind], line)
    elif line.kind == "CONNECT":
        yield _Step("assigned", "system", {"assignee_id": _agent(line)})
        yield _Step("call_answered", "human", {})
    elif line.kind in COMPLETED:
        yield _Step("call_ended", "human", {"call": _call(line, 1)})
        yield _ended(COMPLETED[line.kind], line)
    elif line.kind in TRANSFERRED:
        # An attended transfer that links two bridges names both ends of the link.
        linked = line.kind == "ATTENDEDTRANSFER" and line.parameter(0).upper() == "LINK"
        place = 4 if linked else 3
        # The first releases said where to, and not how long it had been.
        if line.parameter(place):
            yield _Step("call_ended", "human", {"call": _call(line, place)})
        yield _Step("assigned", "human", {"assignee_id": _passed_to(line)})
        yield _ended("human", line)


def _ended(who: ActorKind, line: _Line) -> _Step:
    return _Step("status_changed", who, {"status": "resolved", "attributes": {"queue_event": line.kind}})


def _event(
    line: _Line, place: int, step: _Step, delivery: Delivery, source: Source[ChannelOptions]
) -> InteractionEvent:
    return event(
        source,
        delivery,
        event_id=f"{line.call}/{line.kind}/{line.at_ms}/{line.queue}/{step.type}",
        conversation_id=line.call,
        channel="voice",
        type=step.type,
        occurred_at=line.at_ms,
        actor=step.actor,
        actor_id=_agent(line) if step.actor == "human" else None,
        team=None if line.queue in _NOBODY else line.queue,
        sequence=line.offset * _STEPS + place,
        **step.said,
    )


def _agent(line: _Line) -> str | None:
    return None if line.agent in _NOBODY else line.agent


def _passed_to(line: _Line) -> str:
    """The extension that has the call now. Of one that was asked first, only the way is told."""
    if line.kind == "ATTENDEDTRANSFER":
        return f"attended/{line.parameter(0).lower()}"
    return "@".join(each for each in (line.parameter(0), line.parameter(1)) if each) or "another extension"


def _caller(number: str) -> str | None:
    """The caller's number, which is all that a telephone knows of a customer."""
    number = number.strip()
    return None if number.lower() in _UNKNOWN_CALLERS else number


def _call(line: _Line, place: int) -> Call:
    seconds = seconds_of(line.parameter(place))
    if seconds is None:
        raise InvalidEvent(f"{line.kind}: the call time is no number of seconds")
    return Call(talk_seconds=seconds)
