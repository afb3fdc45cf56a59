"""What becomes of clocks that have a target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.records import Channel
from schemas.times import EpochMs
from tests.oracle.episode import Episode, Turn
from tests.oracle.facts import Made, made, version_of
from tests.oracle.moments import Moment
from tests.oracle.policies import Policy


@dataclass(frozen=True)
class Clock:
    """A clock that has a target."""

    metric: str
    slot: int
    channel: Channel
    policy: Policy
    since_ms: EpochMs
    #: None: it may run for ever.
    deadline: EpochMs | None
    ended: Moment | None
    #: What it is if it ended in time.
    in_time: str


def judged(episode: Episode, latest: Moment, as_of_ms: EpochMs) -> Iterator[Made]:
    """What became of the clocks of an episode. `latest`: whoever spoke last knew the team of those that still run."""
    for clock in (*(_response_clock(turn) for turn in episode.turns), _resolution_clock(episode)):
        if clock is not None:
            yield from _outcome(clock, episode, latest, as_of_ms)


def _response_clock(turn: Turn) -> Clock | None:
    """The wait for a human. It has no target while there is a bot to talk to, and none that a policy does not name."""
    name = "next_response" if turn.is_later else "first_response"
    policy, since = turn.policy, turn.human_since
    if policy is None or since is None or name not in policy.targets_ms:
        return None
    deadline = policy.deadline(since, policy.targets_ms[name])
    # Without a human's answer nobody can say that the target was met.
    in_time = "met" if turn.ended_by == "human" else "cancelled"
    return Clock(f"sla_{name}", turn.number, turn.opened.event.channel, policy, since, deadline, turn.ended, in_time)


def _resolution_clock(episode: Episode) -> Clock | None:
    """From the opening to the end. What was merged into another conversation was neither resolved nor forgotten."""
    policy, opened = episode.policy, episode.opened
    if policy is None or "resolution" not in policy.targets_ms:
        return None
    deadline = _resolution_deadline(episode, policy)
    in_time = "cancelled" if episode.merged else "met"
    return Clock("sla_resolution", 0, opened.event.channel, policy, opened.at_ms, deadline, episode.ended, in_time)


def _resolution_deadline(episode: Episode, policy: Policy) -> EpochMs | None:
    """When the target is used up. None while a status pauses it with something left."""
    left_ms = policy.targets_ms["resolution"]
    latest_since, latest_status = episode.statuses[-1]
    running = [status for _, status in episode.statuses if status not in policy.pause_on]
    for since, until in episode.stretches_in(running, latest_since):
        spent_ms = policy.runs_ms(since, until)
        if spent_ms >= left_ms:
            return policy.deadline(since, left_ms)
        left_ms -= spent_ms
    return None if latest_status in policy.pause_on else policy.deadline(latest_since, left_ms)


def _outcome(clock: Clock, episode: Episode, latest: Moment, as_of_ms: EpochMs) -> Iterator[Made]:
    """An end by the deadline, or at it, is in time. Of a clock that still runs nothing is said until it is late."""
    ended, deadline = clock.ended, clock.deadline
    late = deadline is not None and deadline < (as_of_ms if ended is None else ended.at_ms)
    if ended is None and not late:
        return
    yield made(
        latest if ended is None else ended,
        clock.metric,
        episode.number,
        clock.slot,
        clock.channel,
        clock.since_ms,
        None if ended is None else ended.at_ms,
        value_ms=None if ended is None else ended.at_ms - clock.since_ms,
        outcome="breached" if late else clock.in_time,
        deadline=deadline,
        policy=clock.policy.name,
        policy_version=version_of(clock.policy),
    )
