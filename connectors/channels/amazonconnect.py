"""Amazon Connect ("Contact events data model", "Contact records data model"): EventBridge, Firehose, or both.

Every contact event repeats what the contact has come to so far, and the contact record (CTR) tells all of it again at
the end. So each payload is read the same way: as a state with instants, each of which is one thing that happened, named
by the contact and what it was. Told twice, or by both streams, it is one event.

A transfer makes a new contact; the chain is one conversation, named by its first contact.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Reply, Source, event
from connectors.channels.payloads import (
    from_iso,
    json_value,
    object_at,
    objects_at,
    required,
    seconds_of,
    text_of,
)
from connectors.channels.signatures import SECRET_HEADERS, require_shared_secret
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import ActorKind, Call, Channel, EventType, InteractionEvent
from schemas.times import EpochMs

CHANNELS: Mapping[str, Channel] = {"VOICE": "voice", "CHAT": "live_chat", "EMAIL": "email", "TASK": "other"}
#: `connect:Subtype` of a contact → the channel behind it.
SUBTYPES: Mapping[str, Channel] = {
    "connect:SMS": "sms",
    "connect:WhatsApp": "whatsapp",
    "connect:Apple": "other",
    "connect:WebRTC": "voice",
}
#: `initiationMethod` → who began. Transfers begin nothing.
STARTS: Mapping[str, ActorKind | None] = {
    "INBOUND": "customer",
    "API": "customer",
    "WEBRTC_API": "customer",
    "CALLBACK": "customer",
    "OUTBOUND": "human",
    "FLOW": "system",
    "TRANSFER": None,
    "QUEUE_TRANSFER": None,
    "AGENT_REPLY": None,
}
#: Contacts beside the conversation: a supervisor listening, a flow behind the call, a third party that is rung.
BESIDE = frozenset({"MONITOR", "DISCONNECT", "EXTERNAL_OUTBOUND"})
#: The `detail-type` of what EventBridge delivers of contacts.
CONTACT_EVENT = "Amazon Connect Contact Event"
#: The events of "Contact events data model".
EVENT_TYPES = frozenset(
    {"INITIATED", "CONNECTED_TO_SYSTEM", "CONTACT_DATA_UPDATED", "QUEUED", "CONNECTED_TO_AGENT", "DISCONNECTED"}
    | {"PAUSED", "RESUMED", "COMPLETED"}
)
#: The beginning of a reason to hang up → who did.
_HUNG_UP: Mapping[str, ActorKind] = {"CUSTOMER": "customer", "AGENT": "human"}
#: What happens in one instant happens in this order.
_CONTINUED, _QUEUED, _ASSIGNED, _ANSWERED, _STATUS = range(1, 6)


class AmazonConnectOptions(ChannelOptions):
    """`instance_id`: contacts of other instances are parked. `queues`: a queue's id → the name of the team."""

    instance_id: str | None = None
    queues: Mapping[str, str] = {}


class AmazonConnect(ChannelConnector[AmazonConnectOptions]):
    """Contact events from an EventBridge API destination, and contact records from a Firehose."""

    vendor = "amazonconnect"
    Options = AmazonConnectOptions

    def verify(self, delivery: Delivery, source: Source[AmazonConnectOptions]) -> None:
        """AWS signs neither: the connection's key, or Firehose's access key, is the secret."""
        require_shared_secret(delivery, source, (*SECRET_HEADERS, "x-amz-firehose-access-key"))

    def receipt(self, delivery: Delivery) -> Reply | None:
        """A Firehose counts a request as lost, and sends it again, unless its id comes back with a time."""
        request_id = delivery.headers.get("x-amz-firehose-request-id")
        if not request_id:
            return None
        said = {"requestId": request_id, "timestamp": delivery.received_at}
        return Reply(msgspec.json.encode(said), "application/json")

    def parse(self, delivery: Delivery, source: Source[AmazonConnectOptions]) -> Parsed:
        """One event, one record, lines or a list of them, or Firehose's envelope around them."""
        parsed = Parsed()
        found = list(_pieces(delivery.body))
        if not found:
            raise MalformedRecord("a list without a contact in it")
        for piece in found:
            try:
                _contact(piece, delivery, source, parsed)
            except Refused as exc:
                if len(found) == 1:
                    raise
                parsed.park(exc.detail, piece)
        return parsed


def _pieces(body: bytes) -> Iterator[Any]:
    try:
        whole = json_value(body)
    except MalformedRecord:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        whole = [json_value(line) for line in lines]
    for each in whole if isinstance(whole, list) else [whole]:
        records = objects_at(each, "records")
        if not records:
            yield each
        for record in records:
            yield from _pieces(_unpacked(record.get("data")))


def _unpacked(data: object) -> bytes:
    try:
        return base64.b64decode(data if isinstance(data, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRecord("a record of Firehose's without data in base64") from None


def _contact(piece: object, delivery: Delivery, source: Source[AmazonConnectOptions], parsed: Parsed) -> None:
    if not isinstance(piece, dict):
        raise MalformedRecord("a contact is not an object")
    told = object_at(piece, "detail") or piece
    found = _lowered(told)
    kind = text_of(found.get("eventtype"))
    if piece.get("detail-type", CONTACT_EVENT) != CONTACT_EVENT:
        # What else Amazon Connect puts on EventBridge, such as what Contact Lens finds out.
        parsed.park("an event of EventBridge's that is not known", piece)
    elif "currentagentsnapshot" in found:
        # What an agent is doing, whoever they do it for.
        parsed.ignore("agent_event")
    elif kind is not None and kind not in EVENT_TYPES:
        if kind == "AMD_DISABLED":
            parsed.ignore("answering_machine")
        else:
            parsed.park("a contact event that is not known", piece)
    elif "contactid" not in found:
        raise InvalidEvent("neither a contact event nor a contact record: no contactId")
    elif _another_instance(found, source.options):
        parsed.park("a contact of another instance than the source's", piece)
    elif _upper(found.get("initiationmethod")) in BESIDE:
        parsed.ignore("beside_the_conversation")
    elif _upper(found.get("channel")) not in CHANNELS:
        parsed.park("a channel of Amazon Connect's that is not known", piece)
    else:
        events = list(_State(found, delivery, source).events())
        parsed.events.extend(events)
        if not events:
            parsed.ignore("nothing_new")


def _lowered(found: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a contact and of what is in it without case: official samples differ in it."""
    return {
        key.lower(): {name.lower(): value for name, value in inner.items()} if isinstance(inner, dict) else inner
        for key, inner in found.items()
    }


def _upper(found: object) -> str:
    return (text_of(found) or "").upper()


def _another_instance(found: Mapping[str, Any], options: AmazonConnectOptions) -> bool:
    arn = text_of(found.get("instancearn"))
    return options.instance_id is not None and arn is not None and _id_of(arn) != options.instance_id


def _id_of(arn: object) -> str | None:
    """The id at the end of an ARN."""
    text = text_of(arn)
    return None if text is None else text.rsplit("/", 1)[-1] or None


class _State:
    """What a payload knows of its contact."""

    def __init__(self, found: Mapping[str, Any], delivery: Delivery, source: Source[AmazonConnectOptions]) -> None:
        self._found, self._delivery, self._source = found, delivery, source
        self._contact_id = required(found.get("contactid"), "contactId")
        self._conversation_id = text_of(found.get("initialcontactid")) or self._contact_id
        self._is_record = "eventtype" not in found
        self._kind = _upper(found.get("channel"))
        self._channel = SUBTYPES.get(_subtype(found), CHANNELS[self._kind])
        self._method = _upper(found.get("initiationmethod")) or (
            "TRANSFER" if text_of(found.get("previouscontactid")) else "INBOUND"
        )
        self._queue = object_at(found, "queueinfo") or object_at(found, "queue")
        self._agent = object_at(found, "agentinfo") or object_at(found, "agent")
        self._agent_id = _id_of(self._agent.get("agentarn") or self._agent.get("arn"))

    def events(self) -> Iterator[InteractionEvent]:
        """One for each thing that has happened."""
        yield from self._start()
        yield from self._queued()
        yield from self._connected()
        yield from self._paused()
        yield from self._handled()
        yield from self._ended()

    def _start(self) -> Iterator[InteractionEvent]:
        who = STARTS.get(self._method)
        if self._method == "API" and self._kind == "VOICE":
            # A chat that the API begins is a customer's; a call that it begins rings at one, who waits for nobody.
            who = "system"
        # A call back is asked for before the call that asks for it has ended, and waits from when it is queued.
        at_ms = self._queued_at if self._method == "CALLBACK" else self._at("initiationtimestamp")
        if at_ms is None:
            return
        if self._method == "AGENT_REPLY":
            yield self._tell("replied", "message", at_ms, "human", self._agent_id)
        elif who is not None:
            campaign = bool(object_at(self._found, "campaign"))
            who = "system" if campaign or (self._kind == "TASK" and who == "customer") else who
            said = {"initiation_method": self._method}
            yield self._tell("started", "conversation_started", at_ms, who, automated=campaign, attributes=said)

    @property
    def _queued_at(self) -> EpochMs | None:
        return _instant(self._queue.get("enqueuetimestamp"), "enqueueTimestamp")

    def _queued(self) -> Iterator[InteractionEvent]:
        at_ms, queue_id = self._queued_at, _id_of(self._queue.get("queuearn") or self._queue.get("arn"))
        # An agent's own queue is no team, and the queue of an outbound call only says which number is shown.
        own = _upper(self._queue.get("queuetype")) == "AGENT" or "/queue/agent/" in str(self._queue)
        if at_ms is not None and queue_id is not None and not own and self._method != "OUTBOUND":
            team = self._source.options.queues.get(queue_id, queue_id)
            yield self._tell("queued", "assigned", at_ms, "system", team=team, sequence=_QUEUED)

    def _connected(self) -> Iterator[InteractionEvent]:
        at_ms = _instant(self._agent.get("connectedtoagenttimestamp"), "connectedToAgentTimestamp")
        if at_ms is None or self._agent_id is None:
            return
        if self._method in {"TRANSFER", "QUEUE_TRANSFER"}:
            # The contact before may have been told as ended, without a word of the transfer.
            yield self._tell("continued", "status_changed", at_ms, "system", status="open", sequence=_CONTINUED)
        who: tuple[ActorKind, str] = ("human", self._agent_id)
        yield self._tell("assigned", "assigned", at_ms, *who, assignee_id=self._agent_id, sequence=_ASSIGNED)
        # The streams carry no messages: for a chat, that an agent has joined is the answer they can tell of. A task or
        # an e-mail is not answered by being taken, and an outbound call not until somebody is there.
        if self._kind == "VOICE" and (self._method != "OUTBOUND" or self._at("connectedtosystemtimestamp")):
            yield self._tell("answered", "call_answered", at_ms, *who, sequence=_ANSWERED)
        elif self._kind == "CHAT":
            yield self._tell("answered", "message", at_ms, *who, sequence=_ANSWERED, attributes={"joined": "true"})

    def _paused(self) -> Iterator[InteractionEvent]:
        for name, status in (("lastpausedtimestamp", "on_hold"), ("lastresumedtimestamp", "open")):
            at_ms = self._at(name)
            if at_ms is not None:
                yield self._tell(f"{status}/{at_ms}", "status_changed", at_ms, *self._anyone(), status=status)

    def _handled(self) -> Iterator[InteractionEvent]:
        """What the call cost, which is known when the work after it is over."""
        began_at = _instant(self._agent.get("connectedtoagenttimestamp"), "connectedToAgentTimestamp")
        left_at = _instant(self._agent.get("aftercontactworkstarttimestamp"), "afterContactWorkStartTimestamp")
        left_at = self._at("disconnecttimestamp") if left_at is None else left_at
        over = self._is_record or self._found.get("eventtype") == "COMPLETED"
        if not over or self._kind != "VOICE" or began_at is None or left_at is None or self._agent_id is None:
            return
        wrapped_at = _instant(self._agent.get("aftercontactworkendtimestamp"), "afterContactWorkEndTimestamp")
        hold = seconds_of(self._agent.get("customerholdduration"))
        talk = seconds_of(self._agent.get("agentinteractionduration"))
        between = seconds_of((left_at - began_at) / 1000) or 0.0
        call = Call(
            talk if talk is not None else max(0.0, between - (hold or 0.0)),
            hold or 0.0,
            seconds_of(self._agent.get("aftercontactworkduration")) or 0.0,
        )
        at_ms = left_at if wrapped_at is None else wrapped_at
        yield self._tell("handled", "call_ended", at_ms, "human", self._agent_id, call=call)

    def _ended(self) -> Iterator[InteractionEvent]:
        at_ms, reason = self._at("disconnecttimestamp"), _upper(self._found.get("disconnectreason"))
        # A contact with a next one was passed on; the last of the chain ends the conversation.
        if at_ms is None or self._method == "AGENT_REPLY" or text_of(self._found.get("nextcontactid")):
            return
        if reason == "TRANSFERRED":
            return
        who = _HUNG_UP.get(reason.split("_")[0], "system")
        actor_id = self._agent_id if who == "human" else None
        said = {"disconnect_reason": reason} if reason else {}
        yield self._tell(
            "ended", "status_changed", at_ms, who, actor_id, status="resolved", sequence=_STATUS, attributes=said
        )

    def _anyone(self) -> tuple[ActorKind, str | None]:
        return ("system", None) if self._agent_id is None else ("human", self._agent_id)

    def _at(self, name: str) -> EpochMs | None:
        return _instant(self._found.get(name), name)

    def _tell(
        self, what: str, event_type: EventType, at_ms: EpochMs, who: ActorKind, actor_id: str | None = None, **said: Any
    ) -> InteractionEvent:
        return event(
            self._source,
            self._delivery,
            event_id=f"{self._contact_id}/{what}",
            conversation_id=self._conversation_id,
            channel=self._channel,
            type=event_type,
            occurred_at=at_ms,
            actor=who,
            actor_id=actor_id,
            customer_id=text_of(self._found.get("customerid")),
            **said,
        )


def _subtype(found: Mapping[str, Any]) -> str:
    told = object_at(found, "segmentattributes").get("connect:subtype")
    # The value stands in an object whose key says its type, spelled in two ways.
    inner = next(iter(told.values()), None) if isinstance(told, dict) else told
    return text_of(inner) or ""


def _instant(found: object, field: str) -> EpochMs | None:
    return None if found is None or found == "" else from_iso(found, field)
