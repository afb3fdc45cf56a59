"""Zendesk: webhooks that are subscribed to Zendesk events.

Documents: "Webhook event types" (ticket and messaging events), "Verifying webhook authenticity". A conversation is a
ticket. One action gives several events whose order is not kept, each with the ticket as it is afterwards in `detail`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.channels.accounts import AccountOptions, check_account, person_or_bot
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Source
from connectors.channels.payloads import (
    from_iso,
    json_object,
    list_at,
    number_of,
    object_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.signatures import base64_hmac, header, require_fresh, require_match
from connectors.channels.telling import LAST, Telling
from schemas.records import ActorKind, Channel, Priority, Status, Survey
from schemas.times import EpochMs

PREFIX = "zen:event-type:"
STATUSES: dict[str, Status] = {
    "new": "open",
    "open": "open",
    "pending": "pending",
    "hold": "on_hold",
    "on-hold": "on_hold",
    "on_hold": "on_hold",
    "solved": "resolved",
    "closed": "closed",
    "archived": "closed",
}
PRIORITIES: dict[str, Priority] = {"low": "low", "normal": "normal", "high": "high", "urgent": "urgent"}
CHANNELS: dict[str, Channel] = {
    "email": "email",
    "mail": "email",
    "web": "web_form",
    "web_form": "web_form",
    "web_widget": "web_form",
    "mobile": "in_app",
    "mobile_sdk": "in_app",
    "ios": "in_app",
    "android": "in_app",
    "chat": "live_chat",
    "chat_transcript": "live_chat",
    "chat_offline_message": "live_chat",
    "native_messaging": "live_chat",
    "messaging": "live_chat",
    "web_messenger": "live_chat",
    "sunshine_conversations_api": "live_chat",
    "answer_bot_for_web_widget": "live_chat",
    "whatsapp": "whatsapp",
    "facebook": "messenger",
    "facebook_message": "messenger",
    "messenger": "messenger",
    "facebook_post": "social",
    "instagram_dm": "instagram",
    "instagram": "instagram",
    "twitter": "x",
    "twitter_dm": "x",
    "twitter_favorite": "x",
    "twitter_like": "x",
    "x_corp": "x",
    "line": "line",
    "telegram": "telegram",
    "sms": "sms",
    "text": "sms",
    "messagebird_sms": "sms",
    "google_rcs": "sms",
    "sunshine_conversations_facebook_messenger": "messenger",
    "sunshine_conversations_twitter_dm": "x",
    "mailgun": "email",
    "twilio": "sms",
    "voice": "voice",
    "phone": "voice",
    "phone_call_inbound": "voice",
    "phone_call_outbound": "voice",
    "voicemail": "voice",
    "any_channel": "social",
    "viber": "social",
    "wechat": "social",
    "kakaotalk": "social",
    "google_business_messages": "social",
    "apple_business_chat": "social",
    "forum": "community",
    "help_center": "community",
    "helpcenter": "community",
    "community": "community",
}
#: What the survey's words are worth on a scale from 0 to 1.
SCORES = {"good": 1.0, "good_with_comment": 1.0, "satisfied": 1.0, "bad": 0.0, "bad_with_comment": 0.0,
          "unsatisfied": 0.0, "dissatisfied": 0.0}  # fmt: skip
#: Ticket events that change no number, by what they are counted as.
IGNORED = {
    "attachment_linked_to_comment": "attachment",
    "attachment_redacted_from_comment": "attachment",
    "brand_changed": "field",
    "comment_made_private": "comment_hidden",
    "comment_redacted": "comment_hidden",
    "csat_requested": "survey_sent",
    "custom_field_changed": "field",
    # What it means is told by status_changed.
    "custom_status_changed": "custom_status",
    "description_changed": "field",
    "email_ccs_changed": "followers",
    "external_id_changed": "field",
    "followers_changed": "followers",
    "form_changed": "field",
    "next_sla_breach_changed": "sla_of_zendesk",
    "ola_policy_changed": "sla_of_zendesk",
    "organization_changed": "field",
    "problem_link_changed": "field",
    "requester_changed": "field",
    "schedule_changed": "sla_of_zendesk",
    "sla_policy_changed": "sla_of_zendesk",
    "subject_changed": "field",
    "submitter_changed": "field",
    "tags_changed": "tags",
    "task_due_at_changed": "field",
    "type_changed": "field",
    # A deletion is final here: facts that were taken back do not come again.
    "undeleted": "undeleted",
}
#: Other kinds of things that Zendesk tells of.
OTHER_DOMAINS = {
    "user": "user",
    "organization": "organization",
    "article": "help_centre",
    "community_post": "help_centre",
    "agent": "agent_state",
    "agent_availability": "agent_state",
    "omnichannel_config": "configuration",
    "custom_object": "custom_object",
    "custom_object_record": "custom_object",
    "live_metrics": "metrics_of_zendesk",
    "voice_metrics": "metrics_of_zendesk",
    "messaging_metrics": "metrics_of_zendesk",
    "support_metrics": "metrics_of_zendesk",
}
#: The tag that a merge puts on the ticket that it closes.
MERGED_AWAY = "closed_by_merge"
NOBODY = frozenset({"0", "-1", "system"})
ACTORS: dict[str, ActorKind] = {"end_user": "customer", "end-user": "customer", "agent": "human", "admin": "human"}


class Zendesk(ChannelConnector[AccountOptions]):
    """Zendesk's event webhooks."""

    vendor = "zendesk"
    Options = AccountOptions

    def verify(self, delivery: Delivery, source: Source[AccountOptions]) -> None:
        """The base64 HMAC-SHA256 of the timestamp, as it stands in its header, and the body."""
        given = header(delivery, "x-zendesk-webhook-signature")
        stamp = header(delivery, "x-zendesk-webhook-signature-timestamp")
        signed = stamp.encode("utf-8", "replace") + delivery.body
        require_match(given, (base64_hmac(each, signed) for each in source.secrets), "x-zendesk-webhook-signature")
        require_fresh(from_iso(stamp, "x-zendesk-webhook-signature-timestamp"), delivery)

    def parse(self, delivery: Delivery, source: Source[AccountOptions]) -> Parsed:
        """One event of a ticket or of a messaging conversation."""
        body = json_object(delivery.body)
        domain, _, name = required(body.get("type"), "type").removeprefix(PREFIX).partition(".")
        check_account(source, body.get("account_id"), "account_id")
        parsed = Parsed()
        if domain == "ticket" and name in IGNORED:
            parsed.ignore(IGNORED[name])
        elif f"{domain}.{name}" in _TELLS:
            _TELLS[f"{domain}.{name}"](_Ticket(delivery, source, body, parsed))
        elif domain in OTHER_DOMAINS:
            parsed.ignore(OTHER_DOMAINS[domain])
        else:
            parsed.park("an event type of Zendesk that is not known", body)
        return parsed


class _Ticket:
    """What one event says of one ticket."""

    def __init__(self, delivery: Delivery, source: Source[Any], body: dict[str, Any], parsed: Parsed) -> None:
        self._source = source
        self._parsed = parsed
        self._body = body
        self._detail = object_at(body, "detail")
        self._said = object_at(body, "event")
        subject = text_of(body.get("subject")) or ""
        self._id = required(self._detail.get("id") or subject.removeprefix("zen:ticket:"), "detail.id")
        self._at_ms: EpochMs = from_iso(body.get("time"), "time")
        self._requester = text_of(self._detail.get("requester_id"))
        channel = CHANNELS.get((text_of(object_at(self._detail, "via").get("channel")) or "").lower(), "other")
        self._telling = Telling(delivery, source, parsed, self._id, channel, self._requester)

    def _created(self) -> None:
        actor, actor_id = self._actor()
        if self._requester is not None and self._requester == text_of(self._detail.get("submitter_id")):
            # Mail comes in by the system, and forms by an integration's user, in the name of the requester.
            actor, actor_id = "customer", self._requester
        name = f"ticket:{self._id}:created"
        self._tell("conversation_started", actor, actor_id, event_id=name, team=self._team())
        assignee = _user(self._detail.get("assignee_id"))
        if actor == "human" and assignee is not None:
            # Of whom an agent gives it to as they open it, no change is told.
            said: dict[str, Any] = {"assignee_id": assignee, "team": self._team(), "sequence": 1}
            self._tell("assigned", actor, actor_id, event_id=f"{name}:assigned", **said)
        status = STATUSES.get((text_of(self._detail.get("status")) or "").lower(), "open")
        if status != "open":
            # A call that is written down afterwards is opened and solved at once, and no change is told of that.
            self._tell("status_changed", actor, actor_id, event_id=f"{name}:status", status=status, sequence=LAST)

    def _comment(self) -> None:
        comment = object_at(self._said, "comment")
        author = object_at(comment, "author")
        author_id = text_of(author.get("id") or comment.get("author_id"))
        staff, public = author.get("is_staff"), comment.get("is_public")
        if not comment:
            self._park("a comment event without a comment")
            return
        actor: ActorKind
        if author_id is None or author_id in NOBODY:
            actor, author_id = "system", None
        elif staff is False or (staff is None and author_id == self._requester):
            actor = "customer"
        else:
            actor = person_or_bot(self._source, author_id)
        comment_id = text_of(comment.get("id"))
        self._tell(
            "note" if public is False else "message",
            actor,
            author_id,
            event_id=None if comment_id is None else f"comment:{comment_id}",
            # Nobody is a trigger or an automation of the account. What is written at a merge answers nothing.
            automated=actor == "system" or self._is_merged_away(),
            attributes=text_length(comment.get("body")),
        )

    def _message(self) -> None:
        actor_of, message = object_at(self._said, "actor"), object_at(self._said, "message")
        actor_id = text_of(actor_of.get("id"))
        stated = (text_of(actor_of.get("type")) or "").lower()
        actor = ACTORS.get(stated)
        automated = False
        if actor == "human":
            actor = person_or_bot(self._source, actor_id)
        elif actor is None and "bot" in (actor_id or "").lower():
            actor = "bot"
        elif actor is None and stated in ("system", "trigger"):
            actor, automated = "system", True
        if actor is None:
            self._park("a message by a type of actor that is not known")
            return
        message_id = text_of(message.get("id"))
        self._tell(
            "message",
            actor,
            actor_id,
            event_id=None if message_id is None else f"message:{message_id}",
            automated=automated,
            channel="live_chat" if self._telling.channel == "other" else self._telling.channel,
            customer_id=self._requester or (actor_id if actor == "customer" else None),
            attributes=text_length(message.get("body")),
        )

    def _agent(self) -> None:
        # The group comes along, and the agent with the group: an assignment says both, so that one action that
        # changes both is one transfer, whichever of its events is the first.
        self._assigned(_user(self._said.get("current")), self._team())

    def _group(self) -> None:
        self._assigned(_user(self._detail.get("assignee_id")), _user(self._said.get("current")))

    def _assigned(self, assignee: str | None, team: str | None) -> None:
        # Who answers takes the ticket by that: the answer comes first, and ends the wait as long as it was.
        self._tell("assigned", *self._actor(), assignee_id=assignee, team=team, sequence=1)

    def _status(self) -> None:
        word = (text_of(self._said.get("current")) or "").lower()
        if word == "deleted":
            self._deleted()
        elif word in STATUSES and self._is_merged_away():
            # The merge has an event of its own, at the same moment; a close before it would be a resolution.
            name = f"ticket:{self._id}:merged:status"
            self._tell("merged", *self._actor(), event_id=name, sequence=LAST)
        elif word in STATUSES:
            self._tell("status_changed", *self._actor(), status=STATUSES[word], sequence=LAST)
        else:
            self._park("a status that is not known")

    def _priority_changed(self) -> None:
        priority = PRIORITIES.get((text_of(self._said.get("current")) or "").lower())
        if priority is None:
            self._parsed.ignore("priority_removed")
        else:
            # `note` changes nothing but what the conversation knows of itself.
            self._tell("note", "system", priority=priority)

    def _survey(self) -> None:
        answer = _answer(self._said)
        word, number = (text_of(answer) or "").lower(), number_of(answer)
        survey_id = text_of(self._said.get("survey_id")) or f"ticket:{self._id}"
        if word in SCORES:
            survey = Survey("csat", SCORES[word], 0.0, 1.0, survey_id)
        elif number is not None:
            survey = Survey("csat", number, 1.0, 5.0, survey_id)
        else:
            self._park("a survey's answer without a score that is known")
            return
        self._tell("survey_answered", "customer", self._requester, survey=survey)

    def _merged(self) -> None:
        target = self._said.get("target_ticket_id") or self._said.get("current")
        self._tell(
            "merged",
            *self._actor(),
            event_id=f"ticket:{self._id}:merged",
            merged_into=text_of(target),
            sequence=LAST,
        )

    def _is_merged_away(self) -> bool:
        return MERGED_AWAY in list_at(self._detail, "tags")

    def _spam(self) -> None:
        self._tell("status_changed", *self._actor(), status="spam")

    def _deleted(self) -> None:
        self._tell("deleted", *self._actor())

    def _tell(
        self, kind: Any, actor: ActorKind, actor_id: str | None = None, *, event_id: str | None = None, **said: Any
    ) -> None:
        # Zendesk gives every event an id; what it tells of is the better name where it has one, because two
        # webhooks on the same event then say the same.
        name = event_id or required(self._body.get("id"), "id")
        said.setdefault("priority", PRIORITIES.get((text_of(self._detail.get("priority")) or "").lower()))
        self._telling.tell(name, kind, self._at_ms, actor, actor_id, **said)

    def _park(self, detail: str) -> None:
        self._parsed.park(detail, self._body)

    def _actor(self) -> tuple[ActorKind, str | None]:
        found = text_of(self._said.get("actor_id") or self._detail.get("actor_id"))
        if found is None or found in NOBODY:
            return "system", None
        if found == self._requester:
            return "customer", found
        return person_or_bot(self._source, found), found

    def _team(self) -> str | None:
        return _user(self._detail.get("group_id"))


_TELLS: Mapping[str, Callable[[_Ticket], None]] = {
    "ticket.created": _Ticket._created,
    "ticket.comment_added": _Ticket._comment,
    "messaging_ticket.message_added": _Ticket._message,
    "ticket.agent_assignment_changed": _Ticket._agent,
    "ticket.group_assignment_changed": _Ticket._group,
    "ticket.status_changed": _Ticket._status,
    "ticket.priority_changed": _Ticket._priority_changed,
    "ticket.csat_received": _Ticket._survey,
    "ticket.merged": _Ticket._merged,
    "ticket.marked_as_spam": _Ticket._spam,
    "ticket.soft_deleted": _Ticket._deleted,
    "ticket.permanently_deleted": _Ticket._deleted,
}


def _answer(said: dict[str, Any]) -> object:
    """A survey's score, in the event or in an object in it; None if there is none."""
    for name in ("score", "rating", "satisfaction_score", "satisfaction_rating", "current"):
        found = said.get(name)
        if isinstance(found, dict):
            found = _answer(found)
        if found is not None:
            return found
    return None


def _user(found: object) -> str | None:
    """An id of an agent or a group; some events write 0 for nobody."""
    text = text_of(found)
    return None if text in NOBODY else text
