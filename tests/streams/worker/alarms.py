"""Conversations that happen now, under targets of seconds, and the alerts that come of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schemas import wire
from schemas.records import InteractionEvent, MetricFact, SlaAlert
from schemas.times import EpochMs
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from tests.streams.worker.harness import Surroundings

TARGET_SECONDS = 2.0
POLICIES = f"""
policies:
  - name: quick
    targets: {{first_response: {TARGET_SECONDS}s}}
    warn_at: [0.5]
"""
BOOK: PolicyBook = policy_file.parse(POLICIES)
#: Who answers within a second is in time by the first, and too late by these.
HARDER: PolicyBook = policy_file.parse(
    """
policies:
  - name: harder
    targets: {first_response: 0.5s}
    warn_at: [0.5]
"""
)

#: Conversation, level and share.
Said = tuple[str, str, "float | None"]


def now_ms() -> EpochMs:
    return time.time_ns() // 1_000_000


def contact(
    conversation: str, at_ms: EpochMs | None = None, *, historical: bool = False, team: str | None = None
) -> InteractionEvent:
    """A customer writes, now unless told otherwise."""
    return InteractionEvent(
        event_id=f"{conversation}-contact",
        tenant="acme",
        source="chat",
        channel="live_chat",
        type="message",
        occurred_at=now_ms() if at_ms is None else at_ms,
        conversation_id=conversation,
        actor_kind="customer",
        historical=historical,
        team=team,
    )


def reply(conversation: str, at_ms: EpochMs) -> InteractionEvent:
    """An agent answered."""
    return InteractionEvent(
        event_id=f"{conversation}-reply",
        tenant="acme",
        source="chat",
        channel="live_chat",
        type="message",
        occurred_at=at_ms,
        conversation_id=conversation,
        actor_kind="human",
        actor_id="ana",
    )


@dataclass
class Raised:
    """The alerts of a topic: every record, and how often each was sent."""

    alerts: list[SlaAlert]
    times: Counter[Said]

    @property
    def once(self) -> set[Said]:
        """By key: what consumers count once."""
        return set(self.times)

    @property
    def standing(self) -> set[tuple[str, EpochMs]]:
        """The breaches that were not taken back: fact_id and deadline."""
        return self._deadlines("breach") - self._deadlines("retracted")

    def _deadlines(self, level: str) -> set[tuple[str, EpochMs]]:
        return {(one.fact_id, one.deadline) for one in self.alerts if one.level == level}

    def of(self, conversation: str) -> list[str]:
        """The levels of a conversation, in the order in which they were first raised."""
        return list(dict.fromkeys(one.level for one in self.alerts if one.conversation_id == conversation))


def raised(around: Surroundings) -> Raised:
    """What lies in `sla-alerts`. Whatever was sent twice says the same."""
    alerts = [wire.decode_alert(value) for value in around._values(around.topics.alerts)]
    by_key: dict[tuple[Said, EpochMs], SlaAlert] = {}
    for alert in alerts:
        said = (alert.conversation_id, alert.level, alert.share)
        assert by_key.setdefault((said, alert.deadline), alert) == alert, "sent twice, and not the same"
    return Raised(alerts, Counter((one.conversation_id, one.level, one.share) for one in alerts))


def outcomes(sent: Iterable[MetricFact], conversation: str) -> list[str | None]:
    """What the versions of its clock's fact said, among those that were sent, one after the other."""
    versions = {
        fact.revision: fact.outcome
        for fact in sent
        if fact.conversation_id == conversation and fact.metric == "sla_first_response"
    }
    return [versions[revision] for revision in sorted(versions)]
