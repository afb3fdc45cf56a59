"""Messenger ("Messenger Platform: webhook events"), and what others write on the page ("Page webhooks: feed").

A comment with what answers it is a conversation, and so is what a visitor posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.channels.base import event
from connectors.channels.meta import from_epoch
from connectors.channels.meta_threads import Thread, ThreadChannel
from connectors.channels.payloads import object_at, required, text_length, text_of
from connectors.channels.pieces import Said, codes, unknown
from schemas.records import ActorKind, Channel

#: Fields of a page's changes of which nothing asks for an answer → why.
IDLE_FIELDS = codes(
    told_by_messaging="conversations",
    mention="mention",
    rating="ratings",
    page="""about affiliation attire awards bio birthday category checkins company_overview culinary_team
    current_location description email emails founded general_info general_manager hometown hours
    invoice_access_bank_slip_events invoice_access_invoice_change invoice_access_invoice_draft_change
    invoice_access_onboarding_status_active
    leadgen leadgen_fat live_videos local_delivery location mcom_invoice_change members merchant_review mission name
    page_about_story page_change_proposal page_upcoming_change parking payment_options personal_info personal_interests
    phone picture price_range product_review products public_transit story videos website group_feed""",
    policy="messaging_policy_enforcement",
    template="messenger_template_status_update",
    feedback_on_bot="response_feedback",
    label="inbox_labels",
)
#: What a visitor may leave on the page.
VISITORS_ITEMS = ("post", "status", "photo", "video", "share", "link", "note")
#: Verbs of a comment that write no new one.
IDLE_VERBS = ("edit", "edited", "remove", "delete", "hide", "unhide", "update", "block", "unblock", "mute")


class Messenger(ThreadChannel):
    """Threads with a Facebook page."""

    vendor: ClassVar[str] = "messenger"
    object_name: ClassVar[str] = "page"
    channel: ClassVar[Channel] = "messenger"
    idle_fields: ClassVar[Mapping[str, str]] = IDLE_FIELDS
    comment_fields: ClassVar[frozenset[str]] = frozenset({"feed"})

    def comment(self, value: dict[str, Any], thread: Thread) -> Said:
        """A comment or a visitor's post; everything else is the page's own life."""
        item, verb = value.get("item"), value.get("verb")
        author = text_of(object_at(value, "from").get("id")) or text_of(value.get("sender_id"))
        ours = author is not None and author == thread.ours
        if item != "comment" and not (item in VISITORS_ITEMS and verb == "add" and author is not None and not ours):
            return "page_activity"
        if not thread.source.options.comments:
            return "comment"
        if verb in IDLE_VERBS:
            return "comment_changed"
        if verb != "add":
            raise unknown("verb of a comment", verb)
        by: tuple[ActorKind, str | None] = ("human", None) if ours else ("customer", author)
        name, place = _place(value, ours=ours)
        stamp = value.get("created_time")
        return [
            event(
                thread.source,
                thread.delivery,
                event_id=name,
                conversation_id=place,
                channel="social",
                type="message",
                occurred_at=from_epoch(thread.entry.get("time") if stamp is None else stamp, "created_time"),
                actor=by[0],
                actor_id=by[1],
                customer_id=by[1],
                attributes=text_length(value.get("message")),
            )
        ]


def _place(value: dict[str, Any], *, ours: bool) -> tuple[str, str]:
    """The event_id, and the conversation: for a comment the one that it answers, or else itself."""
    if value.get("item") != "comment":
        post = f"post:{required(value.get('post_id'), 'post_id')}"
        return post, post
    comment_id, post_id = required(value.get("comment_id"), "comment_id"), text_of(value.get("post_id"))
    # A comment's parent is the post, unless it answers another comment.
    parent_id = text_of(value.get("parent_id")) or post_id
    name = f"comment:{comment_id}"
    if parent_id != post_id:
        return name, f"comment:{parent_id}"
    # Directly below a post the page answers the post, and everybody else asks something of their own.
    return name, f"post:{post_id}" if ours and post_id is not None else name
