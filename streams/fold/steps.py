"""One event at a time: how it moves the state of its conversation (SPEC §2), and which facts that makes."""

from __future__ import annotations

from schemas.records import InteractionEvent
from schemas.times import EpochMs
from streams.fold.measure import Measure
from streams.fold.state import Episode, FoldState, Pause, Turn, order_key
from streams.sla.policies import Subject

PAUSES = frozenset(("pending", "on_hold"))
DONE = frozenset(("resolved", "closed"))


def erases(event: InteractionEvent) -> bool:
    """Anywhere in the set, such an event leaves the conversation without any facts."""
    return event.type == "deleted" or (event.type == "status_changed" and event.status == "spam")


def step(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    """Fold the next event into `state`, in place; its facts go to `measure`. Never an event that `erases`."""
    state.last = order_key(event)
    if state.merged:
        return
    previous_team = state.team
    if event.team is not None:
        state.team = event.team
    if event.priority is not None:
        state.priority = event.priority
    kind = event.type
    if kind == "message":
        _message(state, event, measure)
    elif kind == "status_changed":
        _status_changed(state, event, measure)
    elif kind == "assigned":
        _assigned(state, event, previous_team, measure)
    elif kind == "conversation_started":
        _conversation_started(state, event, measure)
    elif kind == "handoff_requested":
        _handoff(state, event, measure)
    elif kind == "call_answered":
        if event.actor_kind == "human" and not event.automated:
            _human_reply(state, event, measure)
    elif kind == "call_ended":
        measure.call(state, event)
    elif kind == "survey_answered":
        _survey(state, event, measure)
    elif kind == "merged":
        _merged(state, event, measure)


def _message(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    if event.automated:
        return
    actor = event.actor_kind
    if actor == "customer":
        if not event.ack:
            _contact(state, event, measure)
    elif actor == "human":
        _human_reply(state, event, measure)
    elif actor == "bot":
        _bot_reply(state, event, measure)


def _conversation_started(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    if event.actor_kind == "customer":
        _contact(state, event, measure)
    elif state.episode is None and not state.done:
        _begin(state, event, measure)


def _contact(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    episode = state.episode or _begin(state, event, measure)
    if episode.paused:
        _resume(state, episode, event.occurred_at)
    if episode.turn is None:
        clock = None if episode.owner == "bot" else event.occurred_at
        _open_turn(state, episode, event, clock, measure)


def _human_reply(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    episode = state.episode
    if episode is None:
        if state.done:
            return
        episode = _begin(state, event, measure)
    turn = episode.turn
    if turn is not None:
        if turn.clock is None:
            turn.clock = turn.started
        if not turn.any_over:
            _anyone(state, episode, turn, event, "human", measure)
        measure.response(state, episode, turn, event)
        episode.response_done = True
        episode.human_wait_ms += event.occurred_at - turn.clock
        episode.turn = None
    episode.human_replies += 1
    episode.owner = "human"


def _bot_reply(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    episode = state.episode
    if episode is None:
        if state.done:
            return
        episode = _begin(state, event, measure)
    episode.bot_replies += 1
    if episode.owner is None:
        episode.owner = "bot"
    turn = episode.turn
    if turn is None:
        return
    if not turn.any_over:
        _anyone(state, episode, turn, event, "bot", measure)
    if episode.owner == "bot":
        measure.response_clock_stopped(state, episode, turn, event.occurred_at)
        episode.turn = None


def _handoff(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    episode = state.episode
    if episode is None:
        if state.done:
            return
        episode = _begin(state, event, measure)
    if episode.owner == "human":
        return
    if episode.turn is None:
        _open_turn(state, episode, event, event.occurred_at, measure, any_over=True)
    _human_takes_over(episode, event.occurred_at)


def _human_takes_over(episode: Episode, at_ms: EpochMs) -> None:
    if episode.owner == "bot" and episode.turn is not None and episode.turn.clock is None:
        episode.turn.clock = at_ms
    episode.owner = "human"


def _assigned(state: FoldState, event: InteractionEvent, previous_team: str | None, measure: Measure) -> None:
    previous, state.assignee = state.assignee, event.assignee_id
    episode = state.episode
    if episode is None:
        return
    _count_assigned(episode, previous, event.occurred_at)
    episode.assigned_since = None if episode.paused else event.occurred_at
    changed_agent = previous is not None and event.assignee_id is not None and previous != event.assignee_id
    changed_team = previous_team is not None and event.team is not None and previous_team != event.team
    if changed_agent or changed_team:
        episode.transfers += 1
        measure.transfer(state, episode, event, "agent" if changed_agent else "team")
    if event.assignee_id is not None and episode.owner != "human":
        _human_takes_over(episode, event.occurred_at)


def _status_changed(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    status, at_ms = event.status, event.occurred_at
    episode = state.episode
    if status in DONE:
        if episode is not None:
            _end(state, episode, event, measure)
        elif not state.done:
            state.done_since = at_ms
        state.done = True
        return
    if episode is None:
        episode = _begin(state, event, measure)
    if episode.paused:
        if episode.pauses[-1].status == status:
            return
        _resume(state, episode, at_ms)
    if status == "pending" or status == "on_hold":
        _count_assigned(episode, state.assignee, at_ms)
        episode.assigned_since = None
        episode.pauses.append(Pause(status, at_ms))


def _survey(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    survey = event.survey
    if survey is None:
        return
    slot = survey.survey_id or event.event_id
    episode = state.surveys.setdefault(f"{survey.kind}/{slot}", state.episodes)
    measure.survey(state, event, survey, slot, episode)


def _merged(state: FoldState, event: InteractionEvent, measure: Measure) -> None:
    state.merged = True
    episode = state.episode
    if episode is not None:
        if episode.turn is not None:
            measure.response_clock_stopped(state, episode, episode.turn, event.occurred_at)
        measure.resolution_clock_cancelled(state, episode, event.occurred_at)
        state.episode = None


def _begin(state: FoldState, event: InteractionEvent, measure: Measure) -> Episode:
    at_ms = event.occurred_at
    state.episodes += 1
    policy = measure.book.match(at_ms, Subject(event.tenant, event.channel, state.team, state.priority))
    episode = state.episode = Episode(
        number=state.episodes, started=at_ms, channel=event.channel, policy=policy, assigned_since=at_ms
    )
    if state.first_started is None:
        state.first_started = at_ms
    if state.done:
        state.done = False
        measure.reopen(state, episode, event)
    return episode


def _end(state: FoldState, episode: Episode, event: InteractionEvent, measure: Measure) -> None:
    at_ms = event.occurred_at
    turn = episode.turn
    if turn is not None:
        if turn.clock is not None:
            episode.human_wait_ms += at_ms - turn.clock
        measure.response_clock_stopped(state, episode, turn, at_ms)
        episode.turn = None
    _count_assigned(episode, state.assignee, at_ms)
    measure.end(state, episode, event)
    state.done_since = at_ms
    state.episode = None


def _open_turn(
    state: FoldState,
    episode: Episode,
    event: InteractionEvent,
    clock: EpochMs | None,
    measure: Measure,
    any_over: bool = False,
) -> None:
    at_ms = event.occurred_at
    episode.turns += 1
    episode.turn = Turn(
        number=episode.turns,
        started=at_ms,
        channel=event.channel,
        policy=measure.book.match(at_ms, Subject(event.tenant, event.channel, state.team, state.priority)),
        clock=clock,
        any_over=any_over,
        is_first=not episode.response_done,
    )


def _anyone(
    state: FoldState, episode: Episode, turn: Turn, event: InteractionEvent, outcome: str, measure: Measure
) -> None:
    turn.any_over = True
    if not episode.any_done:
        episode.any_done = True
        measure.first_response_any(state, episode, turn, event, outcome)


def _resume(state: FoldState, episode: Episode, at_ms: EpochMs) -> None:
    episode.pauses[-1].until = at_ms
    episode.assigned_since = at_ms


def _count_assigned(episode: Episode, assignee: str | None, at_ms: EpochMs) -> None:
    if assignee is not None and episode.assigned_since is not None and not episode.paused:
        spent = at_ms - episode.assigned_since
        episode.assigned_open_ms[assignee] = episode.assigned_open_ms.get(assignee, 0) + spent
