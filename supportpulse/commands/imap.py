"""`supportpulse imap`: mailboxes to Kafka, once or again and again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.channels.base import Source
from connectors.channels.mail import MailOptions
from connectors.imap import ImapError, ImapPoller, ImapSettings
from connectors.marks import StateFile
from schemas import secrets, times
from schemas.errors import SupportpulseError
from schemas.secrets import SecretUnreadable
from schemas.topics import Topics
from supportpulse.commands import polling


@dataclass(frozen=True, slots=True)
class ImapOptions:
    """What the command line says."""

    account: ImapSettings
    tenant: str
    source: str
    own: frozenset[str]
    state: Path
    kafka: str
    interval_seconds: float
    once: bool


def password(reference: str, environ: Mapping[str, str] = os.environ) -> str:
    """The password that `env:NAME` or `file:/path` refers to. Raises `SupportpulseError`, never with the password."""
    try:
        return secrets.read(reference, environ).decode()
    except SecretUnreadable as exc:
        raise SupportpulseError(f"--password: {exc}") from exc
    except UnicodeDecodeError:
        # The error itself would hold the password.
        raise SupportpulseError(f"--password: what is at {reference} is no text in UTF-8") from None


def run(options: ImapOptions) -> None:
    """Poll once, or until SIGTERM or SIGINT."""
    source = Source(options.source, options.tenant, MailOptions(own=options.own))
    polling.run(
        options.kafka,
        lambda outlet: ImapPoller(options.account, source, outlet, StateFile(options.state), times.now_ms),
        # Servers restart, and connections end: the next poll takes up where this one was.
        ImapError,
        options.interval_seconds,
        once=options.once,
        topics=Topics(),
    )
