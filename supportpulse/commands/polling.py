"""Reading again and again, and bringing what was found to Kafka: what `imap` and `follow` share."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from connectors.marks import Outlet, PollReport
from connectors.producer import EventPublisher, PublisherSettings
from schemas.errors import SupportpulseError
from schemas.records import DeadLetter, InteractionEvent
from schemas.topics import Topics
from schemas.wire import encode_dead_letter
from supportpulse import reach

log = structlog.get_logger()


class Poller(Protocol):
    """Anything that reads what is new."""

    def poll(self) -> PollReport:
        """Read what is new."""


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


def run(
    kafka: str,
    made: Callable[[Outlet], Poller],
    transient: type[SupportpulseError],
    interval_seconds: float,
    *,
    once: bool,
    topics: Topics,
) -> None:
    """Poll once, or until SIGTERM or SIGINT; then what is being read is finished and remembered.

    Errors of the kind `transient` are logged, and the next poll tries again; with `once` they are raised.
    """
    stop = threading.Event()
    reach.check_kafka(kafka)
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGTERM, signal.SIGINT)}
    outlet = KafkaOutlet(kafka, topics)
    try:
        poller = made(outlet)
        while not stop.is_set():
            _poll(poller, transient, once=once)
            if once:
                return
            stop.wait(interval_seconds)
    finally:
        outlet.close()
        for name, handler in before.items():
            signal.signal(name, handler)


def _poll(poller: Poller, transient: type[SupportpulseError], *, once: bool) -> None:
    try:
        report = poller.poll()
    except transient as exc:
        if once:
            raise
        log.warning("poll_failed", error=str(exc))
        return
    if report.read or once:
        log.info("polled", read=report.read, events=report.events, ignored=report.ignored, parked=report.parked)
