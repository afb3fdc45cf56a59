"""X ("Account Activity API", "X Activity API: event payloads", "Webhooks: CRC and signatures").

Both interfaces tell of the same posts and messages, and may be subscribed at once: ids are those of the post or the
message, never of the delivery. A conversation is what our account and one other say to each other, in direct messages
or in posts. Not the thread: below an announcement of ours a hundred people ask, and each waits alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from connectors.channels.accounts import AccountOptions, check_account
from connectors.channels.base import ChannelConnector, Delivery, Parsed, Reply, Source, event
from connectors.channels.payloads import (
    from_epoch_ms,
    from_iso,
    json_object,
    list_at,
    object_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.pieces import Said, codes, settle, unknown
from connectors.channels.signatures import base64_hmac, header, require_match
from connectors.channels.x_posts import Post, new_post, old_post, str_id
from schemas.errors import InvalidEvent
from schemas.records import ActorKind, InteractionEvent
from schemas.times import EpochMs

#: Account Activity: keys of a body beside its lists.
ENVELOPE = frozenset({"for_user_id", "user_has_blocked", "is_blocked_by", "users", "apps"})
IDLE_LISTS = codes(
    like="favorite_events",
    follow="follow_events unfollow_events",
    block="block_events unblock_events",
    mute="mute_events unmute_events",
    typing="direct_message_indicate_typing_events",
    read_receipt="direct_message_mark_read_events",
    post_deleted="tweet_delete_events",
    authorization="user_event",
    broadcast="spaces_events",
    replay="replay_job_status replay_event",
)
#: X Activity: event types that carry a post or a message.
POSTS = frozenset({"post.create", "post.mention.create", "post.reply.create", "post.quote.create"})
#: Of those, the ones that are addressed to us whatever the post itself shows.
ADDRESSED = frozenset({"post.mention.create", "post.reply.create"})
MESSAGES = frozenset({"dm.sent", "dm.received"})
ENCRYPTED = frozenset({"chat.sent", "chat.received"})
IDLE_TYPES = codes(
    repost="post.repost.create post.repost.delete",
    post_deleted="post.delete post.mention.delete post.reply.delete post.quote.delete",
    typing="dm.indicate_typing chat.indicate_typing",
    read_receipt="dm.read chat.read",
    membership="dm.join dm.leave chat.conversation_join chat.join chat.leave",
)
#: X Activity: the first word of event types of which nothing is said to us.
IDLE_WORDS = codes(
    like="like",
    follow="follow",
    block="block",
    mute="mute",
    bookmark="bookmark",
    profile="profile",
    broadcast="spaces broadcast live",
    news="news trend",
    authorization="app oauth user",
    list="list",
)
#: What a post's language may be called where it has none.
NO_LANGUAGE = frozenset({"und", "zxx", "qam", "qct", "qht", "qme", "qst", "art"})
#: How X labels an account that no person writes with.
AUTOMATED = "Automated"


class XOptions(AccountOptions):
    """`account` is the id of our user; `bot_apps` are ids of apps that answer direct messages by themselves."""

    bot_apps: frozenset[str] = frozenset()


class X(ChannelConnector[XOptions]):
    """An account's activity, by either interface."""

    vendor: ClassVar[str] = "x"
    Options: ClassVar[type[XOptions]] = XOptions

    def handshake(self, delivery: Delivery, source: Source[XOptions]) -> Reply | None:
        """The answer to a challenge-response check, which is signed with the first of the secrets."""
        token = delivery.query.get("crc_token")
        if delivery.method != "GET" or token is None or not source.secrets:
            return None
        answer = {"response_token": "sha256=" + base64_hmac(source.secrets[0], token.encode("utf-8", "replace"))}
        return Reply(msgspec.json.encode(answer), "application/json")

    def verify(self, delivery: Delivery, source: Source[XOptions]) -> None:
        """`x-twitter-webhooks-signature` over the raw body, by the app's consumer secret."""
        expected = ("sha256=" + base64_hmac(secret, delivery.body) for secret in source.secrets)
        name = "x-twitter-webhooks-signature"
        require_match(header(delivery, name), expected, name)

    def parse(self, delivery: Delivery, source: Source[XOptions]) -> Parsed:
        """Everything a body tells, of whichever interface it is."""
        body, parsed = json_object(delivery.body), Parsed()
        if isinstance(body.get("data"), dict):
            _activity(body, delivery, source, parsed)
        elif ENVELOPE.isdisjoint(body) and IDLE_LISTS.keys().isdisjoint(body):
            raise InvalidEvent("the body has neither data nor for_user_id, so it is none of X's")
        else:
            _account_activity(body, delivery, source, parsed)
        return parsed


def _account_activity(body: dict[str, Any], delivery: Delivery, source: Source[XOptions], parsed: Parsed) -> None:
    """The lists of a body of the Account Activity API."""
    check_account(source, body.get("for_user_id"), "for_user_id")
    us = _Us(text_of(body.get("for_user_id")), delivery, source, _labelled(object_at(body, "users").values()))
    for key, found in body.items():
        if key in ENVELOPE:
            continue
        if key in IDLE_LISTS:
            parsed.ignore(IDLE_LISTS[key])
        elif key == "direct_message_events" and isinstance(found, list):
            for piece in found:
                settle(parsed, piece, lambda piece=piece: us.message(object_at(piece)))  # type: ignore[misc]
        elif key == "tweet_create_events" and isinstance(found, list):
            for piece in found:
                settle(parsed, piece, lambda piece=piece: _told_post(piece, body, us))  # type: ignore[misc]
        else:
            settle(parsed, {key: found}, lambda key=key: _nothing("list", key))  # type: ignore[misc]


def _told_post(piece: object, body: dict[str, Any], us: _Us) -> Said:
    # Whom our account has blocked, it does not answer.
    if any(body.get(key) in ("true", True) for key in ("user_has_blocked", "is_blocked_by")):
        return "blocked_author"
    return us.post(old_post(object_at(piece)))


def _activity(body: dict[str, Any], delivery: Delivery, source: Source[XOptions], parsed: Parsed) -> None:
    """The one event of a body of the X Activity API."""
    data = object_at(body, "data")
    kind, payload = data.get("event_type"), object_at(data, "payload")
    if not isinstance(kind, str):
        raise InvalidEvent("data has no event_type, so it is no event of X's")
    our_id = text_of(object_at(data, "filter").get("user_id"))
    check_account(source, our_id, "data.filter.user_id")
    people = (*object_at(payload, "users").values(), *list_at(data, "includes", "users"))
    us = _Us(our_id, delivery, source, _labelled(people))
    if kind in MESSAGES and "direct_message_events" in payload:
        for piece in list_at(payload, "direct_message_events"):
            settle(parsed, data, lambda piece=piece: us.message(object_at(piece)))  # type: ignore[misc]
        if parsed == Parsed():
            parsed.park("a direct message without any message", data)
        return
    settle(parsed, data, lambda: _of_type(kind, payload, us))


def _of_type(kind: str, payload: dict[str, Any], us: _Us) -> Said:
    if kind in POSTS:
        return us.post(new_post(payload), addressed=kind in ADDRESSED)
    if kind in MESSAGES or kind in ENCRYPTED:
        return us.chat(payload)
    if kind in IDLE_TYPES:
        return IDLE_TYPES[kind]
    word = kind.partition(".")[0]
    return IDLE_WORDS[word] if word in IDLE_WORDS else _nothing("event of the type", kind)


def _nothing(what: str, name: str) -> Said:
    raise unknown(what, name)


class _Us:
    """What is said to and by our account."""

    def __init__(
        self, our_id: str | None, delivery: Delivery, source: Source[XOptions], labelled: frozenset[str]
    ) -> None:
        self._id, self.delivery, self.source, self.labelled = our_id, delivery, source, labelled

    @property
    def id(self) -> str:
        """The id of our user."""
        return required(self._id or text_of(self.source.options.account), "for_user_id")

    def post(self, post: Post, *, addressed: bool = False) -> Said:
        """A post to us, or our answer to somebody."""
        if post.is_repost:
            return "repost"
        ours = post.author == self.id
        if ours and post.answers in (None, self.id):
            return "own_post"
        if not ours and not addressed and self.id not in (post.answers, *post.names):
            return "not_to_us"
        them = required(post.answers, "in_reply_to_user_id") if ours else post.author
        return [
            self.tell(
                f"post:{post.id}",
                f"post:{self.id}:{them}",
                post.at,
                them,
                self.writer(post.author),
                # Both interfaces know the second; ids of posts grow with time.
                sequence=_sequence(post.id),
                language=None if ours or post.language in NO_LANGUAGE else post.language,
                attributes=text_length(post.text),
            )
        ]

    def message(self, found: dict[str, Any]) -> Said:
        """A direct message, as the first API has it."""
        if found.get("type") != "message_create":
            raise unknown("direct message of the type", found.get("type"))
        inside = object_at(found, "message_create")
        sender = required(inside.get("sender_id"), "message_create.sender_id")
        them = (
            required(object_at(inside, "target").get("recipient_id"), "recipient_id") if sender == self.id else sender
        )
        message_id = required(found.get("id"), "direct_message.id")
        by = self.writer(sender, text_of(inside.get("source_app_id")))
        if sender == self.id and object_at(found, "initiated_via").get("welcome_message_id") is not None:
            # What greets whoever opens the conversation, before they have written anything.
            by = ("bot", by[1], True)
        return [
            self.tell(
                f"dm:{message_id}",
                f"dm:{self.id}:{them}",
                from_epoch_ms(found.get("created_timestamp"), "created_timestamp"),
                them,
                by,
                sequence=_sequence(message_id),
                attributes=text_length(object_at(inside, "message_data").get("text")),
            )
        ]

    def chat(self, found: dict[str, Any]) -> Said:
        """A message of a chat: encrypted, or as the second API has it."""
        sender = required(found.get("sender_id"), "payload.sender_id")
        place = required(found.get("dm_conversation_id") or found.get("conversation_id"), "payload.conversation_id")
        pair = place.replace(":", "-").split("-")
        others = [each for each in pair if each != self.id]
        them = others[0] if len(pair) == 2 and len(others) == 1 else None
        stamp = found.get("created_at_msec")
        at = (
            from_iso(found.get("created_at"), "created_at")
            if stamp is None
            else from_epoch_ms(stamp, "created_at_msec")
        )
        message_id = required(found.get("id"), "payload.id")
        return [
            self.tell(
                f"dm:{message_id}",
                f"dm:{self.id}:{them or place}",
                at,
                them or (None if sender == self.id else sender),
                self.writer(sender),
                sequence=_sequence(message_id),
                attributes=text_length(found.get("text")),
            )
        ]

    def writer(self, user: str, app: str | None = None) -> tuple[ActorKind, str | None, bool]:
        """Who wrote, and whether a machine did that answers nobody."""
        if user != self.id:
            return "customer", user, user in self.labelled
        bot = user in self.labelled or (app is not None and app in self.source.options.bot_apps)
        # Which of our people wrote, X does not say.
        return ("bot", app, False) if bot else ("human", None, False)

    def tell(
        self,
        event_id: str,
        conversation_id: str,
        at: EpochMs,
        them: str | None,
        by: tuple[ActorKind, str | None, bool],
        **said: Any,
    ) -> InteractionEvent:
        """A message of a conversation."""
        return event(
            self.source,
            self.delivery,
            event_id=event_id,
            conversation_id=conversation_id,
            channel="x",
            type="message",
            occurred_at=at,
            actor=by[0],
            actor_id=by[1],
            automated=by[2],
            customer_id=them,
            **said,
        )


def _labelled(people: Iterable[object]) -> frozenset[str]:
    """The ids of the users who carry X's label for automated accounts."""
    found = (object_at(each, "data") or object_at(each) for each in people)
    ids = (str_id(each) for each in found if object_at(each, "affiliation").get("description") == AUTOMATED)
    return frozenset(filter(None, ids))


def _sequence(number: str) -> int | None:
    """An id as a number, where it is one that fits."""
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 + (number < "9") else None
