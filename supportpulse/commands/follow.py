"""`supportpulse follow`: a log that grows, to Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connectors.channels.asterisk import Asterisk
from connectors.channels.base import ChannelOptions, Source
from connectors.following import FollowError, LogFollower
from connectors.marks import StateFile
from schemas import times
from schemas.topics import Topics
from supportpulse.commands import polling


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What the command line says."""

    path: Path
    tenant: str
    source: str
    state: Path
    kafka: str
    interval_seconds: float
    once: bool


def run(options: FollowOptions) -> None:
    """Read what is new, once or until SIGTERM or SIGINT."""
    source = Source(options.source, options.tenant, ChannelOptions())
    polling.run(
        options.kafka,
        lambda outlet: LogFollower(options.path, Asterisk(), source, outlet, StateFile(options.state), times.now_ms),
        # While a log is rotated it may not be there for a moment.
        FollowError,
        options.interval_seconds,
        once=options.once,
        topics=Topics(),
    )
