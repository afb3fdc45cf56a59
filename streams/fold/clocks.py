"""When the clocks of a conversation run out (SPEC §4)."""

from __future__ import annotations

from schemas.times import EpochMs
from streams.fold.state import Episode, Turn
from streams.sla.policies import PolicyBook, deadline, running_ms
from streams.sla.policy import NO_POLICY, Policy


def response_target(turn: Turn) -> str:
    """The name of the target that the turn's human clock has."""
    return "first_response" if turn.is_first else "next_response"


def response_deadline(turn: Turn, book: PolicyBook) -> EpochMs | None:
    """The deadline of a turn's human clock; None without a started clock, a policy, a target or enough open time."""
    if turn.policy == NO_POLICY or turn.clock is None:
        return None
    policy = book[turn.policy]
    target_ms = policy.targets_ms.get(response_target(turn))
    return None if target_ms is None else deadline(policy, turn.clock, target_ms)


def resolution_deadline(episode: Episode, book: PolicyBook) -> EpochMs | None:
    """The deadline of an episode, its pauses so far taken out; None also while it is paused with target left."""
    if episode.policy == NO_POLICY:
        return None
    policy = book[episode.policy]
    target_ms = policy.targets_ms.get("resolution")
    if target_ms is None:
        return None
    run = resolution_run(episode, policy, target_ms)
    return None if run is None else deadline(policy, *run)


def resolution_run(episode: Episode, policy: Policy, target_ms: int) -> tuple[EpochMs, int] | None:
    """Since when the clock of an episode runs, and how much of its target was left then; None while it is paused.

    A clock that ran out before a pause has been running since before that pause.
    """
    left_ms = target_ms
    running_since = episode.started
    for pause in episode.pauses:
        if pause.status not in policy.pause_on:
            continue
        spent_ms = running_ms(policy, running_since, pause.since)
        if spent_ms >= left_ms:
            break
        if pause.until is None:
            return None
        left_ms -= spent_ms
        running_since = pause.until
    return running_since, left_ms
