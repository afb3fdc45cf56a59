"""Freshdesk: product events that a serverless app passes on, and the webhooks of automation rules.

Documents: "Product events" (onTicket…, onConversation…), "Webhooks in automation rules", "Tickets" and "Conversations"
of the REST API. A conversation of ours is a ticket; what Freshdesk calls one is a single message or note in it. Nothing
is signed: a secret of ours comes along.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from connectors.channels.accounts import AccountOptions, check_account, person_or_bot
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.forms import form_fields
from connectors.channels.freshdesk_codes import CHANNELS, priority_of, status_of
from connectors.channels.freshdesk_rules import FORM, Rule, rule_of
from connectors.channels.payloads import (
    fingerprint,
    from_iso,
    html_length,
    json_object,
    list_at,
    number_of,
    object_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.signatures import require_shared_secret
from connectors.channels.telling import LAST, Telling
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, Channel, Survey
from schemas.times import EpochMs

#: A ticket that begins with an e-mail of ours.
OUTBOUND = frozenset({"10", "outbound email"})
#: Sources of a conversation (a message): what a survey said, and what went on to somebody else.
SURVEY_COMMENT, FORWARDED = "6", "8"
#: Answers of Freshdesk's surveys, from extremely unhappy to extremely happy.
RATINGS = {"103": 3.0, "102": 2.0, "101": 1.0, "100": 0.0, "-101": -1.0, "-102": -2.0, "-103": -3.0}
IGNORED_DATA = {
    "contact": "contact",
    "company": "company",
    "agent": "agent_state",
    "user": "agent_state",
    "group": "configuration",
    "ticket_field": "configuration",
    "time_entry": "time_entry",
    "product": "configuration",
}
IGNORED_EVENTS = {
    "onexternalevent": "external_event",
    "onscheduledevent": "app",
    "onappinstall": "app",
    "onappuninstall": "app",
    "afterappupdate": "app",
    "onsettingsupdate": "app",
}
NOBODY = frozenset({"-1", "0"})


class FreshdeskOptions(AccountOptions):
    """`statuses`: what an account's own statuses mean, by number or name.

    >>> FreshdeskOptions(statuses={"8": "on_hold"})
    """

    statuses: dict[str, Literal["open", "pending", "on_hold", "resolved", "closed", "spam"]] = Field(
        default_factory=dict
    )


class Freshdesk(ChannelConnector[FreshdeskOptions]):
    """Freshdesk's product events and rules."""

    vendor = "freshdesk"
    Options = FreshdeskOptions
    content_types = frozenset({"application/json", FORM})

    def verify(self, delivery: Delivery, source: Source[FreshdeskOptions]) -> None:
        """Freshdesk signs nothing: the app or the rule sends a secret of ours along."""
        require_shared_secret(delivery, source)

    def parse(self, delivery: Delivery, source: Source[FreshdeskOptions]) -> Parsed:
        """One product event, or what a rule sends."""
        a_form = delivery.headers.get("content-type", "").lower().startswith(FORM)
        body = rule_of(form_fields(delivery.body)) if a_form else json_object(delivery.body)
        check_account(source, body.get("account_id"), "account_id")
        parsed = Parsed()
        # Of several changes in one second, `timestamp` tells which is the later one.
        data = {**object_at(body, "data"), "timestamp": body.get("timestamp")}
        name = (text_of(body.get("event")) or "").lower()
        rule = object_at(body, "freshdesk_webhook") or (body if "ticket_id" in body else {})
        ignored = next((code for key, code in IGNORED_DATA.items() if isinstance(data.get(key), dict)), None)
        if name in IGNORED_EVENTS:
            parsed.ignore(IGNORED_EVENTS[name])
        elif isinstance(data.get("conversation"), dict):
            _Ticket(delivery, source, data, object_at(data, "conversation"), "ticket_id", parsed).message(name)
        elif "satisfaction_rating" in data or "survey_result" in data:
            rating = object_at(data, "satisfaction_rating") or object_at(data, "survey_result")
            _Ticket(delivery, source, data, rating, "ticket_id", parsed).rating()
        elif isinstance(data.get("ticket"), dict):
            _Ticket(delivery, source, data, object_at(data, "ticket"), "id", parsed).ticket(name)
        elif rule:
            Rule(delivery, source, rule, parsed).tell()
        elif ignored is not None:
            parsed.ignore(ignored)
        elif not name and "data" not in body:
            raise InvalidEvent("neither event nor data nor ticket_id: this is nothing that Freshdesk sends")
        else:
            parsed.park("a product event of Freshdesk that is not known", body)
        return parsed


class _Ticket:
    """What a delivery says of one ticket. `found` is the ticket, or a piece of it that names it at `id_field`."""

    def __init__(
        self,
        delivery: Delivery,
        source: Source[Any],
        data: dict[str, Any],
        found: dict[str, Any],
        id_field: str,
        parsed: Parsed,
    ) -> None:
        self._source = source
        self._received_at = delivery.received_at
        self._data = data
        self._found = found
        self._parsed = parsed
        ticket = object_at(data, "ticket")
        self._id = required(found.get(id_field), id_field)
        self._requester = text_of(found.get("requester_id") or ticket.get("requester_id"))
        how = (text_of(ticket.get("source") or found.get("ticket_source")) or "").lower()
        self._outbound = how in OUTBOUND
        self._telling = Telling(delivery, source, parsed, self._id, CHANNELS.get(how, "other"), self._requester)

    def message(self, name: str) -> None:
        """Freshdesk's conversation: a reply, a public note (a reply too) or a private note."""
        found = self._found
        kind = text_of(found.get("source"))
        if name == "onconversationdelete" or found.get("deleted") is True:
            self._parsed.ignore("message_deleted")
            return
        if kind == SURVEY_COMMENT:
            self._parsed.ignore("survey_comment")
            return
        author = text_of(found.get("user_id"))
        incoming = _true(found.get("incoming"))
        actor: ActorKind = "customer" if incoming else person_or_bot(self._source, author)
        automated = _true(found.get("auto_response")) or text_of(found.get("automation_id")) is not None
        if not incoming and (author is None or author in NOBODY):
            actor, author, automated = "system", None, True
        note = _true(found.get("private")) or kind == FORWARDED
        plain = found.get("body_text")
        self._telling.tell(
            f"conversation:{required(found.get('id'), 'conversation.id')}",
            "note" if note else "message",
            from_iso(found.get("created_at"), "conversation.created_at"),
            actor,
            author,
            # The piece does not say how the ticket came in; nearly all come by mail, and so does this where it has an
            # address.
            channel=self._piece_channel(),
            automated=automated,
            customer_id=author if incoming else self._requester,
            attributes=text_length(plain) if isinstance(plain, str) else html_length(found.get("body")),
        )

    def _piece_channel(self) -> Channel:
        if self._telling.channel != "other":
            return self._telling.channel
        written = self._found.get("from_email") or self._found.get("support_email") or list_at(self._found, "to_emails")
        return "email" if written else "other"

    def ticket(self, name: str) -> None:
        """A ticket that was made, changed or deleted."""
        if name == "onticketdelete":
            self._tell("deleted", "deleted", "")
        elif name == "onticketcreate" or (name == "" and not self._changes()):
            self._created()
        elif name in ("onticketupdate", ""):
            self._changed(self._changes())
        else:
            self._parsed.park("a product event of Freshdesk that is not known", self._data)

    def _created(self) -> None:
        at_ms = from_iso(self._found.get("created_at"), "ticket.created_at")
        actor: ActorKind = "human" if self._outbound else "customer"
        actor_id = text_of(self._found.get("responder_id")) if self._outbound else self._requester
        said = {"priority": priority_of(self._found.get("priority")), "team": self._user("group_id")}
        # Several things at one instant: `sequence` keeps them in this order.
        self._telling.tell(f"ticket:{self._id}:created", "conversation_started", at_ms, actor, actor_id, **said)
        if self._outbound:
            text = text_length(self._found.get("description_text"))
            self._telling.tell(
                f"ticket:{self._id}:first", "message", at_ms, actor, actor_id, sequence=1, attributes=text
            )
        if self._user("responder_id") is not None:
            self._assigned(f"ticket:{self._id}:created:assigned", at_ms, sequence=2)
        status = "spam" if self._found.get("spam") is True else status_of(self._found.get("status"), self._source)
        if status not in (None, "open"):
            name = f"ticket:{self._id}:created:status"
            self._telling.tell(name, "status_changed", at_ms, "system", status=status, sequence=LAST)

    def _changed(self, changes: dict[str, Any]) -> None:
        at_ms = self._now()
        # Without an instant of its own, a change is known by what it says.
        tag = f":{fingerprint(self._found) if self._found.get('updated_at') is None else at_ms}"
        told = False
        if "deleted" in changes and _after(changes["deleted"]) is True:
            told = self._tell("deleted", "deleted", "")
        if "spam" in changes and _after(changes["spam"]) is True:
            told = self._tell("spam", "status_changed", tag, status="spam")
        if "status" in changes:
            current = self._found.get("status")
            status = status_of(_after(changes["status"]), self._source) or status_of(current, self._source)
            if status is None:
                self._parsed.park("a status that is not known: say in the source's statuses what it means", self._found)
                told = True
            else:
                told = self._tell(status, "status_changed", tag, status=status, sequence=LAST)
        if "responder_id" in changes or "group_id" in changes:
            self._assigned(f"ticket:{self._id}:assigned{tag}", at_ms, changes, self._sequence())
            told = True
        if "priority" in changes:
            # `note` changes nothing but what the conversation knows of itself.
            priority = priority_of(_after(changes["priority"]))
            told = self._tell(f"priority:{priority}", "note", tag, priority=priority) if priority else told
        if not told:
            self._parsed.ignore("other_fields")

    def _assigned(
        self, name: str, at_ms: EpochMs, changes: dict[str, Any] | None = None, sequence: int | None = None
    ) -> None:
        # Agent and group are always said together, so that changing both is one transfer.
        said = {"responder_id": self._user("responder_id"), "group_id": self._user("group_id")}
        for field in said:
            if changes and field in changes:
                said[field] = _user_or_group(_after(changes[field]))
        agent = said["responder_id"]
        if agent is not None and person_or_bot(self._source, agent) == "bot":
            agent = None
        actor, actor_id = self._actor()
        if changes:
            # Times are whole seconds, in which one rule may pass a ticket on to a group and the next one to an agent.
            name = f"{name}:{agent or ''}:{said['group_id'] or ''}"
        self._telling.tell(
            name, "assigned", at_ms, actor, actor_id, assignee_id=agent, team=said["group_id"], sequence=sequence
        )

    def rating(self) -> None:
        """An answer to Freshdesk's survey: seven steps."""
        found = self._found
        answer = text_of(object_at(found, "ratings").get("default_question") or found.get("rating"))
        score = RATINGS.get(answer or "")
        rating_id = required(found.get("id"), "the rating's id")
        if score is None:
            self._parsed.park("a survey's answer without a rating that is known", found)
            return
        # A customer who thinks again changes the same rating.
        at_ms = from_iso(found.get("updated_at") or found.get("created_at"), "created_at")
        survey = Survey("csat", score, -3.0, 3.0, rating_id)
        customer = text_of(found.get("user_id"))
        name = f"rating:{rating_id}:{at_ms}"
        self._telling.tell(name, "survey_answered", at_ms, "customer", customer, survey=survey)

    def _changes(self) -> dict[str, Any]:
        """`{field: [before, after]}`: in the ticket, or beside it and sorted by kind in newer events."""
        found = {**object_at(self._found, "changes"), **object_at(self._data, "changes")}
        for kind in ("model_changes", "system_changes", "misc_changes"):
            found.update(object_at(found, kind))
        return found

    def _tell(self, name: str, kind: Any, tag: str, **said: Any) -> bool:
        self._telling.tell(f"ticket:{self._id}:{name}{tag}", kind, self._now(), *self._actor(), **said)
        return True

    def _actor(self) -> tuple[ActorKind, str | None]:
        actor_id = text_of(object_at(self._data, "actor").get("id"))
        if actor_id is None or actor_id in NOBODY:
            return "system", None
        return ("customer" if actor_id == self._requester else person_or_bot(self._source, actor_id)), actor_id

    def _sequence(self) -> int | None:
        number = number_of(self._data.get("timestamp"))
        return int(number) if number is not None and 0 < number < LAST else None

    def _now(self) -> EpochMs:
        found = self._found.get("updated_at")
        # A deletion may come with the id alone: it has just happened.
        return self._received_at if found is None else from_iso(found, "ticket.updated_at")

    def _user(self, field: str) -> str | None:
        return _user_or_group(self._found.get(field))


def _user_or_group(found: object) -> str | None:
    """An id of an agent or a group; None for nobody."""
    text = text_of(found)
    return None if text in NOBODY else text


def _after(change: object) -> object:
    """The new value of `[before, after]`."""
    return change[-1] if isinstance(change, list) and change else None


def _true(found: object) -> bool:
    return found is True or found in ("true", "1") or (isinstance(found, int) and found == 1)
