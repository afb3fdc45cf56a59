"""GitHub for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.github import GitHub, GitHubOptions
from connectors.channels.signatures import hex_hmac
from tests.connectors.channels.case import Sample, VendorCase

REPOSITORY = {"id": 7001, "full_name": "acme/widgets", "owner": {"login": "acme", "id": 70}}
ASKER = {"login": "asker", "id": 501, "type": "User"}
HELPER = {"login": "helper", "id": 601, "type": "User"}
OTHER_HELPER = {"login": "second", "id": 602, "type": "User"}
BOT = {"login": "triage[bot]", "id": 901, "type": "Bot"}


def issue(**changes: Any) -> dict[str, Any]:
    """An issue that a stranger has opened."""
    return {
        "id": 31,
        "number": 12,
        "title": "It does not start",
        "user": ASKER,
        "labels": [],
        "state": "open",
        "assignee": None,
        "assignees": [],
        "created_at": "2026-03-02T08:00:00Z",
        "updated_at": "2026-03-02T08:00:00Z",
        "closed_at": None,
        "author_association": "NONE",
        "active_lock_reason": None,
        "state_reason": None,
        "body": "After the update it stays dark.",
        **changes,
    }


def discussion(**changes: Any) -> dict[str, Any]:
    """A discussion that a stranger has begun."""
    found = issue(id=41, number=13, answer_chosen_at=None, **changes)
    del found["closed_at"], found["assignees"], found["assignee"]
    return found


def comment(number: int, user: dict[str, Any] | None, association: str, at: str, **changes: Any) -> dict[str, Any]:
    """A comment of an issue or a discussion."""
    return {
        "id": number,
        "user": user,
        "author_association": association,
        "created_at": at,
        "updated_at": at,
        "body": "A word.",
        **changes,
    }


def sample(name: str, event: str, payload: dict[str, Any], *types: str, **more: Any) -> Sample:
    """A request for an event of GitHub's."""
    body = json.dumps({"repository": REPOSITORY, "sender": HELPER, **payload}).encode()
    headers = {"x-github-event": event, "x-github-delivery": f"guid-{name}", "content-type": "application/json"}
    return Sample(name, body, tuple(types), headers=headers, **more)


def sign(one: Sample, secret: bytes) -> Delivery:
    """The request as GitHub sends it."""
    headers = {**one.headers, "x-hub-signature-256": "sha256=" + hex_hmac(secret, one.body)}
    return Delivery("POST", "https://hooks.example/v1/hooks/github/main", headers, one.body, one.received_ms)


#: An issue from its opening to its end, a second apart from nothing: what `test_github` folds.
STORY = (
    sample("opened", "issues", {"action": "opened", "issue": issue(), "sender": ASKER}, "conversation_started"),
    sample(
        "triage",
        "issue_comment",
        {
            "action": "created",
            "issue": issue(),
            "comment": comment(801, {**BOT, "login": "stale[bot]"}, "NONE", "2026-03-02T08:00:05Z"),
            "sender": BOT,
        },
        "message",
    ),
    sample(
        "assigned",
        "issues",
        {
            "action": "assigned",
            "issue": issue(assignee=HELPER, assignees=[HELPER], updated_at="2026-03-02T08:10:00Z"),
            "assignee": HELPER,
        },
        "assigned",
    ),
    sample(
        "answered",
        "issue_comment",
        {
            "action": "created",
            "issue": issue(assignees=[HELPER]),
            "comment": comment(802, HELPER, "MEMBER", "2026-03-02T08:30:00Z"),
        },
        "message",
    ),
    sample(
        "asked-again",
        "issue_comment",
        {
            "action": "created",
            "issue": issue(assignees=[HELPER]),
            "comment": comment(803, ASKER, "NONE", "2026-03-02T08:40:00Z"),
            "sender": ASKER,
        },
        "message",
    ),
    sample(
        "answered-again",
        "issue_comment",
        {
            "action": "created",
            "issue": issue(assignees=[HELPER]),
            "comment": comment(804, HELPER, "COLLABORATOR", "2026-03-02T08:45:00Z"),
        },
        "message",
    ),
    sample(
        "closed",
        "issues",
        {
            "action": "closed",
            "issue": issue(
                assignees=[HELPER],
                state="closed",
                state_reason="completed",
                closed_at="2026-03-02T08:50:00Z",
                updated_at="2026-03-02T08:50:00Z",
            ),
        },
        "status_changed",
    ),
)

CASE = VendorCase(
    connector=GitHub(),
    sign=sign,
    options=GitHubOptions(priority_labels={"urgent": "urgent"}, team_labels={"area/billing": "billing"}),
    samples=(
        *STORY,
        sample(
            "reopened",
            "issues",
            {"action": "reopened", "issue": issue(updated_at="2026-03-02T08:55:00Z"), "sender": ASKER},
            "status_changed",
        ),
        sample(
            "unassigned",
            "issues",
            {"action": "unassigned", "issue": issue(updated_at="2026-03-02T08:56:00Z"), "assignee": HELPER},
            "assigned",
        ),
        sample(
            "labelled-team",
            "issues",
            {
                "action": "labeled",
                "label": {"name": "area/billing"},
                "issue": issue(labels=[{"name": "area/billing"}], updated_at="2026-03-02T08:57:00Z"),
            },
            "assigned",
        ),
        sample(
            "labelled-priority",
            "issues",
            {
                "action": "labeled",
                "label": {"name": "urgent"},
                "issue": issue(labels=[{"name": "urgent"}], updated_at="2026-03-02T08:57:30Z"),
            },
            "note",
        ),
        sample(
            "labelled-otherwise",
            "issues",
            {"action": "labeled", "label": {"name": "bug"}, "issue": issue(labels=[{"name": "bug"}])},
            ignored=("labeled",),
        ),
        sample(
            "spam",
            "issues",
            {"action": "labeled", "label": {"name": "spam"}, "issue": issue(number=14, id=33)},
            "status_changed",
        ),
        sample("locked", "issues", {"action": "locked", "issue": issue()}, ignored=("locked",)),
        sample("edited", "issues", {"action": "edited", "issue": issue()}, ignored=("edited",)),
        sample("deleted", "issues", {"action": "deleted", "issue": issue(number=15, id=34)}, "deleted"),
        sample(
            "transferred",
            "issues",
            {
                "action": "transferred",
                "issue": issue(number=16, id=35),
                "changes": {"new_issue": {"id": 36, "number": 3}, "new_repository": {"id": 7002}},
            },
            "merged",
        ),
        sample(
            "comment-edited",
            "issue_comment",
            {
                "action": "edited",
                "issue": issue(),
                "comment": comment(802, HELPER, "MEMBER", "2026-03-02T08:30:00Z"),
            },
            ignored=("comment_edited",),
        ),
        sample(
            "on-a-pull-request",
            "issue_comment",
            {
                "action": "created",
                "issue": issue(pull_request={"url": "u"}),
                "comment": comment(805, ASKER, "NONE", "2026-03-02T08:30:00Z"),
            },
            ignored=("pull_request",),
        ),
        sample(
            "discussion",
            "discussion",
            {"action": "created", "discussion": discussion(), "sender": ASKER},
            "conversation_started",
        ),
        sample(
            "discussion-comment",
            "discussion_comment",
            {
                "action": "created",
                "discussion": discussion(),
                "comment": comment(851, HELPER, "OWNER", "2026-03-02T08:20:00Z"),
            },
            "message",
        ),
        sample(
            "discussion-answered",
            "discussion",
            {
                "action": "answered",
                "discussion": {**discussion(), "answer_chosen_at": "2026-03-02T08:25:00Z"},
                "sender": ASKER,
            },
            "status_changed",
        ),
        sample("ping", "ping", {"zen": "Keep it simple.", "hook_id": 5}, ignored=("ping",)),
        sample("star", "star", {"action": "created"}, ignored=("not_support",)),
        sample("unknown-event", "teleportation", {"action": "begun"}, parked=1),
        sample("unknown-action", "issues", {"action": "sublimated", "issue": issue()}, parked=1),
    ),
)
