"""What opens and ends an episode, and what is measured then (SPEC §2 and §3)."""

from __future__ import annotations

import pytest

from tests.streams.stories import Case

ENDS = "resolution active_resolution full_resolution customer_wait bot_outcome handle_time"

CASES = [
    Case(
        "an end measures everything there is to measure, credited to the human who ended it",
        """
        09:00 customer message
        09:01 system assigned=ana
        09:10 ana message
        09:30 bo resolved
        """,
        ENDS,
        """
        1/0/resolution 09:00-09:30 30m answered by=bo
        1/0/active_resolution 09:00-09:30 30m answered by=bo
        0/0/full_resolution 09:00-09:30 30m answered by=bo
        1/0/customer_wait 09:00-09:30 10m by=bo
        1/ana/handle_time 09:00-09:30 29m assigned_open by=ana
        """,
    ),
    Case(
        "ended by the system, it is credited to the assignee",
        """
        09:00 customer message
        09:01 system assigned=ana
        09:30 system closed
        """,
        "resolution",
        "1/0/resolution 09:00-09:30 30m unanswered by=ana",
    ),
    Case(
        "a bot alone: outcome bot, contained, credited to nobody; a turn it answered is no wait for a human",
        """
        09:00 customer message
        09:01 bot message
        09:02 system resolved
        """,
        "resolution bot_outcome customer_wait",
        """
        1/0/resolution 09:00-09:02 2m bot
        1/0/bot_outcome 09:00-09:02 contained
        1/0/customer_wait 09:00-09:02 0s
        """,
    ),
    Case(
        "a bot and then a human: handed off, answered",
        """
        09:00 customer message
        09:01 bot message
        09:02 bot handoff
        09:05 ana message
        09:06 ana resolved
        """,
        "resolution bot_outcome customer_wait",
        """
        1/0/resolution 09:00-09:06 6m answered by=ana
        1/0/bot_outcome 09:00-09:06 handed_off
        1/0/customer_wait 09:00-09:06 3m by=ana
        """,
    ),
    Case(
        "handed off, and nobody came: outcome bot, and the customer waited to the end",
        """
        09:00 customer message
        09:01 bot message
        09:02 bot handoff
        09:06 system closed
        """,
        "resolution bot_outcome customer_wait",
        """
        1/0/resolution 09:00-09:06 6m bot
        1/0/bot_outcome 09:00-09:06 handed_off
        1/0/customer_wait 09:00-09:06 4m
        """,
    ),
    Case(
        "a turn that waits for the bot when the episode ends cost no time on the human clock",
        """
        09:00 bot message
        09:01 customer message
        09:09 system resolved
        """,
        "customer_wait",
        "1/0/customer_wait 09:00-09:09 0s",
    ),
    Case(
        "time pending or on hold is not active; going from one to the other keeps it paused",
        """
        09:00 customer message
        09:10 ana pending
        09:20 ana on_hold
        09:40 ana open
        10:00 ana resolved
        """,
        "resolution active_resolution",
        """
        1/0/resolution 09:00-10:00 1h unanswered by=ana
        1/0/active_resolution 09:00-10:00 30m unanswered by=ana
        """,
    ),
    Case(
        "a contact resumes a paused episode; a reply, a thank-you and the same status again do not",
        """
        09:00 customer message
        09:10 ana pending
        09:12 ana message
        09:14 customer ack
        09:16 ana pending
        09:20 customer message
        09:30 ana resolved
        """,
        "active_resolution",
        "1/0/active_resolution 09:00-09:30 20m answered by=ana",
    ),
    Case(
        "an episode may end while it is paused",
        """
        09:00 customer message
        09:10 ana on_hold
        09:30 ana resolved
        """,
        "resolution active_resolution handle_time",
        """
        1/0/resolution 09:00-09:30 30m unanswered by=ana
        1/0/active_resolution 09:00-09:30 10m unanswered by=ana
        """,
    ),
    Case(
        "handle time is that of each assignee while the status is open",
        """
        09:00 customer message
        09:05 system assigned=ana
        09:10 system assigned=bo
        09:20 bo pending
        09:30 system assigned=cy
        09:40 bo open
        09:45 system assigned=nobody
        09:50 system assigned=ana
        10:00 ana resolved
        """,
        "handle_time",
        """
        1/ana/handle_time 09:00-10:00 15m assigned_open by=ana
        1/bo/handle_time 09:00-10:00 10m assigned_open by=bo
        1/cy/handle_time 09:00-10:00 5m assigned_open by=cy
        """,
    ),
    Case(
        "the assignee outlives the episode, and is handling the next one from its beginning",
        """
        09:00 customer message
        09:00 system assigned=ana
        09:10 ana resolved
        10:00 customer message
        10:07 system closed
        """,
        "handle_time resolution",
        """
        1/0/resolution 09:00-09:10 10m unanswered by=ana
        1/ana/handle_time 09:00-09:10 10m assigned_open by=ana
        2/0/resolution 10:00-10:07 7m unanswered by=ana
        2/ana/handle_time 10:00-10:07 7m assigned_open by=ana
        """,
    ),
    Case(
        "a call costs its talk, hold and wrap-up, whoever else is assigned; outside of an episode too",
        """
        08:00 ana call=30+0+0 via=voice id=early
        09:00 customer started via=voice
        09:10 ana call=60+15.5+30 via=voice id=call
        09:20 system assigned=bo
        09:25 system call=5+0+0 id=other
        """,
        "handle_time",
        """
        0/early/handle_time 07:59:30-08:00 30s voice by=ana via=voice
        1/call/handle_time 09:08:14.500-09:10 1m45.5s voice by=ana via=voice
        1/other/handle_time 09:24:55-09:25 5s voice by=bo
        """,
    ),
    Case(
        "a contact reopens; the conversation's full resolution goes on from its first beginning",
        """
        09:00 customer message
        09:05 ana message
        09:10 ana resolved
        +1 09:00 customer message via=email
        +1 09:30 bo closed
        """,
        "reopen resolution full_resolution",
        """
        1/0/resolution 09:00-09:10 10m answered by=ana
        2/0/reopen 09:10-09:00 23h50m via=email
        2/0/resolution 09:00-09:30 30m unanswered by=bo via=email
        0/0/full_resolution 09:00-09:30 24h30m unanswered by=bo via=email
        """,
    ),
    Case(
        "a change to open, pending or on hold reopens, and can begin paused",
        """
        09:00 customer message
        09:10 ana resolved
        09:20 ana on_hold
        09:50 ana resolved
        """,
        "reopen active_resolution",
        """
        1/0/active_resolution 09:00-09:10 10m unanswered by=ana
        2/0/reopen 09:10-09:20 10m
        2/0/active_resolution 09:20-09:50 0s unanswered by=ana
        """,
    ),
    Case(
        "in a done conversation replies, hand-offs, thanks and starts by others do nothing",
        """
        09:00 customer message
        09:10 ana resolved
        09:11 ana message
        09:12 bot message
        09:13 bot handoff
        09:14 customer ack
        09:15 ana started
        09:16 ana closed
        09:17 ana answered
        """,
        "",
        """
        1/0/resolution 09:00-09:10 10m unanswered by=ana
        1/0/active_resolution 09:00-09:10 10m unanswered by=ana
        0/0/full_resolution 09:00-09:10 10m unanswered by=ana
        1/0/customer_wait 09:00-09:10 10m by=ana
        """,
    ),
    Case(
        "done without ever having been open: the first contact reopens, since the change that made it done",
        """
        09:00 system closed
        09:05 system resolved
        09:10 customer message
        """,
        "reopen resolution full_resolution",
        "1/0/reopen 09:00-09:10 10m",
    ),
    Case(
        "merged: no facts of an end, and nothing after it counts, not even a survey",
        """
        09:00 customer message
        09:05 ana message
        09:10 customer message
        09:15 system merged
        09:20 ana message
        09:30 ana resolved
        09:31 customer csat=5
        09:32 ana call=60+0+0
        """,
        "",
        """
        1/1/first_response 09:00-09:05 5m by=ana
        1/0/first_response_any 09:00-09:05 5m human by=ana
        """,
    ),
    Case(
        "deleted anywhere leaves nothing",
        """
        09:00 customer message
        09:05 ana message
        09:10 ana resolved
        09:11 customer csat=5
        09:12 system deleted
        """,
        "",
        "",
    ),
    Case(
        "spam anywhere leaves nothing, even before the first contact and after a merge",
        """
        08:00 system merged
        09:00 system spam
        09:10 customer message
        09:11 ana message
        """,
        "",
        "",
    ),
    Case(
        "assigned from one to another is a transfer of agents, else from one team to another of teams",
        """
        08:00 system assigned=zoe team=tier0
        09:00 customer message
        09:01 system assigned=ana team=tier1
        09:02 system assigned=ana team=tier2
        09:03 system assigned=nobody team=tier3
        09:04 system assigned=bo
        09:05 system assigned=bo team=tier3
        09:06 ana message team=tier4
        """,
        "transfer",
        """
        1/1/transfer 09:01-09:01 agent by=ana team=tier1
        1/2/transfer 09:02-09:02 team by=ana team=tier2
        1/3/transfer 09:03-09:03 team team=tier3
        """,
    ),
    Case(
        "outside of an episode nothing is transferred; the numbers start again with each episode",
        """
        09:00 customer message
        09:01 system assigned=ana
        09:02 system assigned=bo
        09:10 bo resolved
        09:11 system assigned=ana
        09:20 customer message via=email
        09:21 system assigned=cy
        """,
        "transfer",
        """
        1/1/transfer 09:02-09:02 agent by=bo
        2/1/transfer 09:21-09:21 agent by=cy via=email
        """,
    ),
    Case(
        "the latest answer of a survey wins and keeps the episode of the first; others have the id of their event",
        """
        08:00 customer nps=9
        09:00 customer message
        09:10 ana resolved
        09:11 system assigned=ana
        09:12 customer csat=2 survey=s1 via=email
        09:20 customer message
        09:30 customer csat=5 survey=s1 via=sms
        09:31 customer ces=3 survey=s1
        """,
        "csat nps ces",
        """
        0/e1/nps 08:00-08:00 score=9.0
        1/s1/csat 09:30-09:30 by=ana score=5.0 via=sms
        2/s1/ces 09:31-09:31 by=ana score=3.0
        """,
    ),
    Case(
        "an answer without an id is no later one of another that is called the same",
        """
        09:00 customer message
        09:10 ana resolved
        09:11 customer csat=1 id=q
        09:12 customer csat=2 survey=s
        09:20 customer message
        09:21 customer csat=5 id=q from=forms
        09:22 customer csat=3 id=s
        """,
        "csat",
        """
        1/q/csat 09:11-09:11 score=1.0
        1/s/csat 09:12-09:12 score=2.0
        2/q/csat 09:21-09:21 score=5.0
        2/s/csat 09:22-09:22 score=3.0
        """,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_episodes(case: Case) -> None:
    case.check()
