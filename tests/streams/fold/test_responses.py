"""Who waits for whom: turns, hand-offs, and the response facts they make (SPEC §2 and §3)."""

from __future__ import annotations

import pytest

from tests.streams.stories import Case

WAITS = "first_response next_response"

CASES = [
    Case(
        "the wait counts from the first message of the customer, not the last",
        """
        09:00 customer message
        09:03 customer message
        09:05 ana message
        """,
        WAITS,
        "1/1/first_response 09:00-09:05 5m by=ana",
    ),
    Case(
        "later turns are next responses, and a second reply in a row answers nothing",
        """
        09:00 customer message
        09:05 ana message
        09:06 ana message
        09:10 customer message
        09:12 bo message
        """,
        WAITS,
        """
        1/1/first_response 09:00-09:05 5m by=ana
        1/2/next_response 09:10-09:12 2m by=bo
        """,
    ),
    Case(
        "a thank-you, an out-of-office, an auto-reply and a note are neither contact nor reply",
        """
        09:00 customer auto
        09:01 customer ack
        09:02 customer message
        09:03 ana auto
        09:04 ana note
        09:05 system message
        09:06 bot auto
        09:10 ana message
        09:11 customer ack
        09:20 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:02-09:10 8m by=ana
        1/0/first_response_any 09:02-09:10 8m human by=ana
        """,
    ),
    Case(
        "a conversation started by the customer is a contact, even without a message",
        """
        09:00 customer started
        09:02 ana message
        """,
        WAITS,
        "1/1/first_response 09:00-09:02 2m by=ana",
    ),
    Case(
        "a conversation started by an agent makes nobody wait",
        """
        09:00 ana started
        09:02 ana message
        09:10 customer message
        09:11 ana message
        """,
        WAITS,
        "1/1/first_response 09:10-09:11 1m by=ana",
    ),
    Case(
        "picking up the phone is a reply; a bot that picks up is none",
        """
        09:00 customer started via=voice
        09:01 bot answered via=voice
        09:02 ana answered via=voice
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:00-09:02 2m by=ana via=voice
        1/0/first_response_any 09:00-09:02 2m human by=ana via=voice
        """,
    ),
    Case(
        "the channel of a response is that of the message that opened the turn",
        """
        09:00 customer message via=email
        09:05 ana message via=sms
        09:10 customer message via=sms
        09:11 ana message via=email
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:00-09:05 5m by=ana via=email
        1/0/first_response_any 09:00-09:05 5m human by=ana via=email
        1/2/next_response 09:10-09:11 1m by=ana via=sms
        """,
    ),
    Case(
        "team and priority are those known when the fact is made, this event included",
        """
        09:00 customer message team=tier1 priority=low
        09:05 ana message priority=high
        09:06 customer message
        09:08 ana message team=tier2
        """,
        WAITS,
        """
        1/1/first_response 09:00-09:05 5m by=ana team=tier1 priority=high
        1/2/next_response 09:06-09:08 2m by=ana team=tier2 priority=high
        """,
    ),
    Case(
        "a bot's answer ends the wait for anyone and the turn; it is no human response",
        """
        09:00 customer message
        09:01 bot message
        09:05 customer message
        09:06 bot message
        """,
        f"{WAITS} first_response_any",
        "1/0/first_response_any 09:00-09:01 1m bot by=bot",
    ),
    Case(
        "a human who answers a turn the bot owns had it on the clock since the turn began",
        """
        09:00 customer message
        09:01 bot message
        09:05 customer message
        09:08 ana message
        """,
        f"{WAITS} first_response_any customer_wait",
        """
        1/0/first_response_any 09:00-09:01 1m bot by=bot
        1/2/first_response 09:05-09:08 3m by=ana
        """,
    ),
    Case(
        "a hand-off while the bot's customer waits starts the human clock",
        """
        09:00 customer message
        09:01 bot message
        09:05 customer message
        09:07 bot handoff
        09:10 ana message
        """,
        WAITS,
        "1/2/first_response 09:07-09:10 3m by=ana",
    ),
    Case(
        "a hand-off while nobody waits opens a turn of its own, whose wait for anyone is over",
        """
        09:00 customer message
        09:01 bot message
        09:07 bot handoff
        09:08 bot message
        09:10 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/0/first_response_any 09:00-09:01 1m bot by=bot
        1/2/first_response 09:07-09:10 3m by=ana
        """,
    ),
    Case(
        "a hand-off before any bot spoke keeps the clock where it was",
        """
        09:00 customer message
        09:02 system handoff
        09:05 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:00-09:05 5m by=ana
        1/0/first_response_any 09:00-09:05 5m human by=ana
        """,
    ),
    Case(
        "a hand-off of an episode a human owns changes nothing",
        """
        09:00 customer message
        09:01 ana message
        09:02 bot handoff
        09:05 ana message
        """,
        WAITS,
        "1/1/first_response 09:00-09:01 1m by=ana",
    ),
    Case(
        "a hand-off alone begins an episode in which the customer waits",
        """
        09:00 bot handoff via=in_app
        09:03 ana message
        09:04 ana resolved
        """,
        f"{WAITS} first_response_any resolution",
        """
        1/1/first_response 09:00-09:03 3m by=ana via=in_app
        1/0/resolution 09:00-09:04 4m answered by=ana via=in_app
        """,
    ),
    Case(
        "being assigned takes the episode over from the bot, and starts the clock of who waits",
        """
        09:00 customer message
        09:01 bot message
        09:05 customer message
        09:06 system assigned=ana
        09:07 bot message
        09:10 ana message
        """,
        WAITS,
        "1/2/first_response 09:06-09:10 4m by=ana",
    ),
    Case(
        "being unassigned takes over nothing",
        """
        09:00 customer message
        09:01 bot message
        09:05 customer message
        09:06 system assigned=nobody
        09:07 bot message
        09:10 customer message
        09:12 ana message
        """,
        WAITS,
        "1/3/first_response 09:10-09:12 2m by=ana",
    ),
    Case(
        "assigned before any bot spoke: a bot's reply no longer ends the turn, only the wait for anyone",
        """
        09:00 customer message
        09:01 system assigned=ana
        09:02 bot message
        09:06 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/0/first_response_any 09:00-09:02 2m bot by=bot
        1/1/first_response 09:00-09:06 6m by=ana
        """,
    ),
    Case(
        "a bot's greeting with nobody waiting owns the episode, so the clock waits for a human to be asked",
        """
        09:00 bot message
        09:01 customer message
        09:04 bot handoff
        09:06 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:04-09:06 2m by=ana
        1/0/first_response_any 09:01-09:06 5m human by=ana
        """,
    ),
    Case(
        "first_response_any is the first turn whose wait for anyone ends, once an episode",
        """
        09:00 customer message
        09:05 ana message
        09:10 customer message
        09:11 bot message
        09:12 ana message
        """,
        "first_response_any",
        "1/0/first_response_any 09:00-09:05 5m human by=ana",
    ),
    Case(
        "an unanswered turn of an episode leaves no response; the next episode has a first response of its own",
        """
        09:00 customer message
        09:05 ana resolved
        10:00 customer message
        10:02 ana message
        """,
        WAITS,
        "2/1/first_response 10:00-10:02 2m by=ana",
    ),
    Case(
        "in the same millisecond the source's own order decides, then the id",
        """
        09:00 customer message seq=2 id=a
        09:00 bot message seq=1 id=b
        09:05 customer message id=d
        09:05 ana message id=c
        09:09 ana message
        """,
        f"{WAITS} first_response_any",
        """
        1/1/first_response 09:00-09:05 5m by=ana
        1/0/first_response_any 09:00-09:05 5m human by=ana
        1/2/next_response 09:05-09:09 4m by=ana
        """,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_responses(case: Case) -> None:
    case.check()
