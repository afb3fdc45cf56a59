"""The commands that read what grows: mailboxes and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from supportpulse.options import Kafka

# ruff: noqa: UP045


def imap(
    host: Annotated[str, typer.Option(help="The IMAP server.", metavar="NAME")],
    user: Annotated[str, typer.Option(help="The account.")],
    password: Annotated[str, typer.Option(help="Where its password is: env:NAME or file:/path.", metavar="REFERENCE")],
    tenant: Annotated[str, typer.Option(help="Tenant of the events.")],
    source: Annotated[str, typer.Option(help="Source of the events.")] = "imap",
    mailbox: Annotated[
        Optional[list[str]], typer.Option(help="What to read (default: INBOX); may be repeated.", metavar="NAME")
    ] = None,
    own: Annotated[
        Optional[list[str]],
        typer.Option(help="An address or a domain of yours; may be repeated.", metavar="ADDRESS"),
    ] = None,
    state: Annotated[Path, typer.Option(help="Remembers what was read.", metavar="FILE")] = Path("imap-state.json"),
    port: Annotated[int, typer.Option(help="Where the server listens.", min=1, max=65_535)] = 993,
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="Encrypt. Leave it out on this machine alone.")] = True,
    interval: Annotated[float, typer.Option(help="Seconds between two polls.", min=0.1)] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Poll once, and end.")] = False,
    kafka: Kafka = None,
) -> None:
    """Read mailboxes over IMAP and publish what is new; nothing in them is changed.

    Name the mailbox of what was sent, too, and your domain with --own: what you write is a reply. What lies in a
    mailbox at the first poll is history; UIDVALIDITY and UID of what Kafka has are kept in the state file.

    Example: supportpulse imap --host imap.acme.example --user help --password env:IMAP_PASSWORD --tenant acme
    --mailbox INBOX --mailbox Sent --own acme.example
    """
    from connectors.imap import ImapSettings
    from supportpulse import logs, settings
    from supportpulse.commands.imap import ImapOptions, run
    from supportpulse.commands.imap import password as password_at

    logs.configure()
    found = settings.load(kafka=kafka)
    account = ImapSettings(
        host, user, password_at(password), port=port, tls=tls, mailboxes=tuple(mailbox or ("INBOX",))
    )
    run(
        ImapOptions(
            account=account,
            tenant=tenant,
            source=source,
            own=frozenset(each.strip().lower().removeprefix("@") for each in own or ()),
            state=state,
            kafka=found.kafka,
            interval_seconds=interval,
            once=once,
        )
    )


def follow(
    log: Annotated[Path, typer.Argument(help="Asterisk's queue_log.", metavar="FILE")],
    tenant: Annotated[str, typer.Option(help="Tenant of the events.")],
    source: Annotated[str, typer.Option(help="Source of the events.")] = "asterisk",
    state: Annotated[Path, typer.Option(help="Remembers what was read.", metavar="FILE")] = Path("follow-state.json"),
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Read what is new, and end.")] = False,
    kafka: Kafka = None,
) -> None:
    """Read a log as it grows and publish its new lines, also across rotation; what cannot be used is parked.

    What is in the log at the first time is history. Inode and offset of what Kafka has are kept in the state file.

    Example: supportpulse follow /var/log/asterisk/queue_log --tenant acme --kafka kafka:9092
    """
    from supportpulse import logs, settings
    from supportpulse.commands.follow import FollowOptions, run

    logs.configure()
    run(FollowOptions(log, tenant, source, state, settings.load(kafka=kafka).kafka, interval, once))


def register(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command()(imap)
    app.command()(follow)
