"""`python -m chaos.fuzz --inputs N --seed S --json FILE`: damaged input for every reader, and what became of it.

Whatever comes, a reader answers or refuses in words of its own: any other exception, an input that takes more than two
seconds of the processor, or memory that grows out of proportion is a finding. Status 0 without one, 1 otherwise.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
from rich.console import Console
from rich.table import Table

from chaos.fuzz.mutations import damaged
from chaos.fuzz.targets import REFUSALS, Target, targets

_HANG_SECONDS = 2.0
#: What a reader may keep, caches included: they are all bounded.
_MOST_GROWTH_MIB = 256
_SHOWN = 5


class _Hang(Exception):
    pass


@dataclass(slots=True)
class Found:
    """What became of one reader's inputs."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    grown_mib: float = 0.0
    #: What went wrong, and with which input.
    findings: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """For a file."""
        return {
            "inputs": self.inputs,
            "outcomes": dict(self.outcomes),
            "slowest_ms": round(self.slowest_ms, 1),
            "grown_mib": round(self.grown_mib, 1),
            "findings": self.findings,
        }


def attack(target: Target, inputs: int, rng: Random) -> Found:
    """Feed a reader with so many damaged inputs."""
    found = Found()
    began_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(inputs):
        body = damaged(rng.choice(target.corpus), target.corpus, rng)
        found.inputs += 1
        # Of the processor, here and below: a reader waits for nothing, and a busy machine is no finding.
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, _HANG_SECONDS)
        try:
            found.outcomes[target.feed(body)] += 1
        except REFUSALS:
            found.outcomes["refused"] += 1
        except BaseException as exc:
            if isinstance(exc, KeyboardInterrupt):
                raise
            if len(found.findings) < _SHOWN:
                found.findings.append(f"{type(exc).__name__}: {str(exc)[:300]} at {body[:2_000]!r}")
            found.outcomes["failed"] += 1
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        found.slowest_ms = max(found.slowest_ms, (time.process_time() - began) * 1000)
    found.grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began_kib) / 1024
    if found.grown_mib > _MOST_GROWTH_MIB:
        found.findings.append(f"memory grew by {found.grown_mib:.0f} MiB")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Status 0 if nothing was found."""
    parser = argparse.ArgumentParser("chaos.fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="for all readers together [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="decides every one of them [default: %(default)s]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGPROF, _hang)
    console = Console()
    every = targets()
    results: dict[str, Found] = {}
    for number, target in enumerate(every):
        share = options.inputs * (number + 1) // len(every) - options.inputs * number // len(every)
        results[target.name] = attack(target, share, Random(f"{options.seed}/{target.name}"))
        print(f"{number + 1}/{len(every)} {target.name}", file=sys.stderr, flush=True)
    _show(results, console)
    if options.json is not None:
        figures = {name: found.figures() for name, found in results.items()}
        document = {"seed": options.seed, "inputs": sum(found.inputs for found in results.values()), "readers": figures}
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return int(any(found.findings for found in results.values()))


def _show(results: dict[str, Found], console: Console) -> None:
    table = Table()
    for title in ("reader", "inputs", "refused", "slowest ms", "memory MiB", "findings"):
        table.add_column(title, justify="left" if title == "reader" else "right")
    for name, found in results.items():
        table.add_row(
            name,
            f"{found.inputs:,}",
            f"{found.outcomes['refused']:,}",
            f"{found.slowest_ms:.1f}",
            f"{found.grown_mib:+.1f}",
            str(found.outcomes["failed"]),
        )
    console.print(table)
    for name, found in results.items():
        for finding in found.findings:
            console.print(f"{name}: {finding}", markup=False, highlight=False, soft_wrap=True)


def _hang(_number: int, _frame: object) -> None:
    raise _Hang(f"took longer than {_HANG_SECONDS:g} s")
