"""Topics of a run: outputs and state of its own, events from a topic that all runs share."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.topics import Topics


@dataclass(frozen=True, slots=True)
class RunTopics(Topics):
    """`prefix` is the run's; events come from `events_topic`, whatever the prefix."""

    events_topic: str = "interactions"

    @property
    def interactions(self) -> str:
        """Events; key tenant/conversation_id."""
        return self.events_topic
