"""The commands for those who run a deployment, as `supportpulse.cli` has the others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from schemas.errors import SupportpulseError
from supportpulse.options import ClickHouseOfUp, DataDirOfUp, Json, Kafka, KafkaOfUp, console

# As in `supportpulse.cli`, for the same reason.
# ruff: noqa: UP045

#: A table of letters is wider than others.
_LETTERS_WIDTH = 200

dlq = typer.Typer(
    name="dlq",
    help="Dead letters: records that could not be used, with reason, origin and original bytes.\n\n"
    "Example: supportpulse dlq list --reason unknown_schema",
    no_args_is_help=True,
)

Reason = Annotated[
    Optional[str], typer.Option(help="Only these: malformed, invalid_event, unknown_schema, unknown_payload.")
]
Origin = Annotated[Optional[str], typer.Option(help="Only those whose origin begins so.", metavar="PREFIX")]


@dlq.command("list")
def list_(
    reason: Reason = None,
    origin: Origin = None,
    limit: Annotated[int, typer.Option(help="Show at most so many, the newest.", min=1)] = 50,
    show_bytes: Annotated[
        bool, typer.Option("--show-bytes", help="Show the original bytes, too: they may hold people's words.")
    ] = False,
    as_json: Json = False,
    kafka: KafkaOfUp = None,
    data_dir: DataDirOfUp = None,
) -> None:
    """Show what was parked, why, where it came from, and whether it was sent again.

    Example: supportpulse dlq list --reason malformed --origin interactions/2 --json
    """
    from supportpulse import logs, settings
    from supportpulse.commands.dlq import list_letters, selection_of

    logs.configure()
    found = settings.load(kafka=kafka, data_dir=data_dir)
    list_letters(
        found, selection_of(reason, origin), limit, console(_LETTERS_WIDTH), as_json=as_json, show_bytes=show_bytes
    )


@dlq.command("redrive")
def redrive_(
    reason: Reason = None,
    origin: Origin = None,
    ids: Annotated[
        Optional[list[str]],
        typer.Option("--ids", help="Only this letter; may be repeated.", metavar="PARTITION/OFFSET"),
    ] = None,
    more_ids: Annotated[
        Optional[list[str]], typer.Argument(metavar="PARTITION/OFFSET", help="More letters.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not redriven yet.")] = False,
    sources: Annotated[
        Optional[Path],
        typer.Option(
            help="The gateway's sources file, to read again what it parked; its secrets are not needed.", metavar="FILE"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent where, and do nothing.")] = False,
    as_json: Json = False,
    kafka: KafkaOfUp = None,
    data_dir: DataDirOfUp = None,
) -> None:
    """Send parked records again to where they came from, with the bytes they had: after a fix or an upgrade.

    With --sources a vendor's delivery that the gateway parked is read again by its connector, and its events are sent.
    A mail or a line of a log that `imap` or `follow` parked is read again without.

    Each is sent once: a letter that was redriven is not sent again, and a redrive that was interrupted, by whatever,
    is finished by running it again. What is refused again is parked again, as a letter of its own.

    Example: supportpulse dlq redrive --reason unknown_schema --dry-run

    supportpulse dlq redrive --origin gateway/whatsapp/ --sources sources.yaml
    """
    from supportpulse import logs, settings
    from supportpulse.commands.dlq import redrive_letters, selection_of

    logs.configure()
    named = [*(ids or ()), *(more_ids or ())]
    if not (everything or reason or origin or named):
        raise SupportpulseError("which letters? Say --reason, --origin or --ids, or --all for all of them")
    found = settings.load(kafka=kafka, data_dir=data_dir, sources=sources)
    redrive_letters(
        found, selection_of(reason, origin, named), console(_LETTERS_WIDTH), dry_run=dry_run, as_json=as_json
    )


def migrate(
    clickhouse: ClickHouseOfUp = None,
    data_dir: DataDirOfUp = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Bring ClickHouse's tables and views up to this release.

    Example: supportpulse migrate --clickhouse clickhouse://127.0.0.1:9000/supportpulse --dry-run
    """
    from supportpulse import logs, settings
    from supportpulse.commands.migrate import run

    logs.configure()
    for line in run(settings.load(clickhouse=clickhouse, data_dir=data_dir), dry_run=dry_run):
        print(line)


def topics(
    kafka: Kafka = None,
    partitions: Annotated[Optional[int], typer.Option(help="Of each topic that is made (default: 4).")] = None,
    replication: Annotated[Optional[int], typer.Option(help="Of each topic that is made (default: 1).")] = None,
) -> None:
    """Make the Kafka topics that are missing, and check those that are there.

    Example: supportpulse topics --kafka kafka:9092 --partitions 12 --replication 3
    """
    from schemas.topics import Topics
    from supportpulse import logs, settings
    from supportpulse.topics import ensure

    logs.configure()
    found = settings.load(kafka=kafka, interactions_partitions=partitions, replication=replication)
    report = ensure(found.kafka, Topics(), partitions=found.interactions_partitions, replication=found.replication)
    for name in report.created:
        print(f"created  {name}")
    for name in report.existing:
        print(f"there    {name}")


def doctor(
    kafka: KafkaOfUp = None,
    clickhouse: ClickHouseOfUp = None,
    data_dir: DataDirOfUp = None,
    as_json: Json = False,
) -> None:
    """Look a deployment over: broker, topics, schemas, ClickHouse, clocks, lag, and whether the counts agree.

    One line per check: ok, WARNING, ERROR (with what to do), or ? for what cannot be asked here. Changes nothing. Ends
    with status 1 if there is an error.

    Example: supportpulse doctor --kafka kafka:9092 --clickhouse clickhouse://clickhouse:9000/supportpulse
    """
    from schemas.topics import Topics
    from supportpulse import logs, settings
    from supportpulse.commands import doctor as examination

    logs.configure()
    found = examination.run(settings.load(kafka=kafka, clickhouse=clickhouse, data_dir=data_dir), Topics())
    if as_json:
        sys.stdout.write(examination.as_json(found).decode() + "\n")
    else:
        for line in examination.lines(found):
            print(line)
    if not examination.healthy(found):
        raise typer.Exit(1)
