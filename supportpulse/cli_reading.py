"""The commands by which channels come in: the gateway, mailboxes and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from supportpulse.options import Kafka, Own, Sources, Verbose

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
    own: Own = None,
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
            own=frozenset(own or ()),
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


def gateway(
    sources: Sources = None,
    kafka: Kafka = None,
    host: Annotated[Optional[str], typer.Option(help="What it listens on (default: 127.0.0.1).")] = None,
    port: Annotated[Optional[int], typer.Option(help="Where it listens (default: 8420).")] = None,
    check: Annotated[bool, typer.Option("--check", help="Read the sources file, say what is in it, and end.")] = False,
    verbose: Verbose = False,
) -> None:
    """Run one gateway: webhooks of the channels and POST /v1/events in, events to Kafka, answered once they are there.

    SIGHUP reads the sources file again; a broken one is refused with its line, and the old one stays in force. SIGTERM
    or Ctrl-C ends it cleanly.

    Examples:

    supportpulse gateway --sources sources.yaml --check

    supportpulse gateway --sources sources.yaml --kafka kafka:9092 --port 8420
    """
    from supportpulse import logs, settings
    from supportpulse.commands.gateway import check_sources, run

    logs.configure(verbose=verbose)
    found = settings.load(kafka=kafka, sources=sources, host=host, gateway_port=port)
    if check:
        for line in check_sources(found):
            print(line)
    else:
        run(found)


def register(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command()(gateway)
    app.command()(imap)
    app.command()(follow)
