"""WhatsApp Cloud API ("Webhooks: messages, smb_message_echoes, history, calls, standby, messaging_handovers").

A conversation is one customer (or group) and one phone number of the business. Customers are named by their number,
or by the business-scoped user id where Meta hides the number.

What the business sends through the API is told only by the statuses of a message: the first of them, `sent`, is the
message. It says what the message cost, and so whether it was a template, but not who wrote it (`api_sender`), unless
the sending app puts `agent:ID` or `bot` into `biz_opaque_callback_data`. While Meta's own agent, a machine, is in
control, everything comes as `standby`, and `messaging_handovers` tells when it gives control away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from connectors.channels.base import Delivery, Parsed, Source, event
from connectors.channels.meta import MetaChannel, MetaOptions, Sender, contacts_of, entries, marked, settle_each
from connectors.channels.payloads import (
    fingerprint,
    from_epoch_s,
    number_of,
    object_at,
    required,
    seconds_of,
    text_length,
    text_of,
)
from connectors.channels.pieces import Said, codes, settle, unknown
from schemas.records import ActorKind, Call, EventType, InteractionEvent
from schemas.times import EpochMs

#: Types of messages by which a customer turns to the business. What WhatsApp cannot show is still written by somebody.
CONTENT = frozenset(
    {"text", "image", "audio", "voice", "video", "document", "sticker", "location", "contacts", "interactive", "button"}
    | {"order", "unsupported", "unknown", "ephemeral", "media_placeholder", "template", "poll_creation", "list", "gif"}
    | {"product", "payment", "errors"}
)
#: Types of messages that add nothing to what was written → why.
IDLE_MESSAGES = codes(
    reaction="reaction",
    customer_changed="system",
    message_deleted="revoke",
    message_edited="edit",
    chat_opened="request_welcome",
    poll_vote="poll_update",
    pin="pin",
)
IDLE_STATUSES = codes(
    delivery_receipt="delivered",
    read_receipt="read played",
    delivery_failed="failed",
    delivery_warning="warning",
    message_deleted="deleted",
    payment="pending captured canceled",
)
IDLE_CALL_STATUSES = frozenset({"RINGING", "ACCEPTED", "REJECTED"})
#: What a message was charged as, where it was a template: a campaign, a notice, a code, and no reply.
TEMPLATES = frozenset(
    {"marketing", "marketing_lite", "utility", "authentication", "authentication_international"}
    | {"business_initiated"}
)
#: Where the text of a message is, by its type.
TEXTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "text": (("text", "body"),),
    "button": (("button", "text"),),
    "image": (("image", "caption"),),
    "video": (("video", "caption"),),
    "document": (("document", "caption"),),
}
#: Fields that a webhook can be subscribed to of which nothing concerns a conversation → why.
IDLE_FIELDS = codes(
    account="""account_alerts account_review_update account_update account_settings_update business_capability_update
    business_status_update business_username_update phone_number_name_update phone_number_quality_update
    payment_configuration_update partner_solutions security account_offboarded account_reconnected""",
    template="""message_template_status_update message_template_quality_update message_template_components_update
    template_category_update template_correct_category_detection template_performance_metrics""",
    group="group_lifecycle_update group_participants_update group_settings_update group_status_update",
    marketing_preference="user_preferences",
    customer_changed="user_id_update consumer_profile",
    contact_sync="smb_app_state_sync",
    flow_health="flows",
    purchase="automatic_events tracking_events",
)
#: Roles of a number's apps (`new_owner_role`) behind which people sit.
PEOPLE = frozenset({"escalation", "customer_service"})
HANDOVERS = frozenset({"control_passed", "control_taken"})
#: Times are whole seconds: what the business sends in the second of a customer's message follows it.
_ASKED, _ANSWERED, _ENDED = 0, 1, 2


class WhatsAppOptions(MetaOptions):
    """`api_sender` is who writes through the API, where the message does not say; `call_sender` who takes calls."""

    api_sender: Sender = "bot"
    call_sender: Sender = "human"


class WhatsApp(MetaChannel[WhatsAppOptions]):
    """The WhatsApp Business Platform, hosted by Meta."""

    vendor: ClassVar[str] = "whatsapp"
    Options: ClassVar[type[WhatsAppOptions]] = WhatsAppOptions
    object_name: ClassVar[str] = "whatsapp_business_account"

    def parse(self, delivery: Delivery, source: Source[WhatsAppOptions]) -> Parsed:
        """Every change of every entry."""
        parsed = Parsed()
        for entry in entries(delivery, source, self.object_name, parsed):
            if not isinstance(entry.get("changes"), list):
                parsed.park("an entry without changes", entry)
            settle_changes(parsed, entry, delivery, source)
        return parsed


def settle_changes(parsed: Parsed, entry: dict[str, Any], delivery: Delivery, source: Source[WhatsAppOptions]) -> None:
    """Every change of an entry: one with lists of messages, statuses, calls, or one of the account's."""
    changes = entry.get("changes")
    for change in changes if isinstance(changes, list) else ():
        value = object_at(change, "value")
        field = object_at(change).get("field")
        if isinstance(field, str) and field in IDLE_FIELDS:
            parsed.ignore(IDLE_FIELDS[field])
            continue
        if text_of(value.get("type")) in HANDOVERS:
            settle(parsed, change, _Value(value, delivery, source, parsed).handover)
            continue
        before = len(parsed.events) + len(parsed.ignored) + len(parsed.parked)
        _Value(value, delivery, source, parsed).settle()
        if before == len(parsed.events) + len(parsed.ignored) + len(parsed.parked):
            settle(parsed, change, lambda field=field: _nothing(field))  # type: ignore[misc]


def _nothing(field: object) -> Said:
    raise unknown("change without anything known in it, of the field", field)


class _Value:
    """What one change says: messages and calls of one phone number of the business."""

    def __init__(
        self, value: dict[str, Any], delivery: Delivery, source: Source[WhatsAppOptions], parsed: Parsed
    ) -> None:
        self.delivery, self.source, self.parsed = delivery, source, parsed
        self.metadata = object_at(value, "metadata") or object_at(value, "recipient")
        #: Whether somebody else is in control, and we only watch.
        self.standing_by = isinstance(value.get("standby"), dict)
        self.value = {**value, **object_at(value, "standby")}

    def settle(self) -> None:
        """Settle every list that the value may hold."""
        lists: Iterable[tuple[str, Callable[[dict[str, Any]], Said]]] = (
            ("messages", self.incoming),
            ("message_echoes", self.echo),
            ("statuses", self.status),
            ("calls", self.call),
            ("history", self.history),
        )
        for key, read in lists:
            settle_each(self.parsed, self.value, key, read)
        # Beside nothing else, errors are of the account; beside a call, its.
        if self.value.get("errors") and not any(self.value.get(key) for key, _ in lists):
            self.parsed.ignore("vendor_error")

    def incoming(self, message: dict[str, Any]) -> Said:
        """A message of a customer."""
        idle = _idle(message)
        if idle is not None:
            return idle
        customer = text_of(message.get("from")) or text_of(message.get("from_user_id")) or self.only_contact()
        return [self.message(message, required(customer, "messages.from"), text_of(message.get("group_id")))]

    def only_contact(self) -> str | None:
        """The one person that the change names, where a message says nobody: they have hidden their number."""
        contacts = contacts_of(self.value)
        if len(contacts) != 1:
            return None
        return text_of(contacts[0].get("wa_id")) or text_of(contacts[0].get("user_id"))

    def message(self, message: dict[str, Any], customer: str, group: str | None, **said: Any) -> InteractionEvent:
        """The event of a customer's message."""
        by: tuple[ActorKind, str | None] = ("customer", customer)
        return self.written("messages", message, customer, group, by, sequence=_ASKED, **said)

    def echo(self, message: dict[str, Any]) -> Said:
        """A message that somebody wrote in the WhatsApp Business app, on the phone that shares the number; or one of
        whoever is in control, as it was given to the API.
        """
        message = {**message, **object_at(message, "message")}
        idle = _idle(message)
        if idle is not None:
            return idle
        to = text_of(message.get("to")) or text_of(message.get("to_user_id")) or text_of(message.get("recipient"))
        customer = required(to, "message_echoes.to")
        return [self.reply(message, customer, text_of(message.get("group_id")))]

    def reply(self, message: dict[str, Any], customer: str, group: str | None, **said: Any) -> InteractionEvent:
        """The event of what a person wrote in the app. Meta does not say which person."""
        by: tuple[ActorKind, str | None] = ("human", None)
        if self.standing_by:
            by = marked(message.get("biz_opaque_callback_data")) or ("bot", None)
        template = message.get("type") == "template"
        return self.written(
            "message_echoes", message, customer, group, by, sequence=_ANSWERED, automated=template, **said
        )

    def written(
        self,
        list_name: str,
        message: dict[str, Any],
        customer: str,
        group: str | None,
        by: tuple[ActorKind, str | None],
        **said: Any,
    ) -> InteractionEvent:
        """The event of a message, whoever wrote it. `list_name` is where it stands in the change."""
        return self.tell(
            required(message.get("id"), f"{list_name}.id"),
            "message",
            from_epoch_s(message.get("timestamp"), f"{list_name}.timestamp"),
            group or customer,
            customer,
            by,
            attributes=_attributes(message),
            **said,
        )

    def status(self, status: dict[str, Any]) -> Said:
        """What became of a message of the business. `sent` is when it was written, for the API says nothing before."""
        name = status.get("status")
        if status.get("type") == "call" or (isinstance(name, str) and name in IDLE_CALL_STATUSES):
            return "call_progress"
        if isinstance(name, str) and name in IDLE_STATUSES:
            return IDLE_STATUSES[name]
        if name != "sent":
            raise unknown("status of a message", name)
        category = object_at(status, "pricing").get("category")
        origin = object_at(status, "conversation", "origin").get("type")
        charged = category if isinstance(category, str) else origin
        sender: Sender = "bot" if self.standing_by else self.source.options.api_sender
        said = marked(status.get("biz_opaque_callback_data")) or (sender, None)
        to = text_of(status.get("recipient_id")) or text_of(status.get("recipient_user_id"))
        place = required(to, "statuses.recipient_id")
        return [
            self.tell(
                # Not the message's own id: the app's echo of it may be told too, and says more.
                required(status.get("id"), "statuses.id") + ":sent",
                "message",
                from_epoch_s(status.get("timestamp"), "statuses.timestamp"),
                place,
                None if status.get("recipient_type") == "group" else place,
                said,
                sequence=_ANSWERED,
                automated=isinstance(charged, str) and charged in TEMPLATES,
                attributes={"charged_as": charged[:64]} if isinstance(charged, str) else {},
            )
        ]

    def call(self, call: dict[str, Any]) -> Said:
        """A call in the chat. Only its end says whether somebody took it, and when."""
        name, call_id = call.get("event"), required(call.get("id"), "calls.id")
        # Without a direction, what Meta offers is a customer's call, and what it answers one of ours.
        by_business = call.get("direction") == "BUSINESS_INITIATED" or (
            call.get("direction") is None and object_at(call, "session").get("sdp_type") == "answer"
        )
        customer = required(self.other_end(call, by_business=by_business), "calls.from or calls.to")
        at = from_epoch_s(call.get("timestamp"), "calls.timestamp")
        if name == "connect":
            if by_business:
                return "call_progress"
            who: tuple[ActorKind, str | None] = ("customer", customer)
            return [self.tell(f"{call_id}:connect", "conversation_started", at, customer, customer, who)]
        if name != "terminate":
            raise unknown("event of a call", name)
        talk_seconds = number_of(call.get("duration")) or 0.0
        if talk_seconds <= 0:
            return "call_not_taken"
        taker = (self.source.options.call_sender, None)
        if call.get("start_time") is not None:
            began = from_epoch_s(call["start_time"], "calls.start_time")
        else:
            began = at - round((seconds_of(talk_seconds) or 0) * 1000)
        return [
            self.tell(f"{call_id}:taken", "call_answered", began, customer, customer, taker, sequence=_ANSWERED),
            self.tell(
                f"{call_id}:ended",
                "call_ended",
                max(at, began),
                customer,
                customer,
                taker,
                sequence=_ENDED,
                call=Call(talk_seconds=talk_seconds),
            ),
        ]

    def other_end(self, call: dict[str, Any], *, by_business: bool) -> str | None:
        """Who is on the other end of a call of ours; some samples have the ends the wrong way round."""
        ends = ("to", "from") if by_business else ("from", "to")
        numbers = [text_of(call.get(end)) or text_of(call.get(f"{end}_user_id")) for end in ends]
        ours = text_of(self.metadata.get("display_phone_number"))
        return next((number for number in numbers if number not in (None, ours)), None) or self.only_contact()

    def handover(self) -> Said:
        """Control of a chat goes from one app of the number to another. To people, unless the new one's role says that
        it is none that answers.
        """
        kind, sender = self.value["type"], object_at(self.value, "sender")
        roles = object_at(self.value, kind)
        new = text_of(roles.get("new_owner_role"))
        passed_on = kind == "control_passed" or roles.get("previous_owner_role") == "ai_agent"
        if new not in PEOPLE and not (new is None and passed_on):
            return "control_changed"
        number = text_of(sender.get("phone_number"))
        customer = required(number.lstrip("+") if number else text_of(sender.get("user_id")), "sender.phone_number")
        at = from_epoch_s(self.value.get("timestamp"), "timestamp")
        name = fingerprint(self.metadata.get("phone_number_id"), customer, at, kind)
        return [self.tell(f"handover:{name}", "handoff_requested", at, customer, customer, ("bot", None))]

    def history(self, chunk: dict[str, Any]) -> Said:
        """Old messages of a number that has come over from the WhatsApp Business app."""
        threads = chunk.get("threads")
        if not isinstance(threads, list):
            return "history_progress"
        for thread in threads:
            customer = text_of(object_at(thread).get("id"))
            settle_each(
                self.parsed,
                object_at(thread),
                "messages",
                lambda message, customer=customer: self.old_message(message, customer),  # type: ignore[misc]
            )
        return "history_progress"

    def old_message(self, message: dict[str, Any], customer: str | None) -> Said:
        """A message of a thread's past, by whoever wrote it."""
        idle = _idle(message)
        if idle is not None:
            return idle
        place, sender = required(customer, "history.threads.id"), text_of(message.get("from"))
        from_business = object_at(message, "history_context").get("from_me") is True or sender not in (None, place)
        tell = self.reply if from_business else self.message
        return [tell(message, place, text_of(message.get("group_id")), historical=True)]

    def tell(
        self,
        event_id: str,
        event_type: EventType,
        at: EpochMs,
        place: str,
        customer: str | None,
        by: tuple[ActorKind, str | None],
        **said: Any,
    ) -> InteractionEvent:
        """An event in the chat with a customer or a group."""
        number = required(self.metadata.get("phone_number_id"), "metadata.phone_number_id")
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=f"{number}:{place}",
            channel="whatsapp",
            type=event_type,
            occurred_at=at,
            actor=by[0],
            actor_id=by[1],
            customer_id=customer,
            **said,
        )


def _idle(message: dict[str, Any]) -> str | None:
    """Why a message is ignored; None for one that counts. Raises for a type that nobody has heard of."""
    kind = message.get("type")
    if isinstance(kind, str) and kind in IDLE_MESSAGES:
        return IDLE_MESSAGES[kind]
    if not isinstance(kind, str) or kind not in CONTENT:
        raise unknown("message of the type", kind)
    if kind == "interactive" and object_at(message, "interactive").get("type") == "call_permission_reply":
        return "call_permission"
    return None


def _attributes(message: dict[str, Any]) -> dict[str, str]:
    kind = message["type"]
    for holder, key in TEXTS.get(kind, ()):
        return {"content": kind, **text_length(object_at(message, holder).get(key))}
    return {"content": kind}
