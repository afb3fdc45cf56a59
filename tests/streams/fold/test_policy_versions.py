"""Facts name the version of the policies that judged them."""

from __future__ import annotations

import msgspec

from schemas.records import MetricFact
from schemas.times import render
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from tests.streams.stories import clock, facts_of, story

FIRST = """
calendars:
  office: {timezone: UTC, hours: {tue: ["09:00-17:00"]}}
policies:
  - {name: chat, calendar: office, targets: {first_response: 5m, next_response: 5m, resolution: 1h}}
"""
#: Comes into force while the first conversation is open; without a calendar.
SECOND = """
effective_from: 2026-03-10T10:00:00Z
policies:
  - {name: chat, targets: {first_response: 1m, next_response: 1m, resolution: 2h}}
"""
THIRD = """
effective_from: 2026-03-10T12:00:00Z
policies:
  - {name: chat, targets: {first_response: 1s}}
"""

TOLD = """
    09:50 customer message
    09:52 ana message
    10:01 customer message
    10:05 ana message
    10:30 ana resolved
    10:40 customer message
    10:41 ana message
    10:50 ana resolved
"""
OPEN = story("10:59 customer message", conversation_id="open")


def judged(*documents: str) -> dict[str, MetricFact]:
    text = "---".join(documents)
    return {fact.fact_id[2:]: fact for fact in facts_of(story(TOLD), text, clock("11:30"))}


def versions(facts: dict[str, MetricFact]) -> dict[str, str]:
    return {name: fact.policy_version for name, fact in facts.items() if fact.policy_version is not None}


def names(*documents: str) -> list[str]:
    return [version.name for version in policy_file.parse("---".join(documents)).versions]


def test_facts_name_the_version_in_force_when_their_clock_opened() -> None:
    initial, second = names(FIRST, SECOND)
    assert (initial.partition("#")[0], second.partition("#")[0]) == ("initial", "2026-03-10T10:00:00.000Z")
    assert versions(judged(FIRST, SECOND)) == {
        "1/1/first_response": initial,
        "1/0/first_response_any": initial,
        "1/1/sla_first_response": initial,
        # Its turn opened under the second version, which has no calendar and so nothing to say of the fact itself.
        "1/2/sla_next_response": second,
        # The episode began under the first one, and ends under it.
        "1/0/resolution": initial,
        "1/0/active_resolution": initial,
        "1/0/sla_resolution": initial,
        "2/1/sla_first_response": second,
        "2/0/sla_resolution": second,
    }


def test_a_clock_that_is_still_open_behind_its_deadline_names_its_version() -> None:
    (_, second) = names(FIRST, SECOND)
    found = facts_of(OPEN, "---".join((FIRST, SECOND)), clock("11:30"))
    assert [(fact.metric, fact.outcome, fact.policy_version) for fact in found] == [
        ("sla_first_response", "breached", second)
    ]


def test_without_policies_nothing_is_named() -> None:
    assert versions({fact.fact_id: fact for fact in facts_of(story(TOLD), "", clock("11:30"))}) == {}


def test_a_later_version_changes_no_fact_that_others_judged() -> None:
    assert judged(FIRST, SECOND, THIRD) == judged(FIRST, SECOND)


def test_the_same_said_otherwise_changes_no_fact() -> None:
    assert judged("# a remark" + FIRST.replace("5m", "300s"), SECOND) == judged(FIRST, SECOND)


def test_a_rewritten_version_has_another_name_also_where_the_outcome_stays() -> None:
    before, after = judged(FIRST, SECOND), judged(FIRST, SECOND.replace("2h", "3h"))
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {name for name, version in versions(before).items() if version.startswith("2026-03-10T10")}
    response = "2/1/sla_first_response"
    assert after[response] == msgspec.structs.replace(before[response], policy_version=after[response].policy_version)
    assert (before[response].policy_version or "")[:25] == f"{render(clock('10:00'))}#"


def test_an_empty_book_has_no_names() -> None:
    assert PolicyBook().version_names == []
