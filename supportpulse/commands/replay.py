"""`supportpulse replay`: the fold alone, without Kafka."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from connectors.importing import import_files
from schemas import documents, times
from schemas.errors import SupportpulseError
from schemas.records import InteractionEvent, MetricFact
from streams.replay import Replay
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from supportpulse import output
from supportpulse.commands.accounts import named, total


class IntoReplay:
    """A publisher that adds to a history."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def publish(self, event: InteractionEvent) -> None:
        """Add the event."""
        self._replay.add(event)


def replay(files: Sequence[Path], policies: Path | None, as_of: str | None, facts: Path | None) -> None:
    """Fold the events of JSONL `files`; write the facts that hold to `facts` (None: stdout), one JSON object a line.

    Lines that cannot be used are refused to stderr with file, line and reason as they are met, and everything else goes
    on; the sums come last. Raises `ImportLost`, once the facts are written.
    """
    book = PolicyBook() if policies is None else policy_file.load(policies)
    as_of_ms = None if as_of is None else times.parse(as_of)
    history = Replay()
    report = import_files(files, "events", IntoReplay(history), on_refusal=lambda refusal: _say(named(refusal)))
    found = history.facts(book, as_of_ms)
    if facts is None:
        _write(found, output.stdout())
    else:
        try:
            with facts.open("wb") as out:
                _write(found, out)
        except OSError as exc:
            raise SupportpulseError(f"{facts} cannot be written: {exc.strerror}") from exc
    total(report, _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _write(found: Sequence[MetricFact], out: IO[bytes]) -> None:
    for fact in found:
        out.write(documents.render_fact(fact) + b"\n")
