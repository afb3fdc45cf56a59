"""A post on X, as its two APIs write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.channels.payloads import from_iso, from_rfc2822, object_at, objects_at, required, text_of
from schemas.times import EpochMs


@dataclass(frozen=True, slots=True)
class Post:
    """A post, whichever interface told it."""

    id: str
    author: str
    at: EpochMs
    answers: str | None
    names: frozenset[str]
    is_repost: bool
    language: str | None
    text: object


def old_post(found: dict[str, Any]) -> Post:
    """A Tweet object as the first API has it. Its numbers have lost digits on the way: only `_str` is right."""
    named = objects_at(found, "entities", "user_mentions") + objects_at(
        found, "extended_tweet", "entities", "user_mentions"
    )
    return Post(
        id=required(found.get("id_str") or found.get("id"), "tweet.id_str"),
        author=required(str_id(object_at(found, "user")), "tweet.user.id_str"),
        at=from_rfc2822(found.get("created_at"), "tweet.created_at"),
        answers=text_of(found.get("in_reply_to_user_id_str") or found.get("in_reply_to_user_id")),
        names=frozenset(filter(None, map(str_id, named))),
        is_repost=isinstance(found.get("retweeted_status"), dict),
        language=text_of(found.get("lang")),
        text=object_at(found, "extended_tweet").get("full_text") or found.get("full_text") or found.get("text"),
    )


def new_post(found: dict[str, Any]) -> Post:
    """A post as the second API has it."""
    named = (text_of(each.get("id")) for each in objects_at(found, "entities", "mentions"))
    return Post(
        id=required(found.get("id"), "payload.id"),
        author=required(found.get("author_id"), "payload.author_id"),
        at=from_iso(found.get("created_at"), "payload.created_at"),
        answers=text_of(found.get("in_reply_to_user_id")),
        names=frozenset(filter(None, named)),
        is_repost=any(each.get("type") == "retweeted" for each in objects_at(found, "referenced_tweets")),
        language=text_of(found.get("lang")),
        text=found.get("text"),
    )


def str_id(person: Mapping[str, Any]) -> str | None:
    """The id of a user or a post, as the digits that it has."""
    return text_of(person.get("id_str") or person.get("id"))
