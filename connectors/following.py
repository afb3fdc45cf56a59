"""A log that grows: its new lines, as events, through the channel that reads them.

What was read is remembered as inode and offset, and only after everything up to there is with the broker. A log that
was rotated is read to its end under its new name, if that is in the same folder, before the new one is begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from connectors.channels.base import AnyConnector, Parsed, Source
from connectors.marks import Mark, Outlet, PollReport, StateFile
from connectors.polled import FOLLOW, Piece
from schemas.checks import check_event
from schemas.errors import InvalidEvent, Refused, SupportpulseError
from schemas.times import EpochMs

_CHUNK_BYTES = 262_144


class FollowError(SupportpulseError):
    """The log cannot be read. Says which and why; nothing is lost, follow it again."""


class LogFollower:
    """Reads what is new in a log. What was in it at the first time is `historical`."""

    def __init__(
        self,
        path: Path,
        connector: AnyConnector,
        source: Source[Any],
        outlet: Outlet,
        state: StateFile,
        now_ms: Callable[[], EpochMs],
    ) -> None:
        self._path, self._connector, self._source = path, connector, source
        self._outlet, self._state, self._now_ms = outlet, state, now_ms

    def poll(self) -> PollReport:
        """Every whole line that has come since. Raises `FollowError`, `StateError`, and what the outlet raises."""
        report, marks = PollReport(), self._state.load()
        name = str(self._path.absolute())
        known = self._still_true(marks.get(name))
        try:
            for stream in self._streams(known):
                with stream:
                    found = os.fstat(stream.fileno())
                    inode = found.st_ino
                    if known is None:
                        mark = Mark(inode, 0, found.st_size)
                    else:
                        mark = known if known.generation == inode else Mark(inode, 0)
                    stream.seek(mark.position)
                    for chunk in _whole_lines(stream):
                        self._take(chunk, mark.position, report, historical=mark.position < mark.history)
                        self._outlet.flush()
                        mark = Mark(inode, mark.position + len(chunk), mark.history)
                        marks[name] = mark
                        self._state.save(marks)
                    if name not in marks:
                        marks[name] = mark
                        self._state.save(marks)
        except OSError as exc:
            raise FollowError(f"{self._path} cannot be read ({exc.strerror}): is it there, and ours to read?") from exc
        return report

    def _still_true(self, known: Mark | None) -> Mark | None:
        """The mark; one at the beginning if the log was emptied in place since."""
        try:
            current = self._path.stat()
        except OSError as exc:
            raise FollowError(f"{self._path} cannot be read ({exc.strerror}): is it there, and ours to read?") from exc
        if known is not None and known.generation == current.st_ino and current.st_size < known.position:
            return Mark(current.st_ino, 0)
        return known

    def _streams(self, known: Mark | None) -> Iterator[IO[bytes]]:
        """The log, and before it what it was rotated to, if that has not been read to its end."""
        current = self._path.stat()
        if known is not None and known.generation != current.st_ino:
            for beside in sorted(self._path.parent.glob(self._path.name + "*")):
                if beside.stat().st_ino == known.generation:
                    yield beside.open("rb")
        yield self._path.open("rb")

    def _take(self, chunk: bytes, offset: int, report: PollReport, *, historical: bool) -> None:
        report.read += chunk.count(b"\n")
        whole = Piece(chunk, self._source, self._now_ms(), historical, offset)
        try:
            parsed = whole.of_log(self._connector)
        except Refused as exc:
            parsed = Parsed()
            parsed.park(exc.detail, chunk)
        for each in whole.events(parsed):
            try:
                check_event(each)
            except Refused as exc:
                parsed.park(exc.detail, chunk)
            else:
                self._outlet.publish(each)
                report.events += 1
        origin = f"{FOLLOW}/{self._connector.vendor}/{self._source.name}"
        for parked in parsed.parked:
            # Of a line that is there twice, either place will do: both say the same event.
            piece = replace(whole, original=parked.original, offset=offset + max(chunk.find(parked.original), 0))
            self._outlet.park(piece.letter(origin, InvalidEvent.reason, parked.detail, whole.received_at))
        report.ignored += len(parsed.ignored)
        report.parked += len(parsed.parked)


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Chunks that end with a line's end; what is still being written waits for the next time."""
    held = b""
    while data := stream.read(_CHUNK_BYTES):
        whole, end, rest = (held + data).rpartition(b"\n")
        if end:
            yield whole + end
        held = rest
