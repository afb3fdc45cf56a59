"""FreeSWITCH ("mod_json_cdr", "mod_xml_cdr", "mod_callcenter"): one record for each leg of a call, posted when it ends.

The caller's leg is the conversation: it tells when the call came, when somebody was put through, and when it ended. The
legs to agents tell what the call cost each of them. Values may be URL-encoded (`encode-values`), and the whole record
in a form or in base64 (`encode`). The record in XML says the same as the one in JSON.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Source, event
from connectors.channels.cdr_xml import xml_record
from connectors.channels.forms import form_fields
from connectors.channels.payloads import (
    from_epoch_ms,
    from_epoch_s,
    json_object,
    number_of,
    object_at,
    objects_at,
    required,
    seconds_of,
    text_of,
)
from connectors.channels.signatures import require_shared_secret
from schemas.errors import InvalidEvent, MalformedRecord
from schemas.records import ActorKind, Call, EventType, InteractionEvent
from schemas.times import EpochMs

#: Variables of a leg to somebody that name the leg it was made for, the best one first.
ORIGINS = ("cc_member_session_uuid", "originating_leg_uuid", "originator")
#: `call_direction`, as dialplans set it → what the call is.
DIRECTIONS: Mapping[str, str] = {"inbound": "inbound", "outbound": "outbound", "local": "local"}
#: Who the leg's own end is, by who hung up (`sip_hangup_disposition`).
_OWN_END = frozenset({"recv_bye", "recv_cancel", "recv_refuse"})
_ANONYMOUS = frozenset({"anonymous", "unknown", "restricted", "unavailable", "0000000000", "0"})
#: What the queue and the callflow say of one moment is no further apart.
_SAME_MS = 2_000
_QUEUED, _ASSIGNED, _ANSWERED, _ENDED = range(1, 5)


class FreeSwitchOptions(ChannelOptions):
    """`b_legs`: whether legs to agents are posted (`log-b-leg`). If not, the caller's leg tells the handle time."""

    b_legs: bool = True


class FreeSwitch(ChannelConnector[FreeSwitchOptions]):
    """Records of mod_json_cdr and of mod_xml_cdr."""

    vendor = "freeswitch"
    Options = FreeSwitchOptions
    content_types: ClassVar[frozenset[str]] = frozenset(
        {"application/json", "application/x-www-form-urlencoded", "application/x-www-form-base64-encoded"}
        | {"application/x-www-form-plaintext", "application/xml", "text/xml"}
    )

    def verify(self, delivery: Delivery, source: Source[FreeSwitchOptions]) -> None:
        """`cred` in json_cdr.conf.xml: a user and our secret, as basic authentication."""
        require_shared_secret(delivery, source)

    def parse(self, delivery: Delivery, source: Source[FreeSwitchOptions]) -> Parsed:
        """One delivery is one leg."""
        raw, parsed = _unwrapped(delivery.body), Parsed()
        record = xml_record(raw) if raw.lstrip().startswith(b"<") else json_object(raw)
        if "variables" not in record and "callflow" not in record:
            raise InvalidEvent("neither variables nor callflow: this is no record of a call")
        leg = _Leg(record, delivery, source)
        if leg.is_local:
            parsed.ignore("internal_call")
        else:
            parsed.events.extend(leg.to_somebody() if leg.origin else leg.of_caller())
            if not parsed.events:
                parsed.ignore("not_taken")
        return parsed


def _unwrapped(body: bytes) -> bytes:
    """The record itself."""
    if body.lstrip()[:4] != b"cdr=":
        return body
    bare = body.lstrip()[4:]
    # mod_xml_cdr names its form before it sends the record as it is.
    value = bare if bare.lstrip()[:1] == b"<" else form_fields(body.strip()).get("cdr", b"")
    if value.lstrip()[:1] in (b"{", b"<"):
        return value
    try:
        # A form makes blanks of the pluses of base64.
        return base64.b64decode(value.replace(b" ", b"+"), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRecord("the field cdr is neither JSON nor XML nor base64") from None


class _Taker(NamedTuple):
    """Somebody who was put through."""

    at_ms: EpochMs
    agent: str | None


class _Leg:
    """A record, with its values decoded."""

    def __init__(self, record: Mapping[str, Any], delivery: Delivery, source: Source[FreeSwitchOptions]) -> None:
        self._delivery, self._source = delivery, source
        self._variables = {name: unquote(text) for name, text in _texts(object_at(record, "variables"))}
        flow = record.get("callflow")
        # A list of the call's parts; older releases send a single one as it is.
        self._flow = [flow] if isinstance(flow, dict) else objects_at(record, "callflow")
        self._profiles = [object_at(each, "caller_profile") for each in self._flow]
        asked = (delivery.query.get("uuid") or "").removeprefix("a_") or None
        self.uuid = required(self._value("uuid") or self._profile("uuid") or asked, "variables.uuid")
        direction = self._value("call_direction")
        # What the switch called for nobody else, and what a telephone of ours called, no customer did.
        ours = self._value("sip_authorized") == "true" or (
            self._value("direction") == "outbound" and self.origin is None
        )
        self._direction = DIRECTIONS.get(direction or "", "outbound" if ours else "inbound")

    @property
    def is_local(self) -> bool:
        """Between two of ours."""
        return self._direction == "local"

    @property
    def origin(self) -> str | None:
        """The caller's leg, if this is one to somebody."""
        found = next((value for value in map(self._value, ORIGINS) if value), None)
        if found is None and self._value("direction") == "outbound":
            # Older releases name it in the profile of the other end alone.
            found = self._profile("originator", "originator_caller_profiles")
        return None if found == self.uuid else found

    def of_caller(self) -> Iterator[InteractionEvent]:
        """The call: its beginning, its queue, who took it, its end."""
        began_at, ended_at = self._at("start", "created_time"), self._at("end", "hangup_time")
        if began_at is None or ended_at is None:
            raise InvalidEvent("the leg has no start or no end")
        ours = self._direction == "outbound"
        caller = self._value("user_name") if ours else None
        yield self._tell("started", "conversation_started", began_at, "human" if ours else "customer", caller)
        joined_at, queue = self._seconds("cc_queue_joined_epoch"), self._queue
        if queue is not None:
            yield self._tell("queued", "assigned", joined_at or began_at, "system", sequence=_QUEUED)
        takers = [_Taker(each.at_ms, caller) for each in self._takers[:1]] if ours else self._takers
        for place, taker in enumerate(takers):
            nth = "" if place == 0 else f"/{place + 1}"
            if taker.agent is not None:
                yield self._tell(
                    f"assigned{nth}",
                    "assigned",
                    taker.at_ms,
                    "system",
                    assignee_id=taker.agent,
                    sequence=_ASSIGNED,
                )
            yield self._tell(f"answered{nth}", "call_answered", taker.at_ms, "human", taker.agent, sequence=_ANSWERED)
            if not self._source.options.b_legs or ours:
                is_last = place == len(takers) - 1
                until = ended_at if is_last else takers[place + 1].at_ms
                yield self._cost(f"handled{nth}", taker.agent, taker.at_ms, until, with_hold=is_last)
        yield self._ended(ended_at, ours=ours, taken=bool(takers), agent=takers[-1].agent if takers else None)

    def to_somebody(self) -> Iterator[InteractionEvent]:
        """What the call cost whoever it was put through to, if they took it."""
        answered_at, ended_at = self._at("answer", "answered_time"), self._at("end", "hangup_time")
        # The other end of a call of ours is the customer, whom it cost nothing.
        if answered_at is None or ended_at is None or self._direction == "outbound" or not self._source.options.b_legs:
            return
        yield self._cost("handled", self._agent or self._profile("destination_number"), answered_at, ended_at)

    @property
    def _takers(self) -> list[_Taker]:
        """Who was put through, and when, one after the other. That the switch answered, to play a menu, is nobody's
        reply; and that the legs were joined to hear it ring, before anybody answered, is none either.
        """
        answered_at = self._at("answer", "answered_time")
        unanswered = answered_at is None and self._says_never("answer", "answered_time")
        found = [] if unanswered else [_Taker(max(each.at_ms, answered_at or 0), each.agent) for each in self._bridges]
        queued_at = self._seconds("cc_queue_answered_epoch")
        if queued_at is not None:
            # The queue knows the agent's name; of the same moment, the callflow knows a number.
            found = [each for each in found if abs(each.at_ms - queued_at) > _SAME_MS]
            found.append(_Taker(queued_at, self._agent))
        return sorted(found, key=lambda each: each.at_ms)

    @property
    def _bridges(self) -> list[_Taker]:
        """A call that is transferred goes on in another part of the callflow; the variables know of the last one."""
        times = [number_of(object_at(part, "times").get("bridged_time")) for part in self._flow]
        found = [
            _Taker(from_epoch_ms(micros / 1000, "bridged_time"), _other_end(profile))
            for micros, profile in zip(times, self._profiles, strict=True)
            if micros
        ]
        if len(found) > 1:
            return found
        at_ms = found[0].at_ms if found else self._at("bridge", "bridged_time")
        agent = self._value("cc_agent") or (found[0].agent if found else None) or self._agent
        return [] if at_ms is None else [_Taker(at_ms, agent)]

    @property
    def _queue(self) -> str | None:
        return self._value("cc_queue")

    @property
    def _agent(self) -> str | None:
        return (
            self._value("cc_agent")
            or self._profile("destination_number", "originatee_caller_profiles")
            or self._value("last_sent_callee_id_number")
        )

    def _cost(
        self, what: str, agent: str | None, began_at: EpochMs, ended_at: EpochMs, *, with_hold: bool = True
    ) -> InteractionEvent:
        whole = seconds_of((ended_at - began_at) / 1000)
        if whole is None:
            raise InvalidEvent("the leg ended before it was answered, or a year later")
        hold = min(seconds_of(self._value("hold_accum_seconds")) or 0.0, whole) if with_hold else 0.0
        return self._tell(what, "call_ended", ended_at, "human", agent, call=Call(whole - hold, hold))

    def _ended(self, at_ms: EpochMs, *, ours: bool, taken: bool, agent: str | None) -> InteractionEvent:
        own_end = self._value("sip_hangup_disposition") in _OWN_END
        who: ActorKind = ("human" if ours else "customer") if own_end else ("human" if taken and not ours else "system")
        cause = self._value("hangup_cause")
        said = {} if cause is None else {"hangup_cause": cause}
        actor_id = agent if who == "human" else None
        return self._tell(
            "ended", "status_changed", at_ms, who, actor_id, status="resolved", sequence=_ENDED, attributes=said
        )

    def _value(self, name: str) -> str | None:
        return self._variables.get(name) or None

    def _profile(self, name: str, other_end: str | None = None) -> str | None:
        """A value of the caller profiles; with `other_end`, of the profiles that they name of the other leg."""
        profiles = self._profiles
        if other_end is not None:
            holder = other_end.removesuffix("_caller_profiles")
            profiles = [found for each in profiles for found in objects_at(each, holder, other_end)]
        key = "uuid" if name == "originator" else name
        return next((unquote(text) for text in (text_of(each.get(key)) for each in profiles) if text), None)

    def _at(self, variable: str, profile_time: str) -> EpochMs | None:
        """A moment in milliseconds: FreeSWITCH writes it in micro-seconds and in seconds, and 0 for never."""
        micros = number_of(self._value(f"{variable}_uepoch"))
        if micros:
            return from_epoch_ms(micros / 1000, f"{variable}_uepoch")
        if self._seconds(f"{variable}_epoch") is not None:
            return self._seconds(f"{variable}_epoch")
        told = [each for each in (number_of(object_at(one, "times").get(profile_time)) for one in self._flow) if each]
        if not told:
            return None
        return from_epoch_ms((max if profile_time == "hangup_time" else min)(told) / 1000, profile_time)

    def _says_never(self, variable: str, profile_time: str) -> bool:
        """Whether a moment is said not to have been, rather than not said."""
        times = [object_at(each, "times").get(profile_time) for each in self._flow]
        return any(number_of(found) == 0 for found in (self._value(f"{variable}_epoch"), *times))

    def _seconds(self, variable: str) -> EpochMs | None:
        seconds = number_of(self._value(variable))
        return from_epoch_s(seconds, variable) if seconds else None

    def _tell(
        self, what: str, event_type: EventType, at_ms: EpochMs, who: ActorKind, actor_id: str | None = None, **said: Any
    ) -> InteractionEvent:
        origin = self.origin
        number = self._value("destination_number" if self._direction == "outbound" else "caller_id_number")
        number = number or self._profile("destination_number" if self._direction == "outbound" else "caller_id_number")
        known = origin is None and number is not None and number.lower() not in _ANONYMOUS
        return event(
            self._source,
            self._delivery,
            event_id=f"{self.uuid}/{what}",
            conversation_id=origin or self.uuid,
            channel="voice",
            type=event_type,
            occurred_at=at_ms,
            actor=who,
            actor_id=actor_id,
            # A telephone knows no more of a customer than the number.
            customer_id=number if known else None,
            team=self._queue,
            **said,
        )


def _texts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        text = text_of(value)
        if text is not None:
            yield name, text


def _other_end(profile: Mapping[str, Any]) -> str | None:
    """The number of whoever a part of the callflow was put through to."""
    numbers = (
        text_of(each.get("destination_number"))
        for each in objects_at(profile, "originatee", "originatee_caller_profiles")
    )
    return next((unquote(number) for number in numbers if number), None)
