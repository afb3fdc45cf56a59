"""From marks (when, how much CPU, how many events so far) to rates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.contestants.meter import Mark
from schemas.errors import SupportpulseError

#: Of the events, how many are warm-up: connections, caches and the first fetches are not what is measured.
WARM_UP = 0.05


class NothingMeasured(SupportpulseError):
    """A contestant said too little to tell a rate from. Give it more events."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events between two marks."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time of the process per event, all its threads, in microseconds."""
        return self.cpu_seconds / self.events * 1e6


def stretch(marks: Sequence[Mark], warm_up: float = WARM_UP) -> Stretch:
    """From the first mark behind the warm-up to the last one. Raises `NothingMeasured`."""
    if not marks:
        raise NothingMeasured("no event was processed")
    wanted = marks[0].events + warm_up * (marks[-1].events - marks[0].events)
    # With a handful of marks the last one may be the only one behind the warm-up; then there is none.
    first = next((mark for mark in marks[:-1] if mark.events >= wanted), marks[0])
    return between(first, marks[-1])


def between(first: Mark, last: Mark) -> Stretch:
    """From one mark to another. Raises `NothingMeasured`."""
    if last.events <= first.events or last.at_ns <= first.at_ns:
        raise NothingMeasured(f"all {last.events} events were processed at once: too few to measure")
    return Stretch(last.events - first.events, (last.at_ns - first.at_ns) / 1e9, (last.cpu_ns - first.cpu_ns) / 1e9)


def together(each: Sequence[Sequence[Mark]]) -> Stretch:
    """Several processes over one topic: from the moment all are at work to the last event of any.

    The clock is the machine's monotonic one, which processes share.
    """
    if not all(each):
        raise NothingMeasured("one of the processes had nothing to do")
    begin_ns = max(marks[0].at_ns for marks in each)
    events, cpu_ns = 0, 0
    for marks in each:
        first = next((mark for mark in marks if mark.at_ns >= begin_ns), marks[-1])
        events += marks[-1].events - first.events
        cpu_ns += marks[-1].cpu_ns - first.cpu_ns
    end_ns = max(marks[-1].at_ns for marks in each)
    if end_ns <= begin_ns or events <= 0:
        raise NothingMeasured("the processes were never at work at the same time: give them more events")
    return Stretch(events, (end_ns - begin_ns) / 1e9, cpu_ns / 1e9)


def middle(numbers: Sequence[float]) -> float | None:
    """The median, where there is anything."""
    return median(numbers) if numbers else None


def compared(parts: Sequence[float], wholes: Sequence[float]) -> float | None:
    """The median of the ratios of the turns, where both were measured.

    A machine that others share may be half as fast for a while: what was measured in one turn had the same one, the
    medians of two may be of different ones.
    """
    found = middle([part / whole for part, whole in zip(parts, wholes, strict=False)])
    return None if found is None else round(found, 2)


def quantile(numbers: Sequence[float], q: float) -> float | None:
    """The number below which a share `q` of them lies, where there is anything."""
    if not numbers:
        return None
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
