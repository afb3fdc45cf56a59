"""The parts of Intercom's conversations and tickets: what each is, who wrote it, and what it does."""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import person_or_bot
from connectors.channels.base import Source
from connectors.channels.payloads import from_epoch_s, html_length, object_at, objects_at, required, text_of
from connectors.channels.telling import Telling
from schemas.records import ActorKind, Status

AUTHORS: dict[str, ActorKind] = {
    "user": "customer",
    "lead": "customer",
    "contact": "customer",
    "visitor": "customer",
    "admin": "human",
    "teammate": "human",
    "bot": "bot",
    "operator": "bot",
    "fin": "bot",
    "ai_agent": "bot",
    "team": "system",
    "system": "system",
}
#: Parts that are a message where they have a body: most can carry one along with what they do.
MESSAGES = frozenset({"comment", "quick_reply"})
NOTES = frozenset({"note", "note_and_reopen", "note_and_unsnooze"})
#: Parts that change the status, and into what.
STATUSES: dict[str, Status] = {
    "open": "open",
    "opened": "open",
    "close": "closed",
    "closed": "closed",
    "snoozed": "on_hold",
    "unsnoozed": "open",
    "timer_unsnooze": "open",
    "note_and_reopen": "open",
    "note_and_unsnooze": "open",
    "assign_and_reopen": "open",
    "assign_and_unsnooze": "open",
}
#: Parts that assign, beside those whose names end with `assignment`: by hand, by default, in somebody's absence, …
ASSIGNMENTS = frozenset({"assign_and_reopen", "assign_and_unsnooze"})
TICKET_STATES: dict[str, Status] = {
    "submitted": "open",
    "in_progress": "open",
    "waiting_on_customer": "pending",
    "on_hold": "on_hold",
    "resolved": "resolved",
}
#: Parts that only describe: attributes, participants, rules, actions, ratings (which have a topic of their own).
DESCRIBES = (
    "conversation_attribute_updated", "ticket_attribute_updated", "attribute_", "participant_", "custom_action_",
    "conversation_rating", "conversation_tag", "conversation_title", "language_detection", "operator_workflow",
    "fin_", "conversation_sla", "sla_", "message_strip", "conversation_summary", "title_", "priority_", "linked_",
    "ticket_shared", "channel_", "merged_", "conversation_merged", "quick_reply_options", "email_", "side_conversation",
    "company_", "converted_to_", "user_became_idle", "resolution_bot_", "workflow_",
)  # fmt: skip


def author_of(source: Source[Any], found: object) -> tuple[ActorKind, str | None]:
    """Who an author is. Intercom's Operator and Fin may come as an admin with an address of Intercom's own."""
    author = object_at(found)
    kind = AUTHORS.get((text_of(author.get("type")) or "").lower(), "system")
    author_id = text_of(author.get("id"))
    address = text_of(author.get("email")) or ""
    machine = author.get("from_ai_agent") is True or author.get("is_ai_answer") is True
    if kind == "human" and (machine or (address.startswith("operator+") and address.endswith("@intercom.io"))):
        return "bot", author_id
    return (person_or_bot(source, author_id) if kind == "human" else kind), author_id


def assignee_of(source: Source[Any], found: object) -> str | None:
    """The teammate that an id of an assignee names: none for 0, nobody and bots."""
    text = text_of(found)
    return None if text in (None, "0", "-1") or person_or_bot(source, text) == "bot" else text


class Parts:
    """Tells what the parts of one conversation or ticket say."""

    def __init__(self, telling: Telling, item: dict[str, Any]) -> None:
        self._telling = telling
        self._item = item
        self._sequence: int | None = None

    def all(self) -> None:
        """Every part that came along."""
        for part in (
            *objects_at(self._item, "conversation_parts", "conversation_parts"),
            *objects_at(self._item, "ticket_parts", "ticket_parts"),
        ):
            self.one(part)

    def one(self, part: dict[str, Any]) -> None:
        """A part: its message or note, its assignment, its status; or ignored, or parked."""
        kind = (text_of(part.get("part_type")) or "").lower()
        assigns = kind in ASSIGNMENTS or kind.endswith("assignment")
        if not (kind in MESSAGES or kind in NOTES or kind in STATUSES or assigns or "state" in kind):
            if kind.startswith(DESCRIBES):
                self._telling.parsed.ignore("description")
            else:
                self._telling.parsed.park("a part_type of Intercom that is not known", part)
            return
        part_id = required(part.get("id"), "the part's id")
        at_ms = from_epoch_s(part.get("created_at"), "the part's created_at")
        # Times are whole seconds; ids grow.
        self._sequence = int(part_id) if part_id.isdecimal() and len(part_id) < 19 else None
        actor, actor_id = author_of(self._telling.source, part.get("author"))
        written = bool(part.get("body")) or bool(part.get("attachments"))
        if kind in NOTES:
            self._tell(f"part:{part_id}", "note", at_ms, actor, actor_id, attributes=html_length(part.get("body")))
        elif kind in MESSAGES or written:
            self._tell(
                f"part:{part_id}",
                "message",
                at_ms,
                actor,
                actor_id,
                automated=actor == "system",
                attributes=html_length(part.get("body")),
            )
        if assigns:
            self._assignment(part, part_id, at_ms, actor, actor_id)
        status = STATUSES.get(kind) or (state_of(part) if "ticket_state" in kind else None)
        if status is not None:
            self._tell(f"part:{part_id}:status", "status_changed", at_ms, actor, actor_id, status=status)
        elif "state" in kind and kind not in STATUSES:
            self._telling.parsed.ignore("description")

    def _assignment(
        self, part: dict[str, Any], part_id: str, at_ms: int, actor: ActorKind, actor_id: str | None
    ) -> None:
        to = object_at(part, "assigned_to")
        kind, to_id = (text_of(to.get("type")) or "").lower(), text_of(to.get("id"))
        source = self._telling.source
        # The teammate and the team are assigned apart: each assignment carries the other along.
        assignee = assignee_of(source, self._item.get("admin_assignee_id"))
        team = text_of(self._item.get("team_assignee_id"))
        if kind == "team":
            team = to_id
        elif kind in ("admin", "teammate"):
            assignee = assignee_of(source, to_id)
        elif kind:
            assignee = None
        if actor == "bot" and self._asked() and (assignee or team):
            self._tell(f"part:{part_id}:handoff", "handoff_requested", at_ms, actor, actor_id)
        team = None if team == "0" else team
        self._tell(f"part:{part_id}:assigned", "assigned", at_ms, actor, actor_id, assignee_id=assignee, team=team)

    def _asked(self) -> bool:
        # A workflow also assigns what a campaign sent out: there nobody waits.
        started = text_of(object_at(self._item, "source").get("delivered_as")) == "customer_initiated"
        return started or self._item.get("ai_agent_participated") is True

    def _tell(self, *args: Any, **said: Any) -> None:
        self._telling.tell(*args, sequence=self._sequence, **said)


def state_of(found: dict[str, Any]) -> Status | None:
    """The state of a ticket: a word, or an object with a category."""
    state = found.get("ticket_state")
    category = object_at(found, "ticket_state").get("category") if isinstance(state, dict) else state
    return TICKET_STATES.get((text_of(category) or "").lower())
