"""The commands around deadlines, as `supportpulse.cli` has the others: policies, and who is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from sinks.notifier.config import GROUP
from supportpulse.options import AsOf, ClickHouse, DataDir, Json, Kafka, Verbose, console

# As in `supportpulse.cli`, for the same reason.
# ruff: noqa: UP045

sla = typer.Typer(
    name="sla",
    help="Policies: whether a file is well, and what it would have changed.\n\n"
    "Example: supportpulse sla check deploy/policies.yaml",
    no_args_is_help=True,
)


@sla.command()
def check(
    file: Annotated[Path, typer.Argument(help="The policies file (YAML).", metavar="FILE")],
) -> None:
    """Read a policies file and show what is in it: versions, policies, when its calendars open or close next.

    A file that cannot be used is refused with line and reason. Warnings are about what is valid and probably not meant,
    like a policy that can never match.

    Example: supportpulse sla check deploy/policies.yaml
    """
    from schemas import times
    from supportpulse.commands.sla import check as run

    run(file, times.now_ms(), console())


@sla.command()
def simulate(
    policies: Annotated[Path, typer.Option(help="The policies to try.", metavar="FILE")],
    against: Annotated[
        Optional[Path],
        typer.Option(help="The policies before (default: SUPPORTPULSE_POLICIES; without them: none).", metavar="FILE"),
    ] = None,
    since: Annotated[
        Optional[str], typer.Option(help="Only clocks that opened at this instant or later (RFC 3339).", metavar="TIME")
    ] = None,
    events: Annotated[
        Optional[list[Path]],
        typer.Option("--events", help="A file of events instead of ClickHouse's; may be repeated.", metavar="FILE"),
    ] = None,
    as_of: AsOf = None,
    as_written: Annotated[
        bool,
        typer.Option("--as-written", help="Respect effective_from (default: the last version, as if since ever)."),
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    clickhouse: ClickHouse = None,
) -> None:
    """Say what history would have looked like under other policies: attainment and breaches, before and after.

    The history is that of ClickHouse (an embedded one while no `up` has it open), or of files.

    Examples:

    supportpulse sla simulate --policies new.yaml --against deploy/policies.yaml --since 2026-03-01T00:00:00Z

    supportpulse sla simulate --policies new.yaml --events monday.jsonl --json
    """
    from schemas import times
    from supportpulse import logs, reach, settings
    from supportpulse.commands import sla as command

    logs.configure()
    reach.check_files(events or ())
    found = settings.load(data_dir=data_dir, clickhouse=clickhouse, policies=against)
    options = command.SimulateOptions(
        policies=policies,
        against=found.policies,
        events=events or (),
        since_ms=None if since is None else times.parse(since),
        as_of_ms=None if as_of is None else times.parse(as_of),
        as_written=as_written,
    )
    comparison = command.simulate(found, options)
    if as_json:
        print(command.as_json(comparison).decode())
    else:
        command.show(comparison, options, console())


def notify(
    to: Annotated[str, typer.Option("--to", help="Where every alert is posted as JSON.", metavar="URL")],
    secret: Annotated[
        str, typer.Option(help="Where the shared secret is: env:NAME or file:/path.", metavar="REFERENCE")
    ],
    kafka: Kafka = None,
    group: Annotated[
        str, typer.Option(help="Notifiers of the same group share the work; each other receiver needs its own.")
    ] = GROUP,
    oldest_hours: Annotated[
        float, typer.Option(help="What was raised longer ago is not told any more.", min=0.0)
    ] = 24.0,
    refused: Annotated[
        Optional[Path], typer.Option(help="Append what the receiver answers with 4xx to this file (JSONL).")
    ] = None,
    metrics_port: Annotated[Optional[int], typer.Option(help="Where /metrics is served (default: 9466).")] = None,
    verbose: Verbose = False,
) -> None:
    """Post every alert of `sla-alerts` to a webhook, signed: for those who run no Alertmanager.

    Each is sent until the receiver has it, with an idempotency key: after a crash the same alert may come twice, with
    the same key. What the receiver refuses (4xx) is logged and left behind. See docs/alerting.md for the signature.

    Example: supportpulse notify --to https://hooks.example.com/alerts --secret env:NOTIFY_SECRET --kafka kafka:9092
    """
    from sinks.notifier.config import NotifierConfig
    from supportpulse import logs, settings
    from supportpulse.commands.notify import run, secret_of

    logs.configure(verbose=verbose)
    found = settings.load(kafka=kafka, notify_metrics_port=metrics_port)
    config = NotifierConfig(
        url=to, secret=secret_of(secret), kafka=found.kafka, group=group, oldest_seconds=oldest_hours * 3600
    )
    run(found, config, refused)
