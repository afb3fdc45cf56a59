"""Asking first whether anybody is there: the clients would try for a minute, and say so many times."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from schemas.errors import SupportpulseError

_SECONDS = 5.0


class Unreachable(SupportpulseError):
    """Nobody answers at an address, or can listen there, or a file is not there. Says which, and what to do."""


def check_kafka(address: str) -> None:
    """Raises `Unreachable` unless somebody accepts connections at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except (OSError, ValueError, OverflowError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise Unreachable(
            f"no Kafka broker answers at {address} ({why}): start it, or name another with --kafka HOST:PORT"
        ) from exc


def check_ports(host: str, ports: Mapping[str, int]) -> None:
    """Raises `Unreachable` for the first of `ports` (setting → port, 0: any) where nobody can listen.

    Asked before a broker and ClickHouse run: what ends while they are at work may leave more than one line.
    """
    with ExitStack() as held:
        for setting, port in ports.items():
            try:
                held.enter_context(socket.create_server((host, port)))
            except (OSError, OverflowError) as exc:
                why = getattr(exc, "strerror", None) or str(exc)
                raise Unreachable(
                    f"nobody can listen on {host}:{port} ({why}): end what does, or name another port with "
                    f"SUPPORTPULSE_{setting.upper()}"
                ) from exc


def check_files(files: Sequence[Path]) -> None:
    """Raises `Unreachable` for the first of `files` that cannot be opened: better now than after half of an import."""
    for path in files:
        try:
            path.open("rb").close()
        except OSError as exc:
            raise Unreachable(f"{path} cannot be read ({exc.strerror}): name a file that is there") from exc
