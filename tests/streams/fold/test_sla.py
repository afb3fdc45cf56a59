"""Deadlines: when a clock runs, when it is met, breached or cancelled (SPEC §4), and business time."""

from __future__ import annotations

import pytest

from tests.streams.stories import Case, clock

POLICY = """
policies:
  - name: std
    targets: {first_response: 10m, next_response: 5m, resolution: 1h}
    pause_on: [pending]
"""
# Open 08:00-09:10 and 10:00-18:00 on the day of the stories.
OFFICE = """
calendars:
  office: {timezone: UTC, hours: {tue: ["08:00-09:10", "10:00-18:00"]}}
  never: {timezone: UTC, hours: {}}
policies:
  - name: mail
    match: {channel: [email]}
    calendar: never
    targets: {first_response: 1m, resolution: 1m}
  - name: office
    calendar: office
    targets: {first_response: 20m, resolution: 2h}
"""
RESPONSES = "sla_first_response sla_next_response"

CASES = [
    Case(
        "a reply at the deadline is in time, one a millisecond behind it is not",
        """
        09:00 customer message
        09:10 ana message
        09:20 customer message
        09:25:00.001 ana message
        """,
        RESPONSES,
        """
        1/1/sla_first_response 09:00-09:10 10m met deadline=09:10 policy=std
        1/2/sla_next_response 09:20-09:25:00.001 5m0.001s breached deadline=09:25 policy=std
        """,
        POLICY,
    ),
    Case(
        "ended by a bot's answer, a resolve or a merge: cancelled, or breached if it was too late",
        """
        09:00 customer message
        09:05 bot message
        09:06 ana message
        09:10 customer message
        09:14 ana resolved
        09:20 customer message
        09:40 ana resolved
        09:50 customer message
        09:55 system merged
        """,
        RESPONSES,
        """
        1/1/sla_first_response 09:00-09:05 5m cancelled deadline=09:10 policy=std
        1/2/sla_first_response 09:10-09:14 4m cancelled deadline=09:20 policy=std
        2/1/sla_first_response 09:20-09:40 20m breached deadline=09:30 policy=std
        3/1/sla_first_response 09:50-09:55 5m cancelled deadline=10:00 policy=std
        """,
        POLICY,
    ),
    Case(
        "a turn whose human clock never started has no SLA",
        """
        09:00 bot message
        09:01 customer message
        09:20 bot message
        09:21 customer message
        10:40 system resolved
        """,
        RESPONSES,
        "",
        POLICY,
    ),
    Case(
        "the clock of a hand-off counts from the hand-off",
        """
        09:00 bot message
        09:01 customer message
        09:20 bot handoff
        09:25 ana message
        """,
        RESPONSES,
        "1/1/sla_first_response 09:20-09:25 5m met deadline=09:30 policy=std",
        POLICY,
    ),
    Case(
        "an answer from a human counts a turn the bot owned from its beginning, and may be too late from the start",
        """
        09:00 bot message
        09:01 customer message
        09:30 ana message
        """,
        RESPONSES,
        "1/1/sla_first_response 09:01-09:30 29m breached deadline=09:11 policy=std",
        POLICY,
    ),
    Case(
        "a resolution is met without its pauses; on hold does not pause this policy",
        """
        09:00 customer message
        09:10 ana pending
        10:10 ana open
        10:20 ana on_hold
        11:00 ana resolved
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-11:00 2h met deadline=11:00 policy=std",
        POLICY,
    ),
    Case(
        "a pause behind the deadline moves nothing",
        """
        09:00 customer message
        10:30 ana pending
        12:00 ana open
        12:10 ana resolved
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-12:10 3h10m breached deadline=10:00 policy=std",
        POLICY,
    ),
    Case(
        "a pause that begins at the deadline moves nothing either",
        """
        09:00 customer message
        10:00 ana pending
        12:00 ana resolved
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-12:00 3h breached deadline=10:00 policy=std",
        POLICY,
    ),
    Case(
        "resolved while paused with target left: met, and there is no deadline",
        """
        09:00 customer message
        09:10 ana pending
        12:00 ana resolved
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-12:00 3h met policy=std",
        POLICY,
    ),
    Case(
        "merged before the deadline: cancelled; behind it: breached",
        """
        09:00 customer message
        10:00 system merged
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-10:00 1h cancelled deadline=10:00 policy=std",
        POLICY,
    ),
    Case(
        "merged behind the deadline: breached",
        """
        09:00 customer message
        10:01 system merged
        """,
        "sla_resolution",
        "1/0/sla_resolution 09:00-10:01 1h1m breached deadline=10:00 policy=std",
        POLICY,
    ),
    Case(
        "still open at the instant of judgement: not breached as long as the deadline is not behind it",
        "09:00 customer message",
        f"{RESPONSES} sla_resolution",
        "",
        POLICY,
        clock("09:10"),
    ),
    Case(
        "still open with the deadline behind: breached, with neither end nor value",
        "09:00 customer message",
        f"{RESPONSES} sla_resolution",
        """
        1/1/sla_first_response 09:00-… breached deadline=09:10 policy=std
        1/0/sla_resolution 09:00-… breached deadline=10:00 policy=std
        """,
        POLICY,
        clock("10:00:00.001"),
    ),
    Case(
        "paused with target left, it cannot be breached however long it takes",
        """
        09:00 customer message
        09:01 ana message
        09:10 ana pending
        """,
        "sla_resolution",
        "",
        POLICY,
        clock("09:00", days=30),
    ),
    Case(
        "a turn is judged by the policy at its opening, the episode by that at its beginning",
        """
        09:00 customer message
        09:01 ana note priority=urgent
        09:04 ana message
        09:05 customer message
        09:07 ana message
        09:08 ana resolved
        """,
        f"{RESPONSES} sla_resolution",
        """
        1/1/sla_first_response 09:00-09:04 4m met priority=urgent deadline=09:30 policy=calm
        1/2/sla_next_response 09:05-09:07 2m breached priority=urgent deadline=09:06 policy=urgent
        1/0/sla_resolution 09:00-09:08 8m met priority=urgent deadline=13:00 policy=calm
        """,
        """
policies:
  - {name: urgent, match: {priority: [urgent]}, targets: {first_response: 1m, next_response: 1m, resolution: 1m}}
  - {name: calm, targets: {first_response: 30m, next_response: 30m, resolution: 4h}}
""",
    ),
    Case(
        "a clock is judged by the version in force when it opened, however late it is answered",
        """
        09:00 customer message
        09:20 ana message
        09:30 customer message
        09:40 ana message
        """,
        RESPONSES,
        """
        1/1/sla_first_response 09:00-09:20 20m met deadline=09:30 policy=old
        1/2/sla_next_response 09:30-09:40 10m breached deadline=09:31 policy=new
        """,
        """
policies: [{name: old, targets: {first_response: 30m, next_response: 30m}}]
---
effective_from: 2026-03-10T09:15:00Z
policies: [{name: new, targets: {first_response: 1m, next_response: 1m}}]
""",
    ),
    Case(
        "a policy without a target for it says nothing about a clock",
        """
        09:00 customer message
        09:20 ana message
        09:21 ana resolved
        """,
        f"{RESPONSES} sla_resolution",
        "1/0/sla_resolution 09:00-09:21 21m met deadline=10:00 policy=p",
        "policies: [{name: p, targets: {resolution: 1h}}]",
    ),
    Case(
        "deadlines and business time follow the calendar",
        """
        09:00 customer message
        10:05 ana message
        10:10 ana pending
        10:20 ana open
        12:10:01 ana resolved
        """,
        "",
        """
        1/1/first_response 09:00-10:05 1h5m by=ana business=15m
        1/0/first_response_any 09:00-10:05 1h5m human by=ana business=15m
        1/1/sla_first_response 09:00-10:05 1h5m met deadline=10:10 policy=office
        1/0/resolution 09:00-12:10:01 3h10m1s answered by=ana business=2h20m1s
        1/0/active_resolution 09:00-12:10:01 3h1s answered by=ana business=2h10m1s
        0/0/full_resolution 09:00-12:10:01 3h10m1s answered by=ana
        1/0/customer_wait 09:00-12:10:01 1h5m by=ana
        1/0/sla_resolution 09:00-12:10:01 3h10m1s breached deadline=12:00 policy=office
        """,
        OFFICE,
    ),
    Case(
        "a calendar that never opens has no deadline: answered it is met, open it is never breached",
        """
        09:00 customer message via=email
        09:30 ana message
        """,
        f"{RESPONSES} sla_resolution first_response",
        """
        1/1/first_response 09:00-09:30 30m by=ana via=email business=0s
        1/1/sla_first_response 09:00-09:30 30m met via=email policy=mail
        """,
        OFFICE,
        clock("09:00", days=30),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_sla(case: Case) -> None:
    case.check()
