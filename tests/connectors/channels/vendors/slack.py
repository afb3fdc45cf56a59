"""Slack, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.base import Delivery
from connectors.channels.signatures import hex_hmac
from connectors.channels.slack import Slack, SlackOptions
from tests.connectors.channels.case import Sample, VendorCase

ASKER, HELPER, OTHER, BOT_USER = "U100", "U200", "U300", "U900"
CHANNEL, DIRECT = "C1", "D1"
#: 2026-03-02T08:00:00Z, in seconds as a `ts` has them.
BEGAN_S = 1_772_438_400


def ts(after_s: float) -> str:
    """The id of a message."""
    return f"{BEGAN_S + after_s:.6f}"


def wrote(after_s: float, user: str = ASKER, thread: float | None = None, **more: Any) -> dict[str, Any]:
    """A message event."""
    in_thread = {} if thread is None else {"thread_ts": ts(thread), "parent_user_id": ASKER}
    return {
        "type": "message",
        "user": user,
        "text": "Is it down?",
        "ts": ts(after_s),
        "event_ts": ts(after_s),
        "team": "T1",
        "channel": CHANNEL,
        "channel_type": "channel",
        **in_thread,
        **more,
    }


def callback(event: dict[str, Any], **more: Any) -> bytes:
    """A delivery."""
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T1",
            "api_app_id": "A1",
            "event": event,
            "event_id": "Ev1",
            "event_time": BEGAN_S,
            "authorizations": [{"enterprise_id": None, "team_id": "T1", "user_id": BOT_USER, "is_bot": True}],
            "is_ext_shared_channel": False,
            **more,
        }
    ).encode()


def direct(after_s: float, user: str = ASKER, **more: Any) -> dict[str, Any]:
    """A message between a user and the app."""
    return {**wrote(after_s, user), "channel": DIRECT, "channel_type": "im", **more}


def reaction(after_s: float, on: float, name: str = "white_check_mark") -> dict[str, Any]:
    """A reaction to a message."""
    item = {"type": "message", "channel": CHANNEL, "ts": ts(on)}
    return {"type": "reaction_added", "user": HELPER, "reaction": name, "item": item, "event_ts": ts(after_s)}


def sign(sample: Sample, secret: bytes) -> Delivery:
    """The request as Slack sends it."""
    stamp = str(sample.received_ms // 1000)
    headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": "v0=" + hex_hmac(secret, b"v0:" + stamp.encode() + b":" + sample.body),
        **sample.headers,
    }
    url = "https://hooks.example/v1/hooks/slack/slack-main"
    return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)


MENTION = {**wrote(0), "type": "app_mention"}
#: A thread in a channel: asked, acknowledged by a bot, answered, settled with a reaction. A direct message beside it.
STORY = (
    Sample("asked", callback(wrote(0)), ("message",)),
    Sample("bot-answered", callback(wrote(2, BOT_USER, 0, bot_id="B1")), ("message",)),
    Sample("asked-more", callback(wrote(60, ASKER, 0)), ("message",)),
    Sample("answered", callback(wrote(240.5, HELPER, 0, subtype="thread_broadcast")), ("message",)),
    Sample("settled", callback(reaction(300, 0)), ("status_changed",)),
    Sample("asked-directly", callback(direct(10)), ("message",)),
    Sample("bot-answered-directly", callback(direct(11, BOT_USER, bot_id="B1")), ("message",)),
)
COMMAND = b"token=t&team_id=T1&channel_id=C1&user_id=U100&command=%2Fhelp&text=&trigger_id=1.2"

CASE = VendorCase(
    connector=Slack(),
    options=SlackOptions(reactions={"white_check_mark": "resolved"}, team="T1"),
    sign=sign,
    signs_time=True,
    samples=(
        *STORY,
        Sample(
            "mentioned", callback({key: value for key, value in MENTION.items() if key != "channel_type"}), ("message",)
        ),
        Sample("file", callback(wrote(5, subtype="file_share", files=[{"id": "F1"}])), ("message",)),
        Sample("announcement", callback(wrote(6, BOT_USER, subtype="bot_message", bot_id="B2")), ("message",)),
        Sample("slackbot", callback(wrote(6.5, "USLACKBOT", subtype="slackbot_response")), ("message",)),
        Sample(
            "edited",
            callback(
                {"type": "message", "subtype": "message_changed", "channel": CHANNEL, "ts": ts(7), "message": wrote(0)}
            ),
            ignored=("message_edited",),
        ),
        Sample(
            "deleted",
            callback(
                {"type": "message", "subtype": "message_deleted", "channel": CHANNEL, "ts": ts(8), "deleted_ts": ts(0)}
            ),
            ignored=("message_deleted",),
        ),
        Sample("joined", callback(wrote(9, subtype="channel_join")), ignored=("channel_notice",)),
        Sample("other-reaction", callback(reaction(10, 0, "eyes")), ignored=("reaction",)),
        Sample(
            "mentioned-in-a-thread",
            callback({**wrote(11, OTHER, 0), "type": "app_mention", "parent_user_id": None}),
            ignored=("mention_in_thread",),
        ),
        Sample(
            "member",
            callback({"type": "member_joined_channel", "user": ASKER, "channel": CHANNEL}),
            ignored=("membership",),
        ),
        Sample("uninstalled", callback({"type": "app_uninstalled"}), ignored=("app",)),
        Sample(
            "limited",
            json.dumps({"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": BEGAN_S}).encode(),
            ignored=("app",),
        ),
        Sample("unknown-event", callback({"type": "telepathy"}), parked=1),
        Sample("unknown-subtype", callback(wrote(12, subtype="hologram")), parked=1),
    ),
)
