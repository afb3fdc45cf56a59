"""What is measured of turns and episodes, and of the calls and surveys beside them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracle.episode import Episode, Turn
from tests.oracle.episodes import Conversation
from tests.oracle.facts import Made, in_business, made
from tests.oracle.moments import Moment


def measured(conversation: Conversation) -> Iterator[Made]:
    """All facts but those of the clocks."""
    for episode in conversation.episodes:
        yield from _reopen(episode)
        yield from _transfers(episode)
        yield from _first_response_any(episode)
        for turn in episode.turns:
            yield from _response(episode, turn)
        if episode.ended is not None and not episode.merged:
            yield from _at_the_end(conversation, episode, episode.ended)
    yield from _calls(conversation)
    yield from _surveys(conversation)


def _response(episode: Episode, turn: Turn) -> Iterator[Made]:
    """A human answered: how long the customer waited for one. The first such turn of an episode is its first."""
    reply, since = turn.ended, turn.human_since
    if reply is None or since is None or turn.ended_by != "human":
        return
    yield made(
        reply,
        "next_response" if turn.is_later else "first_response",
        episode.number,
        turn.number,
        turn.opened.event.channel,
        since,
        reply.at_ms,
        value_ms=reply.at_ms - since,
        agent_id=reply.event.actor_id,
        **in_business(turn.policy, (since, reply.at_ms)),
    )


def _first_response_any(episode: Episode) -> Iterator[Made]:
    """The first wait of the episode that anyone ended, bot or human; there is one at most."""
    for turn in episode.turns:
        reply, since = turn.anyone, turn.opened.at_ms
        if reply is None:
            continue
        yield made(
            reply,
            "first_response_any",
            episode.number,
            0,
            turn.opened.event.channel,
            since,
            reply.at_ms,
            value_ms=reply.at_ms - since,
            outcome=reply.event.actor_kind,
            agent_id=reply.event.actor_id,
            **in_business(turn.policy, (since, reply.at_ms)),
        )
        return


def _reopen(episode: Episode) -> Iterator[Made]:
    """How long the conversation had been done."""
    before, opened = episode.reopens, episode.opened
    if before is not None:
        lasted_ms = opened.at_ms - before.at_ms
        channel = opened.event.channel
        yield made(opened, "reopen", episode.number, 0, channel, before.at_ms, opened.at_ms, value_ms=lasted_ms)


def _transfers(episode: Episode) -> Iterator[Made]:
    """Numbered from 1."""
    channel = episode.opened.event.channel
    for number, (moment, what) in enumerate(episode.transfers, start=1):
        at_ms, whom = moment.at_ms, moment.event.assignee_id
        yield made(moment, "transfer", episode.number, number, channel, at_ms, at_ms, outcome=what, agent_id=whom)


def _at_the_end(conversation: Conversation, episode: Episode, end: Moment) -> Iterator[Made]:
    """Resolved or closed."""
    number, channel = episode.number, episode.opened.event.channel
    since, until = episode.opened.at_ms, end.at_ms
    outcome = "answered" if episode.human_replied else "bot" if episode.bot_replied else "unanswered"
    how = {"outcome": outcome, "agent_id": end.handler}
    business = in_business(episode.policy, (since, until))
    yield made(end, "resolution", number, 0, channel, since, until, value_ms=until - since, **how, **business)

    # Only what is spent in status open; what pauses the clock of the SLA is another question.
    active = episode.stretches_in(["open"], until)
    active_ms = sum(to - start for start, to in active)
    business = in_business(episode.policy, *active)
    yield made(end, "active_resolution", number, 0, channel, since, until, value_ms=active_ms, **how, **business)

    # Of the conversation as a whole: one fact, which every end says anew.
    first = conversation.episodes[0].opened.at_ms
    yield made(end, "full_resolution", 0, 0, channel, first, until, value_ms=until - first, **how)

    waited_ms = sum(_human_wait_ms(turn) for turn in episode.turns)
    yield made(end, "customer_wait", number, 0, channel, since, until, value_ms=waited_ms, agent_id=end.handler)
    if episode.bot_replied:
        outcome = "handed_off" if episode.owner == "human" else "contained"
        yield made(end, "bot_outcome", number, 0, channel, since, until, outcome=outcome)
    for who in sorted({who for _, who in episode.assignees if who is not None}):
        worked_ms = _assigned_open_ms(episode, who, end)
        if worked_ms > 0:
            worked = {"value_ms": worked_ms, "outcome": "assigned_open", "agent_id": who}
            yield made(end, "handle_time", number, who, channel, since, until, **worked)


def _human_wait_ms(turn: Turn) -> int:
    """What the customer waited for a human: nothing where the bot's answer was enough."""
    if turn.ended is None or turn.human_since is None or turn.ended_by == "bot":
        return 0
    return turn.ended.at_ms - turn.human_since


def _assigned_open_ms(episode: Episode, who: str, end: Moment) -> int:
    """For how long it was theirs and open at once."""
    return sum(
        max(0, min(one_end, other_end) - max(one, other))
        for one, one_end in episode.assigned_to(who, end.at_ms)
        for other, other_end in episode.stretches_in(["open"], end.at_ms)
    )


def _calls(conversation: Conversation) -> Iterator[Made]:
    """What a call took of somebody's time, which ended with the call."""
    for moment, episode in conversation.asides:
        event = moment.event
        if event.call is not None and event.type == "call_ended":
            took_ms = round((event.call.talk_seconds + event.call.hold_seconds + event.call.wrap_seconds) * 1000)
            took = {"value_ms": took_ms, "outcome": "voice", "agent_id": moment.handler}
            since = moment.at_ms - took_ms
            yield made(moment, "handle_time", episode, event.event_id, event.channel, since, moment.at_ms, **took)


def _surveys(conversation: Conversation) -> Iterator[Made]:
    """What customers think. A later answer to the same survey belongs to the episode of the first one."""
    first: dict[tuple[str, str], int] = {}
    for moment, current in conversation.asides:
        event = moment.event
        survey = event.survey
        if survey is None or event.type != "survey_answered":
            continue
        # Without a name of its own an answer stands for itself, whatever another source calls its event.
        slot = event.event_id if survey.survey_id is None else survey.survey_id
        episode = current if survey.survey_id is None else first.setdefault((survey.kind, slot), current)
        scale = {"score": survey.score, "score_min": survey.min, "score_max": survey.max}
        at_ms = moment.at_ms
        yield made(moment, survey.kind, episode, slot, event.channel, at_ms, at_ms, agent_id=moment.assignee, **scale)
