"""`python -m chaos --faults N --seed S --json FILE`: faults on the whole pipeline, and whether the numbers are right.

Needs Apache Kafka (Java 17; jars from Maven Central) and a ClickHouse server (Debian's). Status 0 if nothing differs,
is missing or doubled; 1 otherwise, with the logs left where they are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from chaos.schedule import Pace
from chaos.trial import Result, TrialConfig, run
from chaos.verdict import figures
from schemas.errors import SupportpulseError


def main() -> int:
    """Run a trial as the command line says."""
    options = _parser().parse_args()
    # So that what was started is stopped, whoever ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    scratch = options.scratch or Path(tempfile.mkdtemp(prefix="chaos-"))
    scratch.mkdir(parents=True, exist_ok=True)
    config = TrialConfig(options.faults, options.seed, options.rate, Pace(outage_seconds=options.outage))
    began = time.monotonic()
    try:
        result = run(config, scratch, lambda line: print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True))
    except SupportpulseError as exc:
        print(f"chaos: {exc}", file=sys.stderr)
        return 1
    show(result)
    if options.json is not None:
        document = {**figures(result.verdict, result.by_kind), **result.notes}
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not result.verdict.right:
        print(f"the logs are in {scratch}")
        return 1
    if options.scratch is None:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def show(result: Result) -> None:
    """The figures, for people."""
    for name, value in {**figures(result.verdict, result.by_kind), **result.notes}.items():
        print(f"{name:<24} {value}")
    for example in result.verdict.examples:
        print(f"  {example}")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=form)
    parser.add_argument("--faults", type=int, default=20, help="how many [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="decides which, on whom and when [default: %(default)s]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--rate", type=float, default=60.0, help="events a second [default: %(default)s]")
    parser.add_argument(
        "--outage", type=float, default=10.0, help="seconds ClickHouse stays away [default: %(default)s]"
    )
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where everything lies, and stays")
    return parser
