"""The command line. Every command is a few lines here and a module in `supportpulse.commands` or `supportpulse.up`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from schemas.errors import SupportpulseError

# typer reads these annotations when it runs, and Python 3.10 cannot evaluate `X | None` in all of them.
# ruff: noqa: UP045

app = typer.Typer(
    name="supportpulse",
    help="Support metrics from every channel, as they happen: response and resolution times, rolling windows, SLAs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Events = Annotated[list[Path], typer.Option("--events", help="A file of events (.jsonl, .jsonl.gz); may be repeated.")]
Policies = Annotated[Optional[Path], typer.Option(help="The policies file (YAML): calendars, targets, versions.")]
AsOf = Annotated[
    Optional[str],
    typer.Option(help="Judge open clocks as of this instant (RFC 3339). Default: the latest event's.", metavar="TIME"),
]
DataDir = Annotated[Optional[Path], typer.Option(help="Where the embedded ClickHouse and logs live [default: data].")]
Kafka = Annotated[Optional[str], typer.Option(help="A Kafka of your own, HOST:PORT.", metavar="HOST:PORT")]
ClickHouse = Annotated[
    Optional[str],
    typer.Option(help="A ClickHouse of your own, clickhouse://USER:PASSWORD@HOST:PORT/DATABASE.", metavar="URL"),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")]


@app.command()
def replay(
    events: Events,
    policies: Policies = None,
    as_of: AsOf = None,
    facts: Annotated[Optional[Path], typer.Option(help="Write the facts here instead of to stdout (JSONL).")] = None,
) -> None:
    """Compute the facts of a history by the fold alone, without Kafka: what the pipeline must come to as well."""
    from supportpulse.commands.replay import replay as run

    run(events, policies, as_of, facts)


@app.command()
def worker(
    kafka: Kafka = None,
    policies: Policies = None,
    data_dir: DataDir = None,
    metrics_port: Annotated[Optional[int], typer.Option(help="Where /metrics is served [default: 9464].")] = None,
    session_timeout: Annotated[
        float, typer.Option(help="Seconds without a heartbeat after which others take over.")
    ] = 10.0,
    epoch: Annotated[int, typer.Option(help="Incarnation of a broker that forgets.", hidden=True)] = 0,
    until: Annotated[Optional[str], typer.Option(help="Process up to PARTITION=OFFSET,… and end.", hidden=True)] = None,
    as_of: AsOf = None,
    verbose: Verbose = False,
) -> None:
    """Run one worker: events of `interactions` in; facts, windows and dead letters out. Start as many as you like."""
    from schemas import times
    from streams.worker.config import Drain
    from supportpulse import logs, settings
    from supportpulse.commands.worker import WorkerOptions, parse_until, run

    logs.configure(verbose=verbose)
    found = settings.load(kafka=kafka, policies=policies, data_dir=data_dir, worker_metrics_port=metrics_port)
    drain = None
    if until is not None:
        if as_of is None:
            raise SupportpulseError("--until needs --as-of: the instant as of which open clocks are judged")
        drain = Drain(parse_until(until), times.parse(as_of))
    run(
        WorkerOptions(
            kafka=found.kafka,
            policies=found.policies,
            data_dir=found.data_dir,
            host=found.host,
            metrics_port=found.worker_metrics_port,
            session_timeout_seconds=session_timeout,
            epoch=epoch,
            drain=drain,
        )
    )


@app.command()
def up(
    once: Annotated[
        bool, typer.Option("--once", help="Process the files, wait until all has landed, and end.")
    ] = False,
    events: Annotated[
        Optional[list[Path]], typer.Option("--events", help="Files of events instead of simulated traffic.")
    ] = None,
    policies: Policies = None,
    as_of: AsOf = None,
    data_dir: DataDir = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    verbose: Verbose = False,
) -> None:
    """Run the whole pipeline: broker, worker, ClickHouse, metrics. Without files it is fed by simulated traffic."""
    from schemas import times
    from supportpulse import logs, settings
    from supportpulse.up.once import OnceOptions, run_once

    logs.configure(verbose=verbose)
    found = settings.load(data_dir=data_dir, clickhouse=clickhouse, policies=policies)
    if once:
        if not events:
            raise SupportpulseError("--once needs files to process: --events FILE")
        options = OnceOptions(
            events=events,
            policies=found.policies,
            as_of_ms=None if as_of is None else times.parse(as_of),
            kafka=kafka,
        )
        report = run_once(found, options, lambda line: print(line, file=sys.stderr))
        for refusal in report.refused:
            print(f"refused {refusal.file}:{refusal.line}: {refusal.reason}", file=sys.stderr)
        return
    raise SupportpulseError("live mode follows")


def main() -> None:
    """The entry point: an error of ours is one line on stderr and status 1."""
    try:
        app(standalone_mode=True)
    except SupportpulseError as exc:
        print(f"supportpulse: {exc}", file=sys.stderr)
        sys.exit(1)
