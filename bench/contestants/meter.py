"""What a contestant is told, and what it tells."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import msgspec


class Clock(msgspec.Struct, frozen=True):
    """A clock that goes with the events: from one instant to another while so many of them are processed.

    Windows then hold what they would hold had the events been processed as they arrived.
    """

    begin_ms: int
    end_ms: int
    events: int
    #: So many events before them find it standing at its beginning.
    after: int = 0

    def now_ms(self, processed: int) -> int:
        """The time, so many events into it."""
        return self.begin_ms + (self.end_ms - self.begin_ms) * max(0, processed - self.after) // self.events


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. A contestant gets it as JSON in its first argument."""

    kafka: str
    #: Where the events lie.
    topic: str
    #: Prefix of everything the run makes: topics, groups.
    run: str
    #: Events after which a report is due; behind the last one it ends. None: until SIGTERM.
    stages: tuple[int, ...] = ()
    policies: str
    data_dir: str
    #: Where reports go, one JSON line each.
    report: str
    #: For the publisher: events a second, and for how long.
    per_second: float = 0.0
    seconds: float = 0.0
    #: For the sink: clickhouse://…, or None for the embedded one in `data_dir`.
    clickhouse: str | None = None
    #: For our worker, which has windows; None: the machine's.
    clock: Clock | None = None
    #: "fastavro" or "ours": who decodes and encodes for those that are not ours.
    codec: str = "fastavro"
    #: Whether facts are emitted and state is kept in a changelog or store, where the contestant can choose.
    durable: bool = True


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """So many events by then. `cpu_ns`: of the whole process."""

    at_ns: int
    cpu_ns: int
    events: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A report: everything since the start of the process."""

    marks: list[Mark]
    facts: int
    rss_bytes: int
    peak_rss_bytes: int


class Meter:
    """Counts, and marks the time now and then: looking at the clock for every event would be part of the cost."""

    def __init__(self, every: int = 500) -> None:
        self._every = every
        self._next = 1
        self.events = 0
        self.facts = 0
        self.marks: list[Mark] = []

    def add(self, events: int, facts: int) -> None:
        """So many more have been processed."""
        self.events += events
        self.facts += facts
        if self.events >= self._next:
            self.mark()
            self._next = self.events + self._every

    def mark(self) -> None:
        """Remember the time."""
        self.marks.append(Mark(time.monotonic_ns(), time.process_time_ns(), self.events))

    def tell(self, job: Job) -> None:
        """Append a report."""
        told = Told(marks=self.marks, facts=self.facts, rss_bytes=rss_bytes(), peak_rss_bytes=peak_rss_bytes())
        with Path(job.report).open("ab") as report:
            report.write(msgspec.json.encode(told) + b"\n")


def job() -> Job:
    """This process's."""
    return msgspec.json.decode(sys.argv[1].encode(), type=Job)


def peak_rss_bytes() -> int:
    """The most memory this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def rss_bytes() -> int:
    """The memory this process has; the most it has had where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_rss_bytes()
    return pages * resource.getpagesize()
