"""GitHub issues and discussions ("Webhook events and payloads", "Validating webhook deliveries").

An issue or a discussion is a conversation, named by the repository's id (which outlives a rename) and its number.
Who speaks for the project is said by `author_association`; apps by `user.type`. Pull requests are no support.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from connectors.channels.base import ChannelConnector, ChannelOptions, Delivery, Parsed, Source, event
from connectors.channels.payloads import (
    from_iso,
    json_object,
    list_at,
    object_at,
    objects_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.signatures import header, hex_hmac, require_match
from schemas.errors import InvalidEvent, MalformedRecord
from schemas.records import ActorKind, EventType, InteractionEvent, Priority, Status
from schemas.times import EpochMs

#: `author_association` of those who answer. Everybody else asks.
STAFF = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
#: Why something was closed → our status. A reason that is not here, or none, means that it was done.
CLOSED: Mapping[str, Status] = {"not_planned": "closed", "duplicate": "closed", "outdated": "closed"}
#: Actions of `issues` and `discussion` that tell nothing of waiting or answering.
IDLE_ACTIONS = frozenset(
    {"edited", "pinned", "unpinned", "unlocked", "milestoned", "demilestoned", "typed", "untyped", "category_changed"}
    | {"field_added", "field_removed", "added_to_project_v2", "removed_from_project_v2"}
)
COMMENT_EVENTS = frozenset({"issue_comment", "discussion_comment"})
#: The documented events of which nothing concerns support.
OTHER_EVENTS = frozenset(
    """branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment
    create custom_property custom_property_values delete dependabot_alert deploy_key deployment
    deployment_protection_rule deployment_review deployment_status fork github_app_authorization gollum
    installation installation_repositories
    installation_target issue_dependencies label marketplace_purchase member membership merge_group meta milestone
    org_block organization package page_build personal_access_token_request project project_card project_column
    projects_v2 projects_v2_item projects_v2_status_update public pull_request pull_request_review
    pull_request_review_comment pull_request_review_thread push registry_package release repository
    repository_advisory repository_dispatch repository_import repository_ruleset repository_vulnerability_alert
    secret_scanning_alert secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis
    sponsorship star status sub_issues team team_add watch workflow_dispatch workflow_job workflow_run""".split()  # noqa: SIM905
)
#: What orders events of one second: GitHub's times have no fractions.
_OPENED, _SAID, _ASSIGNED, _STATUS, _MOVED = range(5)


class GitHubOptions(ChannelOptions):
    """Labels that say a priority, a team or spam, and apps whose comments answer nobody."""

    priority_labels: Mapping[str, Priority] = {}
    team_labels: Mapping[str, str] = {}
    spam_labels: frozenset[str] = frozenset({"spam"})
    automation: frozenset[str] = frozenset(
        {"dependabot[bot]", "github-actions[bot]", "renovate[bot]", "stale[bot]", "codecov[bot]"}
    )


class _Piece:
    """One delivery, with what every event of it needs."""

    def __init__(self, payload: dict[str, Any], delivery: Delivery, source: Source[GitHubOptions], kind: str) -> None:
        self.payload, self.delivery, self.source = payload, delivery, source
        #: `issue` or `discussion`.
        self.kind = kind
        self.topic = object_at(payload, kind)
        self.repository = object_at(payload, "repository")
        self.id = required(self.topic.get("id"), f"{kind}.id")
        self.conversation_id = conversation_id(self.repository, self.topic)

    @property
    def updated_at(self) -> EpochMs:
        """When the topic was last changed: for most actions, GitHub's only word on when they happened."""
        return from_iso(self.topic.get("updated_at"), f"{self.kind}.updated_at")

    def name(self, *parts: object) -> str:
        """An event_id: the same whichever webhook tells it, so not the delivery's own."""
        return "/".join((self.kind, self.id, *map(str, parts)))

    def sender(self) -> tuple[ActorKind, str | None]:
        """Who did it. Nobody but the author and the project can change an issue."""
        sender = object_at(self.payload, "sender")
        actor_id = text_of(sender.get("id"))
        if _is_bot(sender):
            return "bot", actor_id
        author = object_at(self.topic, "user")
        if actor_id is not None and actor_id == text_of(author.get("id")):
            return _kind_of(author, self.topic), actor_id
        return "human", actor_id

    def tell(
        self, event_id: str, event_type: EventType, at: EpochMs, by: tuple[ActorKind, str | None], **said: Any
    ) -> InteractionEvent:
        """An event of this topic, with the team and the priority that its labels say."""
        author = object_at(self.topic, "user")
        if said.get("customer_id") is None and _kind_of(author, self.topic) == "customer":
            said["customer_id"] = text_of(author.get("id"))
        said.setdefault("attributes", {})
        full_name = text_of(self.repository.get("full_name"))
        if full_name is not None:
            said["attributes"] = {**said["attributes"], "repository": full_name}
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=self.conversation_id,
            channel="community",
            type=event_type,
            occurred_at=at,
            actor=by[0],
            actor_id=by[1],
            **_labelled(self.topic, self.source.options),
            **said,
        )


class GitHub(ChannelConnector[GitHubOptions]):
    """GitHub's webhooks of a repository, an organization or an app."""

    vendor = "github"
    Options = GitHubOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"application/json", "application/x-www-form-urlencoded"})

    def verify(self, delivery: Delivery, source: Source[GitHubOptions]) -> None:
        """`X-Hub-Signature-256: sha256=` and the HMAC of the raw body in hexadecimal."""
        given = header(delivery, "x-hub-signature-256")
        require_match(
            given, ("sha256=" + hex_hmac(secret, delivery.body) for secret in source.secrets), "the signature"
        )

    def parse(self, delivery: Delivery, source: Source[GitHubOptions]) -> Parsed:
        """One delivery is one event of GitHub's, and at most one of ours."""
        payload = json_object(_json_of(delivery.body))
        name = delivery.headers.get("x-github-event") or _guess(payload)
        parsed = Parsed()
        if name == "ping":
            parsed.ignore("ping")
        elif name in OTHER_EVENTS:
            parsed.ignore("not_support")
        elif name in COMMENT_EVENTS:
            _comment(_Piece(payload, delivery, source, name.removesuffix("_comment")), parsed)
        elif name in {"issues", "discussion"}:
            _topic(_Piece(payload, delivery, source, name.removesuffix("s")), parsed)
        else:
            parsed.park("an event of GitHub's that is not known", payload)
        return parsed


def conversation_id(repository: Mapping[str, Any], topic: Mapping[str, Any]) -> str:
    """The repository's id and the number, which issues and discussions share."""
    place = text_of(repository.get("id")) or text_of(repository.get("full_name"))
    return f"{required(place, 'repository.id')}#{required(topic.get('number'), 'number')}"


def _json_of(body: bytes) -> bytes:
    """GitHub can also send the JSON as the field `payload` of a form."""
    if not body.startswith(b"payload="):
        return body
    try:
        return parse_qs(body.decode("ascii"), strict_parsing=True)["payload"][0].encode("utf-8", "replace")
    except (ValueError, KeyError):
        raise MalformedRecord("the body begins like a form and is none") from None


def _guess(payload: Mapping[str, Any]) -> str:
    """The event by its shape, where a proxy has eaten the header."""
    if "zen" in payload:
        return "ping"
    for kind, name in (("discussion", "discussion"), ("issue", "issues")):
        if kind in payload:
            return f"{kind}_comment" if "comment" in payload else name
    raise InvalidEvent("the header X-GitHub-Event is missing, and the body is neither an issue nor a discussion")


def _comment(piece: _Piece, parsed: Parsed) -> None:
    comment = object_at(piece.payload, "comment")
    action = text_of(piece.payload.get("action")) or ""
    if "pull_request" in piece.topic:
        parsed.ignore("pull_request")
    elif action == "created":
        author = object_at(comment, "user")
        who, automated = _kind_of(author, comment), _is_automation(author, piece.source.options)
        parsed.events.append(
            piece.tell(
                f"{piece.kind}_comment/{required(comment.get('id'), 'comment.id')}",
                "message",
                from_iso(comment.get("created_at"), "comment.created_at"),
                (who, text_of(author.get("id"))),
                customer_id=text_of(author.get("id")) if who == "customer" else None,
                automated=automated,
                sequence=_SAID,
                attributes=text_length(comment.get("body")),
            )
        )
    elif action in {"edited", "deleted", "pinned", "unpinned"}:
        # Of a deletion too: that somebody once asked or answered is not undone, and the conversation goes on.
        parsed.ignore(f"comment_{action}")
    else:
        parsed.park("an action on a comment that is not known", piece.payload)


def _topic(piece: _Piece, parsed: Parsed) -> None:
    action = text_of(piece.payload.get("action")) or ""
    if "pull_request" in piece.topic:
        parsed.ignore("pull_request")
    elif action in _ACTIONS:
        found = _ACTIONS[action](piece)
        parsed.ignore(action) if found is None else parsed.events.append(found)
    elif action in IDLE_ACTIONS:
        parsed.ignore(action)
    else:
        parsed.park(f"an action on an {piece.kind} that is not known", piece.payload)


def _opened(piece: _Piece) -> InteractionEvent:
    author = object_at(piece.topic, "user")
    return piece.tell(
        piece.name("opened"),
        "conversation_started",
        from_iso(piece.topic.get("created_at"), "created_at"),
        (_kind_of(author, piece.topic), text_of(author.get("id"))),
        automated=_is_automation(author, piece.source.options),
        sequence=_OPENED,
        attributes=text_length(piece.topic.get("body")),
    )


def _assigned(piece: _Piece) -> InteractionEvent:
    """The person who stands first among the assignees: a second one who joins is no transfer, an app is nobody."""
    who = object_at(piece.payload, "assignee")
    owners = objects_at(piece.topic, "assignees")
    if piece.payload["action"] == "unassigned":
        # Some payloads still list whoever has just left.
        owners = [each for each in owners if each.get("id") != who.get("id")]
    else:
        owners = owners or [who]
    return piece.tell(
        piece.name(piece.payload["action"], text_of(who.get("id")), piece.updated_at),
        "assigned",
        piece.updated_at,
        piece.sender(),
        assignee_id=_owner(owners),
        sequence=_ASSIGNED,
    )


def _owner(assignees: Iterable[Mapping[str, Any]]) -> str | None:
    return next((text_of(each.get("id")) for each in assignees if not _is_bot(each)), None)


def _status(piece: _Piece, status: Status, at: EpochMs) -> InteractionEvent:
    reason = text_of(piece.topic.get("state_reason"))
    return piece.tell(
        piece.name(status, at),
        "status_changed",
        at,
        piece.sender(),
        status=status,
        sequence=_STATUS,
        attributes={} if reason is None else {"state_reason": reason},
    )


def _closed(piece: _Piece) -> InteractionEvent:
    closed_at = piece.topic.get("closed_at")
    # Discussions carry no time of closing.
    at = piece.updated_at if closed_at is None else from_iso(closed_at, "closed_at")
    return _status(piece, CLOSED.get(str(piece.topic.get("state_reason")), "resolved"), at)


def _answered(piece: _Piece) -> InteractionEvent:
    chosen_at = piece.topic.get("answer_chosen_at")
    at = piece.updated_at if chosen_at is None else from_iso(chosen_at, "answer_chosen_at")
    return _status(piece, "resolved", at)


def _reopened(piece: _Piece) -> InteractionEvent:
    return _status(piece, "open", piece.updated_at)


def _unanswered(piece: _Piece) -> InteractionEvent | None:
    """A discussion that is closed stays so without its answer."""
    return None if piece.topic.get("state") == "closed" else _reopened(piece)


def _labelled_now(piece: _Piece) -> InteractionEvent | None:
    """A label that says something, put on or taken off."""
    options = piece.source.options
    label = text_of(object_at(piece.payload, "label").get("name")) or ""
    put_on = piece.payload.get("action") == "labeled"
    if put_on and label in options.spam_labels:
        return _status(piece, "spam", piece.updated_at)
    if not put_on or label not in {*options.team_labels, *options.priority_labels}:
        return None
    said: dict[str, Any] = {"sequence": _ASSIGNED}
    if label in options.team_labels:
        # `assigned` says both at once: whoever has it keeps it.
        said["assignee_id"] = _owner(objects_at(piece.topic, "assignees") or [object_at(piece.topic, "assignee")])
    return piece.tell(
        piece.name("labeled", label, piece.updated_at),
        "assigned" if label in options.team_labels else "note",
        piece.updated_at,
        piece.sender(),
        **said,
    )


def _locked(piece: _Piece) -> InteractionEvent | None:
    return _status(piece, "spam", piece.updated_at) if piece.topic.get("active_lock_reason") == "spam" else None


def _deleted(piece: _Piece) -> InteractionEvent:
    return piece.tell(piece.name("deleted"), "deleted", piece.updated_at, piece.sender(), sequence=_MOVED)


def _transferred(piece: _Piece) -> InteractionEvent:
    changes = object_at(piece.payload, "changes")
    moved = conversation_id(object_at(changes, "new_repository"), object_at(changes, f"new_{piece.kind}"))
    return piece.tell(
        piece.name("transferred"), "merged", piece.updated_at, piece.sender(), merged_into=moved, sequence=_MOVED
    )


_ACTIONS: Mapping[str, Callable[[_Piece], InteractionEvent | None]] = {
    "opened": _opened,
    "created": _opened,
    "assigned": _assigned,
    "unassigned": _assigned,
    "closed": _closed,
    "answered": _answered,
    "reopened": _reopened,
    "unanswered": _unanswered,
    "labeled": _labelled_now,
    "unlabeled": _labelled_now,
    "locked": _locked,
    "deleted": _deleted,
    "transferred": _transferred,
}


def _is_bot(user: Mapping[str, Any]) -> bool:
    return user.get("type") == "Bot" or str(user.get("login")).endswith("[bot]")


def _is_automation(user: Mapping[str, Any], options: GitHubOptions) -> bool:
    return user.get("login") in options.automation if isinstance(user.get("login"), str) else False


def _kind_of(user: Mapping[str, Any], written: Mapping[str, Any]) -> ActorKind:
    """Who wrote an issue, a discussion or a comment. An account that is gone was somebody who asked."""
    if _is_bot(user):
        return "bot"
    return "human" if text_of(written.get("author_association")) in STAFF else "customer"


def _labelled(topic: Mapping[str, Any], options: GitHubOptions) -> dict[str, Any]:
    """Team and priority by the labels that are on; the first one that says something."""
    names = [
        text_of(each.get("name")) if isinstance(each, dict) else text_of(each) for each in list_at(topic, "labels")
    ]
    said: dict[str, Any] = {}
    for name in reversed([name for name in names if name is not None]):
        if name in options.team_labels:
            said["team"] = options.team_labels[name]
        if name in options.priority_labels:
            said["priority"] = options.priority_labels[name]
    return said
