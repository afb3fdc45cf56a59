"""What a worker needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.times import EpochMs
from schemas.topics import Topics
from streams.partition.cap import CapLimits
from streams.partition.leavers import LEAVE_AFTER_MS
from streams.sla.policies import PolicyBook
from streams.worker.archive import Archive

#: The consumer group of a deployment's workers.
GROUP = "supportpulse-worker"


@dataclass(frozen=True, slots=True)
class Drain:
    """Process up to these offsets, judge the open clocks, refresh the windows, and end.

    `until`: partition of `interactions` → last offset that matters.
    """

    until: Mapping[int, int]
    as_of_ms: EpochMs


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """A worker's surroundings. Workers with the same `group` share the partitions."""

    kafka: str
    policies: PolicyBook
    data_dir: Path
    topics: Topics = field(default_factory=Topics)
    group: str = GROUP
    #: After this long without a heartbeat its partitions go to another worker. Tansu's joins take half of it.
    session_timeout_seconds: float = 10.0
    #: Windows are refreshed this often.
    refresh_seconds: float = 5.0
    #: The file that `policies` come from, watched for changes; None: they never change.
    policies_path: Path | None = None
    #: Whether policies that rewrite what has judged are accepted at the start, and everything judged again.
    rewrite_policies: bool = False
    #: source → how long it may be silent before its alerts are held; others are not watched.
    heartbeat_seconds: Mapping[str, float] = field(default_factory=dict)
    #: Counts the incarnations of a broker that forgets; 0 for one that does not.
    epoch: int = 0
    #: Faust's own web server, on loopback; None: none.
    web_port: int | None = None
    #: How much may be refused before it stops instead of parking everything.
    refusals: CapLimits = field(default_factory=CapLimits)
    #: Where conversations that left memory come back from; None: none ever leaves.
    archive: Archive | None = None
    #: How long a conversation has to have been done before it leaves.
    leave_after_ms: int = LEAVE_AFTER_MS
    #: None: go on until told to stop.
    drain: Drain | None = None
