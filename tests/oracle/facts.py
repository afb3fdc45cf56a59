"""How a fact is written down."""

from __future__ import annotations

from typing import Any

from schemas.records import Channel, MetricFact
from schemas.times import EpochMs
from tests.oracle.calendars import moment_of
from tests.oracle.moments import Moment
from tests.oracle.policies import Policy

#: The place in its conversation of the event that made it, and the fact.
Made = tuple[int, MetricFact]


def made(
    by: Moment,
    metric: str,
    episode: int,
    slot: str | int,
    channel: Channel,
    started_ms: EpochMs,
    ended_ms: EpochMs | None,
    **said: Any,
) -> Made:
    """A fact of an event: of that conversation, with the team and the priority that were known then."""
    event = by.event
    fact = MetricFact(
        tenant=event.tenant,
        fact_id=f"{event.conversation_id}/{episode}/{slot}/{metric}",
        metric=metric,
        conversation_id=event.conversation_id,
        episode=episode,
        channel=channel,
        started_at=started_ms,
        ended_at=ended_ms,
        team=by.team,
        priority=by.priority,
        **said,
    )
    return by.place, fact


def in_business(policy: Policy | None, *stretches: tuple[EpochMs, EpochMs]) -> dict[str, Any]:
    """The business time of a fact, and which version of the policies says so. Without a calendar, neither."""
    business_ms = None if policy is None else policy.business_ms(stretches)
    if policy is None or business_ms is None:
        return {}
    return {"business_ms": business_ms, "policy_version": version_of(policy)}


def version_of(policy: Policy) -> str:
    """What a fact calls the version that judged it, up to the fingerprint of what that says."""
    if policy.since_ms is None:
        return "initial"
    return moment_of(policy.since_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
