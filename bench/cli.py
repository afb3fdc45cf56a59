"""The command line: `python -m bench NAME [--json FILE] [--tiny] [options]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from bench import report
from bench.report import Report
from schemas.errors import SupportpulseError

#: Name → what it answers. Each is a module of the same name with `add_options` and `run`.
BENCHMARKS = {
    "throughput": "Events a second of one worker, beside the decode ceiling, plain Faust, Quix Streams and Bytewax.",
    "scaling": "Two workers over one: events a second on the same topic.",
    "latency": "Event published → fact readable in ClickHouse, and → window refreshed in /metrics.",
    "alarm": "Deadline of a silent conversation → its breach in `sla-alerts`, with many clocks open.",
    "recovery": "From the start of a worker to its first event, with many conversations in the changelog.",
    "memory": "Bytes per open conversation of six events.",
    "sink": "Rows a second into ClickHouse, beside a bare insert of the same prepared columns.",
    "gateway": "Requests a second of the gateway, Kafka's acknowledgement included, beside a bare HTTP server.",
    "growth": "Cost of an event with many conversations open over few, and with windows filled over empty.",
    "rebalance": "How long processing stops when a second worker joins, leaves or dies.",
}

EPILOG = """\
examples:
  python -m bench throughput --json throughput.json
  python -m bench throughput --only worker,decode_ceiling --repeats 5
  python -m bench memory --conversations 100000
  python -m bench latency --tiny          runs in seconds; its figures mean nothing

Nothing else should run beside a benchmark. Everything it starts listens on 127.0.0.1 and ends with it.
"""


class Benchmark(Protocol):
    """What a module of a benchmark offers."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Its own options."""

    def run(self, options: argparse.Namespace) -> Report:
        """Measure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when figures were had, 1 when not."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Only the one that was asked for is imported: others may want what is not installed.
    wanted = next((word for word in given if word in BENCHMARKS), None)
    options = _parser(wanted).parse_args(given)
    try:
        if options.json is not None:
            report.check(options.json)
        with tempfile.TemporaryDirectory(prefix="supportpulse-bench-") as scratch:
            options.scratch = Path(scratch)
            found = _module(options.benchmark).run(options)
    except SupportpulseError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    report.show(found)
    if options.json is not None:
        report.write(found, options.json)
    return 0


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, epilog=EPILOG, formatter_class=form)
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    for name, answer in BENCHMARKS.items():
        command = commands.add_parser(name, help=answer, description=answer)
        command.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
        command.add_argument("--tiny", action="store_true", help="as little as shows that it works")
        command.add_argument(
            "--broker",
            choices=("kafka", "tansu"),
            default=os.environ.get("SUPPORTPULSE_BENCH_BROKER", "kafka"),
            help="Apache Kafka (Java 17, jars from Maven Central) or the embedded Tansu [default: %(default)s]",
        )
        if name == wanted:
            _module(name).add_options(command)
    return parser


def _module(name: str) -> Benchmark:
    return import_module(f"bench.{name}")
