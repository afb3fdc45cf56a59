"""One event at a time: how it moves the state of its conversation (SPEC §2), and which facts that makes."""

from __future__ import annotations

from schemas.times import EpochMs
from streams.fold.events import LogEvent
from streams.fold.measure import EPISODE, TURN, Measure
from streams.fold.state import Episode, Pause, Turn

_DONE = ("resolved", "closed")


def step(measure: Measure, event: LogEvent) -> None:
    """Fold the next event into `measure.state`; its facts go to `measure.facts`. Never an event that `erases`."""
    state = measure.state
    if state.merged:
        return
    previous_team = state.team
    if event.team is not None:
        state.team = event.team
    if event.priority is not None:
        state.priority = event.priority
    # The most frequent first. What is not here leaves facts and clocks alone.
    kind = event.type
    if kind == "message":
        _message(measure, event)
    elif kind == "assigned":
        _assigned(measure, event, previous_team)
    elif kind == "status_changed":
        _status_changed(measure, event)
    elif kind == "conversation_started":
        _conversation_started(measure, event)
    elif kind == "handoff_requested":
        _handoff(measure, event)
    elif kind == "call_answered":
        _call_answered(measure, event)
    elif kind == "call_ended":
        measure.call(event)
    elif kind == "survey_answered":
        _survey_answered(measure, event)
    elif kind == "merged":
        _merged(measure, event)


def _message(measure: Measure, event: LogEvent) -> None:
    if event.automated:
        return
    actor = event.actor_kind
    if actor == "customer":
        if not event.ack:
            _contact(measure, event)
    elif actor == "human":
        _human_reply(measure, event)
    elif actor == "bot":
        _bot_reply(measure, event)


def _conversation_started(measure: Measure, event: LogEvent) -> None:
    if event.actor_kind == "customer":
        _contact(measure, event)
    else:
        _episode_unless_done(measure, event)


def _call_answered(measure: Measure, event: LogEvent) -> None:
    if event.actor_kind == "human" and not event.automated:
        _human_reply(measure, event)


def _contact(measure: Measure, event: LogEvent) -> None:
    episode = measure.state.episode or _begin(measure, event)
    if is_paused(episode):
        _resume(measure, episode, event.occurred_at)
    if episode.turn is None:
        turn = _open_turn(measure, episode, event)
        if episode.owner != "bot":
            _start_clock(measure, turn, event)


def _human_reply(measure: Measure, event: LogEvent) -> None:
    episode = _episode_unless_done(measure, event)
    if episode is None:
        return
    turn = episode.turn
    if turn is not None:
        if turn.clock is None:
            turn.clock = turn.started
        _anyone(measure, episode, turn, event)
        measure.response(episode, turn, event)
        episode.response_done = True
        episode.human_wait_ms += event.occurred_at - turn.clock
        episode.turn = None
        measure.moved |= TURN
    episode.human_replies += 1
    episode.owner = "human"


def _bot_reply(measure: Measure, event: LogEvent) -> None:
    episode = _episode_unless_done(measure, event)
    if episode is None:
        return
    episode.bot_replies += 1
    if episode.owner is None:
        episode.owner = "bot"
    turn = episode.turn
    if turn is None:
        return
    _anyone(measure, episode, turn, event)
    if episode.owner == "bot":
        measure.response_clock_stopped(episode, turn, event.occurred_at)
        episode.turn = None
        measure.moved |= TURN


def _anyone(measure: Measure, episode: Episode, turn: Turn, reply: LogEvent) -> None:
    if turn.any_over:
        return
    turn.any_over = True
    if not episode.any_done:
        episode.any_done = True
        measure.first_response_any(episode, turn, reply, reply.actor_kind)


def _handoff(measure: Measure, event: LogEvent) -> None:
    episode = _episode_unless_done(measure, event)
    if episode is None or episode.owner == "human":
        return
    if episode.turn is None:
        turn = _open_turn(measure, episode, event)
        _start_clock(measure, turn, event)
        turn.any_over = True
    _human_takes_over(measure, episode, event)


def _human_takes_over(measure: Measure, episode: Episode, event: LogEvent) -> None:
    if episode.owner == "bot" and episode.turn is not None and episode.turn.clock is None:
        _start_clock(measure, episode.turn, event)
    episode.owner = "human"


def _assigned(measure: Measure, event: LogEvent, previous_team: str | None) -> None:
    state = measure.state
    previous, state.assignee = state.assignee, event.assignee_id
    episode = state.episode
    if episode is None:
        return
    _count_assigned(episode, previous, event.occurred_at)
    changed_agent = previous is not None and event.assignee_id is not None and previous != event.assignee_id
    changed_team = previous_team is not None and event.team is not None and previous_team != event.team
    if changed_agent or changed_team:
        episode.transfers += 1
        measure.transfer(episode, event, "agent" if changed_agent else "team")
    if event.assignee_id is not None and episode.owner != "human":
        _human_takes_over(measure, episode, event)


def _status_changed(measure: Measure, event: LogEvent) -> None:
    state, status, at_ms = measure.state, event.status, event.occurred_at
    episode = state.episode
    if status in _DONE:
        if episode is not None:
            _end(measure, episode, event)
        elif not state.done:
            state.done_since = at_ms
        state.done = True
        return
    if episode is None:
        episode = _begin(measure, event)
    if is_paused(episode):
        if _last_pause(episode).status == status:
            return
        _resume(measure, episode, at_ms)
    if status in ("pending", "on_hold"):
        _count_assigned(episode, state.assignee, at_ms)
        episode.pauses.append(Pause(status, at_ms))
        measure.moved |= EPISODE


def _survey_answered(measure: Measure, event: LogEvent) -> None:
    survey = event.survey
    if survey is None:
        return
    state, slot = measure.state, survey.survey_id
    measure.answered_again = False
    episode = state.episodes
    # Without an id of its own an answer is nobody's later one, whatever other sources call theirs.
    if slot:
        name = f"{survey.kind}/{slot}"
        measure.answered_again = name in state.surveys
        episode = state.surveys.setdefault(name, episode)
    measure.survey(event, survey, slot or event.event_id, episode)


def _merged(measure: Measure, event: LogEvent) -> None:
    state = measure.state
    state.merged = True
    episode = state.episode
    if episode is not None:
        if episode.turn is not None:
            measure.response_clock_stopped(episode, episode.turn, event.occurred_at)
        measure.resolution_clock_cancelled(episode, event.occurred_at)
        state.episode = None
        measure.moved = TURN | EPISODE


def is_paused(episode: Episode) -> bool:
    """The status is pending or on_hold."""
    return bool(episode.pauses) and _last_pause(episode).until is None


def _last_pause(episode: Episode) -> Pause:
    return episode.pauses[-1]


def _episode_unless_done(measure: Measure, event: LogEvent) -> Episode | None:
    """The current episode; else a new one, which only a done conversation refuses."""
    state = measure.state
    if state.episode is None and not state.done:
        return _begin(measure, event)
    return state.episode


def _begin(measure: Measure, event: LogEvent) -> Episode:
    state, at_ms = measure.state, event.occurred_at
    state.episodes += 1
    measure.moved |= EPISODE
    episode = state.episode = Episode(
        number=state.episodes,
        started=at_ms,
        channel=event.channel,
        policy=_policy(measure, event),
        assigned_since=at_ms,
        historical=event.historical,
    )
    if state.first_started is None:
        state.first_started = at_ms
    if state.done:
        state.done = False
        measure.reopen(episode, event)
    return episode


def _end(measure: Measure, episode: Episode, event: LogEvent) -> None:
    state, at_ms = measure.state, event.occurred_at
    turn = episode.turn
    if turn is not None:
        if turn.clock is not None:
            episode.human_wait_ms += at_ms - turn.clock
        measure.response_clock_stopped(episode, turn, at_ms)
        episode.turn = None
    _count_assigned(episode, state.assignee, at_ms)
    measure.end(episode, event)
    state.done_since = at_ms
    state.episode = None
    measure.moved = TURN | EPISODE


def _open_turn(measure: Measure, episode: Episode, event: LogEvent) -> Turn:
    episode.turns += 1
    turn = episode.turn = Turn(
        number=episode.turns,
        started=event.occurred_at,
        channel=event.channel,
        policy=_policy(measure, event),
        clock=None,
        any_over=False,
        is_first=not episode.response_done,
        historical=event.historical,
    )
    return turn


def _start_clock(measure: Measure, turn: Turn, event: LogEvent) -> None:
    measure.moved |= TURN
    turn.clock = event.occurred_at
    turn.historical = event.historical


def _policy(measure: Measure, event: LogEvent) -> int:
    state = measure.state
    return measure.book.match(event.occurred_at, (measure.tenant, event.channel, state.team, state.priority))


def _resume(measure: Measure, episode: Episode, at_ms: EpochMs) -> None:
    measure.moved |= EPISODE
    _last_pause(episode).until = at_ms
    episode.assigned_since = at_ms


def _count_assigned(episode: Episode, assignee: str | None, at_ms: EpochMs) -> None:
    """Credit the assignee with the open time since the last change of assignee or status."""
    if is_paused(episode):
        return
    if assignee is not None:
        spent_ms = at_ms - episode.assigned_since
        episode.assigned_open_ms[assignee] = episode.assigned_open_ms.get(assignee, 0) + spent_ms
    episode.assigned_since = at_ms
