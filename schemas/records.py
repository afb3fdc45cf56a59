"""The records that travel between the parts, one class per `.avsc`, with the same field names.

Instants are `EpochMs` (whole milliseconds, UTC); `None` means "not said". Two things differ from the Avro shape: the
nested `actor` is flat here (`actor_kind`, `actor_id`), and enumerations are plain strings checked at the edges.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from schemas.times import EpochMs

Channel: TypeAlias = Literal[
    "email",
    "live_chat",
    "web_form",
    "in_app",
    "whatsapp",
    "messenger",
    "instagram",
    "x",
    "telegram",
    "line",
    "sms",
    "voice",
    "social",
    "community",
    "other",
]
EventType: TypeAlias = Literal[
    "conversation_started",
    "message",
    "note",
    "assigned",
    "handoff_requested",
    "status_changed",
    "call_answered",
    "call_ended",
    "survey_answered",
    "merged",
    "deleted",
]
ActorKind: TypeAlias = Literal["customer", "human", "bot", "system"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
Status: TypeAlias = Literal["open", "pending", "on_hold", "resolved", "closed", "spam"]
SurveyKind: TypeAlias = Literal["csat", "nps", "ces"]
AlertLevel: TypeAlias = Literal["warning", "breach", "retracted"]
Dimension: TypeAlias = Literal["all", "channel", "team", "agent", "priority"]


class Survey(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A customer's answer. `min` and `max` are the ends of the scale, where the source said them."""

    kind: SurveyKind
    score: float
    min: float | None = None
    max: float | None = None
    survey_id: str | None = None


class Call(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an ended call cost the person who took it, in seconds."""

    talk_seconds: float = 0.0
    hold_seconds: float = 0.0
    wrap_seconds: float = 0.0

    @property
    def handle_ms(self) -> int:
        """Talk, hold and wrap-up together, in milliseconds."""
        return round((self.talk_seconds + self.hold_seconds + self.wrap_seconds) * 1000)


class InteractionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in one conversation."""

    event_id: str
    tenant: str
    source: str
    channel: Channel
    type: EventType
    occurred_at: EpochMs
    ingested_at: EpochMs | None = None
    conversation_id: str
    customer_id: str | None = None
    actor_kind: ActorKind
    actor_id: str | None = None
    team: str | None = None
    priority: Priority | None = None
    language: str | None = None
    sequence: int | None = None
    automated: bool = False
    ack: bool = False
    historical: bool = False
    status: Status | None = None
    assignee_id: str | None = None
    survey: Survey | None = None
    call: Call | None = None
    merged_into: str | None = None
    attributes: dict[str, str] = {}


class MetricFact(msgspec.Struct, frozen=True, gc=False):
    """One measured thing. `(tenant, fact_id)` names it, `revision` counts its versions.

    Not keyword-only, unlike the others: the fold makes more of these than of anything else.
    """

    tenant: str
    fact_id: str
    metric: str
    conversation_id: str
    episode: int
    channel: Channel
    revision: int = 1
    retracted: bool = False
    value_ms: int | None = None
    score: float | None = None
    score_min: float | None = None
    score_max: float | None = None
    outcome: str | None = None
    started_at: EpochMs | None = None
    ended_at: EpochMs | None = None
    team: str | None = None
    priority: Priority | None = None
    agent_id: str | None = None
    business_ms: int | None = None
    deadline: EpochMs | None = None
    policy: str | None = None
    #: The version of the policies that gave it its outcome, deadline or business time (`streams.sla.version_names`).
    policy_version: str | None = None


class SlaAlert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A clock's warning or breach, or the taking back of one. The clock is `(tenant, fact_id)`."""

    tenant: str
    fact_id: str
    level: AlertLevel
    share: float | None = None
    deadline: EpochMs
    raised_at: EpochMs
    metric: str
    conversation_id: str
    channel: Channel
    team: str | None = None
    assignee_id: str | None = None
    policy: str


class MetricWindow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rolling window of one metric for one group of facts, by `ended_at` in (window_start, window_end]."""

    tenant: str
    metric: str
    dimension: Dimension
    dimension_value: str = ""
    window_seconds: int
    window_start: EpochMs
    window_end: EpochMs
    count: int
    mean_ms: float | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    met: int | None = None
    breached: int | None = None
    attainment: float | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that could not be used, with what is needed to look at it and to send it again."""

    reason: str
    detail: str
    origin: str
    parked_at: EpochMs
    key: bytes | None = None
    original: bytes
