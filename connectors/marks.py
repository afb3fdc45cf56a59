"""What those who read again and again share: where it goes, and how far they are."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from schemas.errors import SupportpulseError
from schemas.records import DeadLetter, InteractionEvent


class StateError(SupportpulseError):
    """The file that says how far we are cannot be used. Nothing is lost: what was read may be read again."""


class Outlet(Protocol):
    """Where events go. `flush` returns when everything handed over is with the broker."""

    def publish(self, event: InteractionEvent) -> None:
        """Take an event."""

    def park(self, letter: DeadLetter) -> None:
        """Take a piece that could not be used."""

    def flush(self) -> None:
        """Wait for what was handed over."""


class Mark(msgspec.Struct, frozen=True):
    """How far what has been read: the UID in a mailbox of this UIDVALIDITY, the offset in a file of this inode.

    `history`: up to here it was there when we first looked, which may take more than one poll to read.
    """

    generation: int
    position: int
    history: int = 0


@dataclass(slots=True)
class PollReport:
    """What became of the pieces (messages, lines) of one poll."""

    read: int = 0
    events: int = 0
    ignored: int = 0
    parked: int = 0


class StateFile:
    """Marks by name, in a file that is replaced whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Mark]:
        """The marks; none if there is no file yet. Raises `StateError` for a file that is none of ours."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Mark])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as exc:
            raise StateError(f"{self._path} is no state ({exc}): remove it to read from the beginning") from exc

    def save(self, marks: dict[str, Mark]) -> None:
        """Write the marks. Raises `StateError`."""
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with beside.open("wb") as stream:
                stream.write(json.dumps(msgspec.to_builtins(marks), indent=1).encode())
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self._path)
        except OSError as exc:
            raise StateError(f"{self._path} cannot be written ({exc.strerror}): what was read is read again") from exc
