"""Policies: which targets a clock has, which calendar it runs on, and what pauses it. Records without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.times import EpochMs
from streams.sla.calendars import Calendar
from streams.sla.version_names import version_name

NO_POLICY = -1


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of one version. Durations in milliseconds."""

    name: str
    #: what must be said, by word: tenant, channel, team, priority
    match: tuple[tuple[str, frozenset[str]], ...] = ()
    calendar: Calendar | None = None
    #: metric → target
    targets_ms: dict[str, int] = field(default_factory=dict)
    pause_on: frozenset[str] = frozenset(("pending", "on_hold"))
    warn_at: tuple[float, ...] = (0.75, 0.9)
    alert_grace_ms: int = 0


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """All policies in force from an instant on; None: since ever.

    Two versions are equal when they judge alike: where they stand and calendars nobody uses do not matter.
    """

    effective_from: EpochMs | None
    policies: tuple[Policy, ...]
    calendars: Mapping[str, Calendar] = field(default_factory=dict, compare=False)
    #: Lines of the file: of the document, and of each policy.
    line: int = field(default=1, compare=False)
    policy_lines: tuple[int, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """What facts that it judged call it (`streams.sla.version_names`)."""
        return version_name(self)
