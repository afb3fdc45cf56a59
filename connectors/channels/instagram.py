"""Instagram ("Instagram Platform: webhooks"): direct messages, and comments on the account's media.

A thread of comments is a conversation, named by the comment that began it. A comment of the account's own is an
answer, if it answers one; who of its people wrote it is not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.channels.base import event
from connectors.channels.meta import from_epoch
from connectors.channels.meta_threads import Thread, ThreadChannel
from connectors.channels.payloads import object_at, required, text_length, text_of
from connectors.channels.pieces import Said, codes
from schemas.records import ActorKind, Channel

#: Fields of an account's changes of which nothing asks for an answer → why.
IDLE_FIELDS = codes(
    insights="story_insights",
    # Says neither who mentions nor what: a tag on a medium of somebody else's, not a word to us.
    mention="mentions",
    creator_marketplace="creator_marketplace_invited_creator_onboarding creator_marketplace_projects",
    share="story_share story_shares",
    business_login="business_login",
)


class Instagram(ThreadChannel):
    """Threads with an Instagram account, and comments on its media."""

    vendor: ClassVar[str] = "instagram"
    object_name: ClassVar[str] = "instagram"
    channel: ClassVar[Channel] = "instagram"
    idle_fields: ClassVar[Mapping[str, str]] = IDLE_FIELDS
    comment_fields: ClassVar[frozenset[str]] = frozenset({"comments", "live_comments"})

    def comment(self, value: dict[str, Any], thread: Thread) -> Said:
        """A comment, below a medium or a live video."""
        if not thread.source.options.comments:
            return "comment"
        comment_id, parent = required(value.get("id"), "comment.id"), text_of(value.get("parent_id"))
        author = text_of(object_at(value, "from").get("id"))
        # The account may go by two ids; a comment of its own bears the second one as well.
        has_two_ids = object_at(value, "from").get("self_ig_scoped_id") is not None
        ours = has_two_ids or (author is not None and author == thread.ours)
        if ours and parent is None:
            return "own_comment"
        by: tuple[ActorKind, str | None] = ("human", None) if ours else ("customer", author)
        return [
            event(
                thread.source,
                thread.delivery,
                event_id=f"comment:{comment_id}",
                conversation_id=f"comment:{parent or comment_id}",
                channel="instagram",
                type="message",
                # A comment has no time of its own; the entry's, in seconds, is when it was told of.
                occurred_at=from_epoch(thread.entry.get("time"), "entry.time"),
                actor=by[0],
                actor_id=by[1],
                customer_id=by[1],
                attributes=text_length(value.get("text")),
            )
        ]
