"""The Kafka topics: their names, keys and what the broker should do with them."""

from __future__ import annotations

from dataclasses import dataclass, field

_DAY_MS = 86_400_000
#: A dead letter is a record, which may be as large as a record can be, and what was wrong with it.
LETTER_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `config` is the broker's, by its names."""

    name: str
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics, their names beginning with `prefix` so that several deployments can share a broker."""

    prefix: str = ""

    @property
    def interactions(self) -> str:
        """Events; key tenant/conversation_id."""
        return f"{self.prefix}interactions"

    @property
    def dead_letters(self) -> str:
        """Records of `interactions` that could not be used."""
        return f"{self.prefix}interactions-dlq"

    @property
    def redriven(self) -> str:
        """Which dead letters were sent again; key PARTITION/OFFSET of the letter. JSON, for `supportpulse dlq`."""
        return f"{self.prefix}interactions-dlq-redriven"

    @property
    def facts(self) -> str:
        """Every version of every fact; key tenant/conversation_id."""
        return f"{self.prefix}metric-facts"

    @property
    def alerts(self) -> str:
        """Warnings, breaches and retractions; key tenant/conversation_id."""
        return f"{self.prefix}sla-alerts"

    @property
    def windows(self) -> str:
        """Rolling windows; key tenant."""
        return f"{self.prefix}metric-windows"

    @property
    def window_deltas(self) -> str:
        """Between workers: what a chunk changes in the windows; key tenant. Not Avro, not for others."""
        return f"{self.prefix}window-deltas"

    @property
    def conversation_state(self) -> str:
        """Of the workers: the changelog. As many partitions as `interactions`. Not Avro, not for others."""
        return f"{self.prefix}conversation-state"

    def of_connectors(self) -> tuple[str, ...]:
        """The names of those that a connector writes."""
        return self.interactions, self.dead_letters

    def of_workers(self) -> tuple[str, ...]:
        """The names of those that a worker reads and writes."""
        return (
            *(self.interactions, self.dead_letters, self.facts, self.alerts),
            *(self.windows, self.window_deltas, self.conversation_state),
        )

    def all(self) -> tuple[Topic, ...]:
        """Every topic, with the broker configuration it wants."""
        return (
            Topic(self.interactions, {"retention.ms": str(30 * _DAY_MS)}),
            Topic(self.dead_letters, {"retention.ms": "-1", "max.message.bytes": str(LETTER_BYTES)}),
            Topic(self.redriven, {"cleanup.policy": "compact"}),
            Topic(self.facts, {"retention.ms": str(7 * _DAY_MS)}),
            Topic(self.alerts, {"retention.ms": str(7 * _DAY_MS)}),
            Topic(self.windows, {"retention.ms": str(_DAY_MS)}),
            # A window reaches back 24 hours, and a restarted worker reads that much again.
            Topic(self.window_deltas, {"retention.ms": str(2 * _DAY_MS)}),
            # A conversation may be as large as nobody thought: names of 4,096 characters, thousands of turns.
            Topic(self.conversation_state, {"cleanup.policy": "compact", "max.message.bytes": str(8 << 20)}),
        )


def record_key(tenant: str, conversation_id: str) -> bytes:
    """The key of everything that belongs to one conversation: it decides the partition."""
    return f"{tenant}/{conversation_id}".encode()
