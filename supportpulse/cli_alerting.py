"""The commands around deadlines, as `supportpulse.cli` has the others: policies, and who is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from supportpulse.options import Kafka, Verbose

# As in `supportpulse.cli`, for the same reason.
# ruff: noqa: UP045


def notify(
    to: Annotated[str, typer.Option("--to", help="Where every alert is posted as JSON.", metavar="URL")],
    secret: Annotated[
        str, typer.Option(help="Where the shared secret is: env:NAME or file:/path.", metavar="REFERENCE")
    ],
    kafka: Kafka = None,
    group: Annotated[
        str, typer.Option(help="Notifiers of the same group share the work; each other receiver needs its own.")
    ] = "supportpulse-notifier",
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
