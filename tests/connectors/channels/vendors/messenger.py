"""Messenger, for the suites over all vendors."""

from __future__ import annotations

import json
from typing import Any

from connectors.channels.messenger import Messenger
from connectors.channels.meta_threads import PAGE_INBOX, ThreadOptions
from tests.connectors.channels.case import Sample, VendorCase
from tests.connectors.channels.signing import hub_signed

PAGE, CUSTOMER, BOT_APP, DESK_APP = "4400", "9911", "70001", "70002"
#: 2026-03-02T08:00:00Z, in milliseconds as items have them.
BEGAN_MS = 1_772_438_400_000


def item(after_s: float, *, echo: bool = False, **content: Any) -> dict[str, Any]:
    """An item of `messaging`."""
    ends = (PAGE, CUSTOMER) if echo else (CUSTOMER, PAGE)
    at_ms = BEGAN_MS + round(after_s * 1000)
    return {"sender": {"id": ends[0]}, "recipient": {"id": ends[1]}, "timestamp": at_ms, **content}


def batch(*items: dict[str, Any], key: str = "messaging", name: str = "page") -> bytes:
    """A delivery."""
    return json.dumps({"object": name, "entry": [{"id": PAGE, "time": BEGAN_MS, key: list(items)}]}).encode()


def asked(number: int, after_s: float, **more: Any) -> dict[str, Any]:
    """The customer writes."""
    return item(after_s, message={"mid": f"m_in{number}", "text": "Are you open?", **more})


def answered(number: int, after_s: float, app: str | None = None, **more: Any) -> dict[str, Any]:
    """The echo of what the business writes."""
    app_id = {} if app is None else {"app_id": int(app)}
    message = {"mid": f"m_out{number}", "text": "Yes, until six.", "is_echo": True, **app_id, **more}
    return item(after_s, echo=True, message=message)


def comment(number: int, after_s: int, author: str, **more: Any) -> dict[str, Any]:
    """A comment on a post."""
    value = {
        "item": "comment",
        "verb": "add",
        "from": {"id": author, "name": "N"},
        "post_id": "4400_1",
        "parent_id": "4400_1",
        "comment_id": f"1_{number}",
        "created_time": BEGAN_MS // 1000 + after_s,
        "message": "How much?",
    }
    return {"field": "feed", "value": {**value, **more}}


def feedback(after_s: float, **questions: Any) -> dict[str, Any]:
    """The answers to a feedback template."""
    return item(after_s, messaging_feedback={"feedback_screens": [{"screen_id": 0, "questions": questions}]})


#: A bot answers, hands over to the inbox, a person answers there and later with a help desk.
STORY = (
    Sample("asked", batch(asked(1, 0)), ("message",)),
    Sample("bot-answers", batch(answered(1, 1.5, BOT_APP)), ("message",)),
    Sample(
        "wants-a-person", batch(item(30, postback={"mid": "m_p", "payload": "HUMAN", "title": "Agent"})), ("message",)
    ),
    Sample(
        "handed-over",
        batch(item(40, pass_thread_control={"new_owner_app_id": int(PAGE_INBOX), "metadata": "x"})),
        ("handoff_requested",),
    ),
    Sample("person-answers", batch(answered(2, 100, PAGE_INBOX)), ("message",)),
    Sample("asked-more", batch(asked(2, 200)), ("message",)),
    Sample("desk-answers", batch(answered(3, 260, DESK_APP)), ("message",)),
    Sample(
        "rated",
        batch(feedback(400, q1={"type": "csat", "payload": "4", "follow_up": {"payload": "ok"}})),
        ("survey_answered",),
    ),
)

CASE = VendorCase(
    connector=Messenger(),
    options=ThreadOptions(verify_token="plum", agent_apps=frozenset({DESK_APP}), bot_apps=frozenset({BOT_APP})),  # type: ignore[arg-type]  # pydantic reads it
    sign=hub_signed("messenger"),
    samples=(
        *STORY,
        Sample("standing-by", batch(asked(1, 0), key="standby"), ("message",)),
        Sample("batched", batch(asked(5, 5), item(6, read={"watermark": BEGAN_MS})), ("message",), ("read_receipt",)),
        Sample("without-app", batch(answered(6, 7)), ("message",)),
        Sample("marked", batch(answered(7, 8, BOT_APP, metadata="agent:amal")), ("message",)),
        Sample("thumb", batch(asked(8, 9, sticker_id=369239263222822)), ("message",)),
        Sample("guest", batch({**item(9, postback={"payload": "hey"}), "sender": {"user_ref": "u-1"}}), ("message",)),
        Sample(
            "taken-from-a-bot",
            batch(item(41, take_thread_control={"previous_owner_app_id": BOT_APP})),
            ("handoff_requested",),
        ),
        Sample(
            "asked-for",
            batch(item(42, request_thread_control={"requested_owner_app_id": PAGE_INBOX})),
            ("handoff_requested",),
        ),
        Sample("commented", batch(comment(1, 60, "8822"), key="changes"), ("message",)),
        Sample("comment-answered", batch(comment(2, 120, PAGE, parent_id="1_1"), key="changes"), ("message",)),
        Sample(
            "given-to-a-bot",
            batch(item(43, pass_thread_control={"new_owner_app_id": BOT_APP})),
            ignored=("control_to_bot",),
        ),
        Sample(
            "asked-for-by-a-bot",
            batch(item(44, request_thread_control={"requested_owner_app_id": BOT_APP})),
            ignored=("control_to_bot",),
        ),
        Sample(
            "taken-from-people",
            batch(item(45, take_thread_control={"previous_owner_app_id": PAGE_INBOX})),
            ignored=("control_to_bot",),
        ),
        Sample(
            "unscored",
            batch(feedback(401, q={"type": "free_form", "payload": "ok"})),
            ignored=("survey_without_score",),
        ),
        Sample("edited", batch(item(10, message_edit={"mid": "m_in1", "num_edit": 1})), ignored=("message_edited",)),
        Sample("delivered", batch({**item(11, delivery={"watermark": 1})}), ignored=("delivery_receipt",)),
        Sample("reacted", batch(item(12, reaction={"mid": "m_out1", "action": "react"})), ignored=("reaction",)),
        Sample("opted-in", batch(item(13, optin={"ref": "r"})), ignored=("optin",)),
        Sample("came-by-a-link", batch(item(14, referral={"ref": "r"})), ignored=("referral",)),
        Sample(
            "comment-edited", batch(comment(1, 61, "8822", verb="edited"), key="changes"), ignored=("comment_changed",)
        ),
        Sample(
            "liked",
            batch({"field": "feed", "value": {"item": "like", "verb": "add"}}, key="changes"),
            ignored=("page_activity",),
        ),
        Sample("unknown-item", batch(item(15, telepathy={})), parked=1),
        Sample("unknown-field", batch({"field": "weather", "value": {}}, key="changes"), parked=1),
    ),
)
