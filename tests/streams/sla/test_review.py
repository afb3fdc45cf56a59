"""What a valid file says that is probably not meant."""

from __future__ import annotations

import pytest

from schemas.times import parse as instant
from streams.sla import policy_file
from streams.sla.review import review
from tests.deploy.files import ROOT

NOW = instant("2026-06-01T12:00:00Z")


def findings(text: str) -> list[tuple[int, str]]:
    return [tuple(finding) for finding in review(policy_file.parse(text), NOW)]  # type: ignore[misc]


def policies(*matches: str) -> str:
    lines = (f"  - {{name: p{n}, match: {match}, targets: {{resolution: 1h}}}}\n" for n, match in enumerate(matches))
    return "policies:\n" + "".join(lines)


@pytest.mark.parametrize(
    ("matches", "taker"),
    [
        (["{}", "{tenant: [acme]}"], "p0"),
        (["{tenant: [acme, bank]}", "{tenant: [acme], channel: [email]}"], "p0"),
        (["{channel: [sms]}", "{tenant: [acme]}", "{tenant: [acme], team: [vip]}"], "p1"),
        (["{tenant: [acme]}", "{tenant: [acme]}"], "p0"),
    ],
)
def test_a_policy_that_an_earlier_one_leaves_nothing_to_is_named_with_its_line(matches: list[str], taker: str) -> None:
    last = len(matches) - 1
    expected = f"policy 'p{last}' can never match: '{taker}', further up, takes all that it would"
    assert findings(policies(*matches)) == [(last + 2, expected)]


@pytest.mark.parametrize(
    "matches",
    [
        ["{tenant: [acme]}", "{}"],
        ["{tenant: [acme]}", "{tenant: [acme, bank]}"],
        ["{tenant: [acme], channel: [email]}", "{tenant: [acme]}"],
        ["{tenant: [acme], channel: [email]}", "{tenant: [acme], team: [vip]}"],
    ],
)
def test_a_policy_that_something_is_left_for_is_not(matches: list[str]) -> None:
    assert findings(policies(*matches)) == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (policies("{channel: [mail, email]}"), 2, "matches a channel that there is not: mail"),
        (policies("{priority: [p1]}"), 2, "matches a priority that there is not: p1"),
        (policies("{team: []}"), 2, "can never match: its list of team is empty"),
        ("policies:\n  - {name: p, targets: {}}\n", 2, "policy 'p' has no targets"),
        (
            "calendars: {c: {timezone: UTC, hours: {}}}\n"
            "policies:\n  - {name: p, calendar: c, targets: {resolution: 1h}}",
            3,
            "runs on a calendar that never opens",
        ),
        ("calendars: {c: {timezone: UTC, hours: {mon: []}}}\npolicies: []\n", 1, "calendar 'c' is used by no policy"),
        (
            "---\n".join(["effective_from: 2026-04-01T00:00:00Z\npolicies: []\n"] * 2),
            1,
            "is never in force",
        ),
    ],
)
def test_what_looks_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    ((found, said),) = findings(text)
    assert found == line
    assert says in said


def test_the_example_that_is_shipped_has_nothing_to_warn_of() -> None:
    assert review(policy_file.load(ROOT / "deploy" / "policies.yaml"), NOW) == []
