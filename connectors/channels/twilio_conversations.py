"""Twilio Conversations ("Conversations webhooks") and, for its tasks, TaskRouter ("Event callbacks").

Twilio says with what a message was written, not who its author is: a number or an address is a customer's, an identity
that of somebody who has logged in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from connectors.channels.accounts import person_or_bot
from connectors.channels.payloads import (
    fingerprint,
    from_epoch_ms,
    from_epoch_s,
    from_iso,
    object_at,
    text_length,
    text_of,
)
from connectors.channels.pieces import Said, codes, unknown
from connectors.channels.twilio_request import Request, channel_of, is_address
from schemas.records import ActorKind, Channel, Status
from schemas.times import EpochMs

#: What a message was written with → our channel.
SOURCES: Mapping[str, Channel] = {
    "SMS": "sms",
    "MMS": "sms",
    "RCS": "sms",
    "WHATSAPP": "whatsapp",
    "MESSENGER": "messenger",
    "FBM": "messenger",
    "INSTAGRAM": "instagram",
    "EMAIL": "email",
    "SDK": "live_chat",
    "CHAT": "live_chat",
    "WEBCHAT": "live_chat",
    "API": "live_chat",
}
LOGGED_IN = frozenset({"SDK", "CHAT", "WEBCHAT"})
STATES: Mapping[str, Status] = {"closed": "closed", "active": "open"}
IDLE_EVENTS = codes(
    # What Twilio asks before it does it, and may not do.
    before_the_fact="""onMessageAdd onMessageUpdate onMessageRemove onConversationAdd onConversationUpdate
    onConversationRemove onParticipantAdd onParticipantUpdate onParticipantRemove onUserUpdate""",
    message_edited="onMessageUpdated",
    message_deleted="onMessageRemoved",
    delivery_receipt="onDeliveryUpdated",
    conversation_changed="onConversationUpdated",
    participant_changed="onParticipantUpdated",
    user_changed="onUserAdded onUserUpdated",
)
#: TaskRouter's events that say nothing of who has a task → why, by the first word.
IDLE_TASKS = codes(
    task="task reservation",
    worker="worker",
    routing="workflow task-queue workspace activity worker-channel task-channel",
)


def conversation(request: Request) -> Said:
    """What a request about a conversation says."""
    name = request.need("EventType")
    if name in IDLE_EVENTS:
        return IDLE_EVENTS[name]
    if name not in _READERS:
        raise unknown("event of a conversation", name)
    return _READERS[name](request)


def _at(request: Request, *names: str) -> EpochMs:
    for name in names:
        stamp = request.get(name)
        if stamp is not None:
            return from_iso(stamp, name)
    return request.delivery.received_at  # some of these webhooks carry no time at all


def _message(request: Request) -> Said:
    author = request.get("Author") or request.get("ClientIdentity")
    written_with = (request.get("Source") or "").upper()
    kind = _writer(request, author, written_with)
    number = request.get("Index") or ""
    return [
        request.tell(
            request.need("MessageSid", "Sid"),
            "message",
            _at(request, "DateCreated"),
            (kind, author),
            request.need("ConversationSid"),
            channel_of(author or "", SOURCES.get(written_with, "other")),
            customer_id=author if kind == "customer" else None,
            sequence=int(number) if number.isascii() and number.isdigit() and len(number) < 15 else None,
            attributes=text_length(request.params.get("Body")),
        )
    ]


def _writer(request: Request, author: str | None, written_with: str) -> ActorKind:
    options = request.source.options
    if person_or_bot(request.source, author) == "bot":
        return "bot"
    if author is not None and author in options.agents:
        return "human"
    if author is not None and is_address(author):
        return "customer"
    if written_with == "API":
        return options.api_sender
    # In a chat of the business's own, customers log in too: only the source can tell them from those who answer.
    return "human" if written_with in LOGGED_IN and not options.agents else "customer"


def _added(request: Request) -> Said:
    place = request.need("ConversationSid")
    address = request.get("MessagingBinding.Address")
    channel = "live_chat" if address is None else channel_of(address, "sms")
    at = _at(request, "DateCreated")
    return [request.tell(f"{place}:added", "conversation_started", at, ("system", None), place, channel)]


def _state(request: Request) -> Said:
    place, state = request.need("ConversationSid"), request.need("StateTo", "State")
    if state == "inactive":
        return "inactive"  # a timer of Twilio's: nobody has decided anything
    if state not in STATES:
        raise unknown("state of a conversation", state)
    at = _at(request, "StateUpdated", "DateUpdated")
    said = {key: value for key, value in request.params.items() if key != "RetryCount"}
    name = f"{place}:{state}:{fingerprint(said)}"
    return [request.tell(name, "status_changed", at, ("system", None), place, "live_chat", status=STATES[state])]


def _removed(request: Request) -> Said:
    place = request.need("ConversationSid")
    at = _at(request, "DateRemoved", "DateUpdated", "DateCreated")
    return [request.tell(f"{place}:removed", "deleted", at, ("system", None), place, "live_chat")]


def _participant(request: Request) -> Said:
    """Somebody of ours joins, and so has the conversation, or leaves it."""
    joins = request.get("EventType") == "onParticipantAdded"
    identity, place = request.get("Identity"), request.need("ConversationSid")
    a_bot = person_or_bot(request.source, identity) == "bot"
    if identity is None or a_bot or identity not in request.source.options.agents:
        return "participant"
    at = _at(request, "DateCreated") if joins else _at(request, "DateRemoved", "DateUpdated")
    name = f"{request.need('ParticipantSid')}:{'joined' if joins else 'left'}"
    by: tuple[ActorKind, str | None] = ("system", None)
    return [request.tell(name, "assigned", at, by, place, "live_chat", assignee_id=identity if joins else None)]


_READERS: Mapping[str, Callable[[Request], Said]] = {
    "onMessageAdded": _message,
    "onConversationAdded": _added,
    "onConversationStateUpdated": _state,
    "onConversationRemoved": _removed,
    "onParticipantAdded": _participant,
    "onParticipantRemoved": _participant,
}


def task(request: Request) -> Said:
    """What TaskRouter says of the task of a call or a conversation: its queue, and who took it."""
    name = request.need("EventType")
    place, channel = _place_of_task(request)
    if place is None or name not in ("reservation.accepted", "task-queue.entered"):
        word = name.partition(".")[0]
        if word not in IDLE_TASKS:
            raise unknown("event of TaskRouter", name)
        return IDLE_TASKS[word]
    assignee = request.need("WorkerSid") if name == "reservation.accepted" else None
    if person_or_bot(request.source, assignee) == "bot":
        assignee = None
    at_ms = request.get("TimestampMs")
    at = from_epoch_s(request.get("Timestamp"), "Timestamp") if at_ms is None else from_epoch_ms(at_ms, "TimestampMs")
    return [
        request.tell(
            request.need("Sid", "EventSid"),
            "assigned",
            at,
            ("system", None),
            place,
            channel,
            assignee_id=assignee,
            team=request.get("TaskQueueName"),
        )
    ]


def _place_of_task(request: Request) -> tuple[str | None, Channel]:
    """The call or the conversation that a task is about, as its attributes say."""
    try:
        attributes = object_at(msgspec.json.decode(request.get("TaskAttributes") or "{}"))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None, "other"
    sid = text_of(attributes.get("call_sid"))
    if sid is not None:
        return sid, "voice"
    return text_of(attributes.get("conversationSid")) or text_of(attributes.get("channelSid")), "live_chat"
