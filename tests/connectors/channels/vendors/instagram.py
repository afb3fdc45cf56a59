"""Instagram, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.instagram import Instagram
from connectors.channels.meta_threads import ThreadOptions
from tests.connectors.channels.case import Sample, VendorCase
from tests.connectors.channels.signing import hub_signed
from tests.connectors.channels.vendors.messenger import BEGAN_MS, PAGE, answered, asked, batch, item

BEGAN_S = BEGAN_MS // 1000


def of_account(*items: dict[str, Any]) -> bytes:
    """A delivery about threads."""
    return batch(*items, name="instagram")


def changed(field: str, value: dict[str, Any], after_s: int = 0) -> bytes:
    """A delivery about the account's media; its time is in seconds."""
    entry = {"id": PAGE, "time": BEGAN_S + after_s, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


def comment(number: int, author: str | None, **more: Any) -> dict[str, Any]:
    """A comment on a medium."""
    by = {} if author is None else {"from": {"id": author, "username": "u"}}
    return {"id": f"1790{number}", "text": "Is it in stock?", "media": {"id": "1"}, **by, **more}


#: A message and its answer in the app, and the same below a picture.
STORY = (
    Sample("asked", of_account(asked(1, 0)), ("message",)),
    Sample("answered", of_account(answered(1, 90)), ("message",)),
    Sample("commented", changed("comments", comment(1, "8822"), 100), ("message",)),
    Sample("comment-answered", changed("comments", comment(2, PAGE, parent_id="17901"), 400), ("message",)),
)

CASE = VendorCase(
    connector=Instagram(),
    options=ThreadOptions(verify_token="plum"),  # type: ignore[arg-type]  # pydantic reads it
    sign=hub_signed("instagram"),
    samples=(
        *STORY,
        Sample("within-changes", changed("messages", {**asked(3, 20), "timestamp": str(BEGAN_S + 20)}), ("message",)),
        Sample("without-an-author", changed("live_comments", comment(5, None), 5), ("message",)),
        Sample("reply-to-a-story", of_account(asked(4, 30, reply_to={"story": {"id": "s"}})), ("message",)),
        Sample(
            "icebreaker", of_account(item(31, postback={"mid": "m_i", "payload": "p", "title": "Hours?"})), ("message",)
        ),
        Sample(
            "comment-answered-by-another-id",
            changed("comments", {**comment(7, None, parent_id="17901"), "from": {"id": "9", "self_ig_scoped_id": "9"}}),
            ("message",),
        ),
        Sample(
            "to-oneself",
            of_account({**item(34, postback={"mid": "m_s", "payload": "p"}), "is_self": True}),
            ignored=("message_to_oneself",),
        ),
        Sample("unsent", of_account(asked(1, 0, is_deleted=True)), ignored=("message_deleted",)),
        Sample("seen", of_account(item(32, read={"mid": "m_out1"})), ignored=("read_receipt",)),
        Sample("reacted", of_account(item(33, reaction={"mid": "m", "action": "react"})), ignored=("reaction",)),
        Sample("own-comment", changed("comments", comment(6, PAGE)), ignored=("own_comment",)),
        Sample("mentioned", changed("mentions", {"media_id": "1"}), ignored=("mention",)),
        Sample("insights", changed("story_insights", {"media_id": "1", "reach": 4}), ignored=("insights",)),
        Sample("unknown-field", changed("weather", {}), parked=1),
    ),
)
