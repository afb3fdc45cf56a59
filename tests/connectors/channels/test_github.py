"""What GitHub's webhooks say."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from connectors.channels.base import Delivery, Source, Unverified, receive
from connectors.channels.github import GitHubOptions
from schemas.errors import Refused
from schemas.records import InteractionEvent
from schemas.times import parse
from tests.connectors.channels.case import RECEIVED_MS, SECRET
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors.github import (
    ASKER,
    BOT,
    CASE,
    HELPER,
    OTHER_HELPER,
    STORY,
    comment,
    discussion,
    issue,
    sample,
    sign,
)


def told(event: str, payload: dict[str, Any]) -> InteractionEvent:
    """The one event that a request leads to."""
    parsed = CASE.connector.parse(sign(sample("one", event, payload), SECRET), CASE.source())
    assert (parsed.ignored, parsed.parked) == ([], [])
    (only,) = parsed.events
    return only


def test_a_story_gives_its_response_times() -> None:
    facts = facts_of(CASE, STORY)
    assert {(each.metric, each.value_ms) for each in facts if each.metric.endswith("_response")} == {
        ("first_response", 30 * 60_000),
        ("next_response", 5 * 60_000),
    }
    resolution = next(each for each in facts if each.metric == "resolution")
    assert (resolution.value_ms, resolution.outcome, resolution.agent_id) == (50 * 60_000, "answered", "601")
    assert not [each for each in facts if each.metric in {"transfer", "bot_outcome"}]


def test_an_opening_carries_what_is_known_of_it() -> None:
    labels = [{"name": "bug"}, {"name": "urgent"}, {"name": "area/billing"}]
    assert told("issues", {"action": "opened", "issue": issue(labels=labels), "sender": ASKER}) == InteractionEvent(
        event_id="issue/31/opened",
        tenant="acme",
        source="github-main",
        channel="community",
        type="conversation_started",
        occurred_at=parse("2026-03-02T08:00:00Z"),
        ingested_at=RECEIVED_MS,
        conversation_id="7001#12",
        customer_id="501",
        actor_kind="customer",
        actor_id="501",
        team="billing",
        priority="urgent",
        sequence=0,
        attributes={"text_length": "31", "repository": "acme/widgets"},
    )


@pytest.mark.parametrize(
    ("user", "association", "kind", "automated"),
    [
        (ASKER, "NONE", "customer", False),
        (ASKER, "CONTRIBUTOR", "customer", False),
        (ASKER, "FIRST_TIME_CONTRIBUTOR", "customer", False),
        (None, "NONE", "customer", False),
        (HELPER, "OWNER", "human", False),
        (HELPER, "COLLABORATOR", "human", False),
        (BOT, "COLLABORATOR", "bot", False),
        ({**BOT, "login": "stale[bot]"}, "NONE", "bot", True),
    ],
)
def test_who_writes_a_comment(user: dict[str, Any] | None, association: str, kind: str, automated: bool) -> None:
    written = comment(9, user, association, "2026-03-02T08:30:00Z")
    found = told("issue_comment", {"action": "created", "issue": issue(), "comment": written})
    assert (found.actor_kind, found.automated, found.event_id) == (kind, automated, "issue_comment/9")


def test_the_author_closing_is_no_agent() -> None:
    closed = issue(state="closed", state_reason="not_planned", closed_at="2026-03-02T09:00:00Z")
    by_author = told("issues", {"action": "closed", "issue": closed, "sender": ASKER})
    by_another = told("issues", {"action": "closed", "issue": closed, "sender": HELPER})
    by_app = told("issues", {"action": "closed", "issue": closed, "sender": BOT})
    assert [each.actor_kind for each in (by_author, by_another, by_app)] == ["customer", "human", "bot"]
    assert (by_author.status, by_author.attributes["state_reason"]) == ("closed", "not_planned")


def test_a_second_assignee_is_no_transfer() -> None:
    both = issue(assignees=[HELPER, OTHER_HELPER], updated_at="2026-03-02T08:11:00Z")
    joined = told("issues", {"action": "assigned", "issue": both, "assignee": OTHER_HELPER})
    assert joined.assignee_id == "601"
    alone = issue(assignees=[OTHER_HELPER], updated_at="2026-03-02T08:12:00Z")
    left = told("issues", {"action": "unassigned", "issue": alone, "assignee": HELPER})
    assert left.assignee_id == "602"
    still_listed = told("issues", {"action": "unassigned", "issue": both, "assignee": HELPER})
    assert still_listed.assignee_id == "602"


def test_an_app_as_assignee_is_nobody() -> None:
    given = issue(assignees=[BOT], updated_at="2026-03-02T08:11:00Z")
    assert told("issues", {"action": "assigned", "issue": given, "assignee": BOT}).assignee_id is None
    shared = issue(assignees=[BOT, HELPER], updated_at="2026-03-02T08:12:00Z")
    assert told("issues", {"action": "assigned", "issue": shared, "assignee": HELPER}).assignee_id == "601"


def test_a_transferred_issue_goes_on_under_the_key_its_new_place_gives_it() -> None:
    moved = told(
        "issues",
        {
            "action": "transferred",
            "issue": issue(),
            "changes": {"new_issue": {"id": 99, "number": 3}, "new_repository": {"id": 7002}},
        },
    )
    there = told("issues", {"action": "opened", "issue": issue(id=99, number=3), "repository": {"id": 7002}})
    assert moved.merged_into == there.conversation_id


def test_two_webhooks_of_one_thing_tell_one_event() -> None:
    first = sign(CASE.samples[2], SECRET)
    second = dataclasses.replace(first, headers={**first.headers, "x-github-delivery": "another"})
    tellings = [CASE.connector.parse(each, CASE.source()).events for each in (first, second)]
    assert tellings[0] == tellings[1]


def test_a_discussion_answered_is_resolved_and_may_be_taken_back() -> None:
    chosen = {**discussion(), "answer_chosen_at": "2026-03-02T08:25:00Z"}
    answered = told("discussion", {"action": "answered", "discussion": chosen})
    assert (answered.status, answered.occurred_at) == ("resolved", parse("2026-03-02T08:25:00Z"))
    assert told("discussion", {"action": "unanswered", "discussion": discussion()}).status == "open"
    closed = sample("one", "discussion", {"action": "unanswered", "discussion": discussion(state="closed")})
    assert CASE.connector.parse(sign(closed, SECRET), CASE.source()).ignored == ["unanswered"]


def test_a_form_carries_the_same_json() -> None:
    plain = sign(CASE.samples[0], SECRET)
    form = dataclasses.replace(plain, body=urlencode({"payload": plain.body.decode()}).encode())
    assert CASE.connector.parse(form, CASE.source()).events == CASE.connector.parse(plain, CASE.source()).events


def test_without_the_header_the_shape_tells_the_event() -> None:
    for each in (CASE.samples[0], CASE.samples[1]):
        with_header = sign(each, SECRET)
        without = dataclasses.replace(with_header, headers={})
        assert CASE.connector.parse(without, CASE.source()) == CASE.connector.parse(with_header, CASE.source())
    with pytest.raises(Refused):
        CASE.connector.parse(Delivery("POST", "u", {}, b'{"action": "x"}', 0), CASE.source())


def test_the_documented_signature_is_taken() -> None:
    # The example of GitHub's page on validating webhook deliveries.
    body = b"Hello, World!"
    good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    source = Source("s", "acme", GitHubOptions(), (b"other", b"It's a Secret to Everybody"))
    CASE.connector.verify(Delivery("POST", "u", {"x-hub-signature-256": good}, body, 0), source)
    with pytest.raises(Unverified):
        CASE.connector.verify(Delivery("POST", "u", {"x-hub-signature-256": good}, body + b" ", 0), source)


def test_no_word_of_a_text_gets_through() -> None:
    for each in CASE.samples:
        reply = receive(CASE.connector, sign(each, SECRET), CASE.source())
        events = msgspec.json.encode(reply.events) if hasattr(reply, "events") else b""
        assert b"dark" not in events
        assert b"A word" not in events
        assert json.loads(events) is not None
