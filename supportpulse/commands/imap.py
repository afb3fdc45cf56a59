"""`supportpulse imap`: mailboxes to Kafka, once or again and again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from connectors.channels.base import Source
from connectors.channels.mail import MailOptions
from connectors.imap import ImapError, ImapPoller, ImapSettings, StateFile
from connectors.producer import EventPublisher, PublisherSettings
from schemas.errors import SupportpulseError
from schemas.records import DeadLetter, InteractionEvent
from schemas.topics import Topics
from schemas.wire import encode_dead_letter
from supportpulse import reach
from supportpulse.up.landing import wall_clock_ms

log = structlog.get_logger()


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


class KafkaOutlet:
    """Events to `interactions`, messages that cannot be read to the dead letters."""

    def __init__(self, kafka: str, topics: Topics) -> None:
        self._events = EventPublisher(PublisherSettings(bootstrap=kafka, topic=topics.interactions))
        self._letters = EventPublisher(PublisherSettings(bootstrap=kafka, topic=topics.dead_letters))

    def publish(self, event: InteractionEvent) -> None:
        """Take an event."""
        self._events.publish(event)

    def park(self, letter: DeadLetter) -> None:
        """Take a message that could not be read."""
        self._letters.publish_raw(letter.key, encode_dead_letter(letter))

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        self._events.flush()
        self._letters.flush()

    def close(self) -> None:
        """Disconnect."""
        self._events.close()
        self._letters.close()


def password(reference: str, environ: Mapping[str, str] = os.environ) -> str:
    """The password that `env:NAME` or `file:/path` refers to. Raises `SupportpulseError`, never with the password."""
    kind, _, where = reference.partition(":")
    if kind == "env" and where:
        found = environ.get(where, "")
    elif kind == "file" and where:
        try:
            found = Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise SupportpulseError(f"the password's file {where} cannot be read: {exc}") from exc
    else:
        raise SupportpulseError("the password is given by reference: --password env:NAME or file:/path")
    if not found:
        raise SupportpulseError(f"there is no password at {reference}: set it before this starts")
    return found


def run(options: ImapOptions) -> None:
    """Poll once, or until SIGTERM or SIGINT; then what is being read is finished and remembered."""
    stop = threading.Event()
    reach.check_kafka(options.kafka)
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGTERM, signal.SIGINT)}
    outlet = KafkaOutlet(options.kafka, Topics())
    try:
        source = Source(options.source, options.tenant, MailOptions(own=options.own))
        poller = ImapPoller(options.account, source, outlet, StateFile(options.state), wall_clock_ms)
        while not stop.is_set():
            _poll(poller, once=options.once)
            if options.once:
                return
            stop.wait(options.interval_seconds)
    finally:
        outlet.close()
        for name, handler in before.items():
            signal.signal(name, handler)


def _poll(poller: ImapPoller, *, once: bool) -> None:
    try:
        report = poller.poll()
    except ImapError as exc:
        if once:
            raise
        # Servers restart, and connections end: the next poll takes up where this one was.
        log.warning("poll_failed", error=str(exc))
        return
    if report.read or once:
        log.info("polled", read=report.read, events=report.events, ignored=report.ignored, parked=report.parked)
