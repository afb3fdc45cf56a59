"""What a benchmark found: a table for people, figures for files."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import speedups
from schemas.errors import SupportpulseError

_PACKAGES = (
    "faust-streaming",
    "aiohttp",
    "aiokafka",
    "kafka-python",
    "fastavro",
    "msgspec",
    "numpy",
    "clickhouse-driver",
    "chdb-core",
    "uvloop",
)
_PAGE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Report:
    """`figures` go to the file under their names; None is a figure that could not be had, and `notes` say why."""

    benchmark: str
    figures: Mapping[str, Any]
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    versions: Mapping[str, str]
    notes: Sequence[str] = ()
    tiny: bool = False


def show(report: Report) -> None:
    """Print the table."""
    console = Console(width=None if Console().is_terminal else _PAGE_WIDTH)
    table = Table(title=report.benchmark)
    for number, header in enumerate(report.headers):
        table.add_column(header, justify="right" if number else "left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for note in (*report.notes, *(("tiny: these figures mean nothing",) if report.tiny else ())):
        console.print(note, markup=False, highlight=False)


def check(path: Path) -> None:
    """Raises `SupportpulseError` if the figures cannot be written there: better now than after a minute."""
    try:
        path.open("ab").close()
    except OSError as exc:
        raise SupportpulseError(f"{path} cannot be written ({exc.strerror}): name another file with --json") from exc


def write(report: Report, path: Path) -> None:
    """Write the figures as one JSON object."""
    document = {
        "benchmark": report.benchmark,
        "tiny": report.tiny,
        **report.figures,
        "machine": machine(),
        "versions": {**versions(), **report.versions},
        "notes": list(report.notes),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What it ran on. No names of hosts or people."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average_at_end": [round(load, 2) for load in os.getloadavg()],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def versions() -> dict[str, str]:
    """Python, whether the hot path is compiled, and the packages that matter here."""
    found = {"python": platform.python_version(), "hot_path": str(speedups.state())}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def count(number: float | None, digits: int = 0) -> str:
    """A number for the table; a dash where there is none."""
    return "–" if number is None else f"{number:,.{digits}f}"


def ratio(part: float | None, whole: float | None, digits: int = 2) -> float | None:
    """`part / whole`, where both are there."""
    return None if part is None or not whole else round(part / whole, digits)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
