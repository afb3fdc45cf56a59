"""X, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.signatures import base64_hmac
from connectors.channels.x import X, XOptions
from tests.connectors.channels.case import Sample, VendorCase

US, CUSTOMER, STRANGER = "1000000000000000001", "2000000000000000002", "3000000000000000003"
#: 2026-03-02T08:00:00Z, in milliseconds as messages have them.
BEGAN_MS = 1_772_438_400_000
LABEL = {"affiliation": {"description": "Automated"}}


def old(**lists: Any) -> bytes:
    """A delivery of the Account Activity API."""
    return json.dumps({"for_user_id": US, **lists}).encode()


def new(kind: str, payload: dict[str, Any], **more: Any) -> bytes:
    """A delivery of the X Activity API."""
    data = {"event_uuid": "77", "filter": {"user_id": US}, "event_type": kind, "tag": "t", "payload": payload, **more}
    return json.dumps({"data": data}).encode()


def direct(number: int, after_s: float, sender: str = CUSTOMER, app: str | None = None) -> dict[str, Any]:
    """A direct message, by the customer or by us."""
    inside = {
        "target": {"recipient_id": CUSTOMER if sender == US else US},
        "sender_id": sender,
        "message_data": {"text": "Any news?", "entities": {}},
        **({} if app is None else {"source_app_id": app}),
    }
    stamp = str(BEGAN_MS + round(after_s * 1000))
    return {"type": "message_create", "id": str(5000 + number), "created_timestamp": stamp, "message_create": inside}


def tweet(number: int, second: int, author: str = CUSTOMER, answers: str | None = None, **more: Any) -> dict[str, Any]:
    """A post, as the first API has it."""
    return {
        "created_at": f"Mon Mar 02 08:00:{second:02} +0000 2026",
        "id": 9e18,
        "id_str": str(600000 + number),
        "text": "@us it is broken",
        "user": {"id": 2e18, "id_str": author},
        "in_reply_to_user_id_str": answers,
        "entities": {"user_mentions": [] if author == US else [{"id_str": US}]},
        "lang": "en",
        "timestamp_ms": str(BEGAN_MS + second * 1000 + 7),
        **more,
    }


def post(number: int, second: int, author: str = CUSTOMER, answers: str | None = None, **more: Any) -> dict[str, Any]:
    """The same post, as the second API has it."""
    return {
        "created_at": f"2026-03-02T08:00:{second:02}.000Z",
        "id": str(600000 + number),
        "text": "@us it is broken",
        "author_id": author,
        **({} if answers is None else {"in_reply_to_user_id": answers}),
        "entities": {"mentions": [] if author == US else [{"id": US}]},
        "lang": "en",
        **more,
    }


def sign(sample: Sample, secret: bytes) -> Delivery:
    """The request as X sends it."""
    headers = {
        "content-type": "application/json",
        "x-twitter-webhooks-signature": "sha256=" + base64_hmac(secret, sample.body),
        **sample.headers,
    }
    url = "https://hooks.example/v1/hooks/x/x-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


#: A question in messages answered by a bot and a person, and one in posts.
STORY = (
    Sample("asked", old(direct_message_events=[direct(1, 0)]), ("message",)),
    Sample("bot-answered", old(direct_message_events=[direct(2, 1.5, US, "99")]), ("message",)),
    Sample("asked-more", new("dm.received", {"direct_message_events": [direct(3, 60)]}), ("message",)),
    Sample("answered", new("dm.sent", {"direct_message_events": [direct(4, 180, US)]}), ("message",)),
    Sample("mentioned", old(tweet_create_events=[tweet(1, 5)]), ("message",)),
    Sample("mention-answered", new("post.create", post(2, 35, US, CUSTOMER)), ("message",)),
)
CHAT = {
    "id": "e4f4",
    "created_at_msec": str(BEGAN_MS + 9),
    "sender_id": CUSTOMER,
    "conversation_id": f"{CUSTOMER}:{US}",
}

CASE = VendorCase(
    connector=X(),
    options=XOptions(account=US, bot_apps=frozenset({"99"})),
    sign=sign,
    samples=(
        *STORY,
        Sample("mentioned-again", new("post.mention.create", post(1, 5)), ("message",)),
        Sample("replied", new("post.reply.create", post(3, 40, answers=US, entities={})), ("message",)),
        Sample("answer-of-old", old(tweet_create_events=[tweet(2, 35, US, CUSTOMER)]), ("message",)),
        Sample(
            "by-a-machine",
            new("post.mention.create", post(4, 41), includes={"users": [{"id": CUSTOMER, **LABEL}]}),
            ("message",),
        ),
        Sample(
            "welcomed",
            old(direct_message_events=[{**direct(6, 6, US), "initiated_via": {"welcome_message_id": "44"}}]),
            ("message",),
        ),
        Sample(
            "asked-after-the-welcome",
            old(direct_message_events=[{**direct(7, 7), "initiated_via": {"welcome_message_id": "44"}}]),
            ("message",),
        ),
        Sample("encrypted", new("chat.received", CHAT), ("message",)),
        Sample("group-chat", new("chat.received", {**CHAT, "id": "e5", "conversation_id": "g55"}), ("message",)),
        Sample("own-post", new("post.create", post(5, 42, US)), ignored=("own_post",)),
        Sample("own-thread", old(tweet_create_events=[tweet(6, 43, US, US)]), ignored=("own_post",)),
        Sample(
            "reposted", old(tweet_create_events=[tweet(7, 44, retweeted_status={"id_str": "1"})]), ignored=("repost",)
        ),
        Sample("reposted-again", new("post.repost.create", post(8, 45)), ignored=("repost",)),
        Sample("quoted", old(tweet_create_events=[tweet(9, 46, STRANGER, entities={})]), ignored=("not_to_us",)),
        Sample(
            "blocked", old(tweet_create_events=[tweet(10, 47)], user_has_blocked="true"), ignored=("blocked_author",)
        ),
        Sample(
            "batched",
            old(favorite_events=[{"id": "f"}], direct_message_events=[direct(5, 5)], users={}),
            ("message",),
            ("like",),
        ),
        Sample("typing", old(direct_message_indicate_typing_events=[{}]), ignored=("typing",)),
        Sample("post-deleted", old(tweet_delete_events=[{}]), ignored=("post_deleted",)),
        Sample("revoked", json.dumps({"user_event": {"revoke": {}}}).encode(), ignored=("authorization",)),
        Sample("new-bio", new("profile.update.bio", {"before": "a", "after": "b"}), ignored=("profile",)),
        Sample("space", new("spaces.start", {"broadcast_id": "1"}), ignored=("broadcast",)),
        Sample("unknown-list", old(telepathy_events=[{}]), parked=1),
        Sample("unknown-type", new("telepathy.create", {}), parked=1),
        Sample("empty", new("post.create", {}), parked=1),
    ),
)
