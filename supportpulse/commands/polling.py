"""Reading again and again, and bringing what was found to Kafka: what `imap` and `follow` share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from connectors.marks import Outlet, PollReport
from connectors.producer import MAX_LETTER_BYTES, EventPublisher, PublisherSettings
from schemas.errors import SupportpulseError
from schemas.records import DeadLetter, InteractionEvent
from schemas.topics import Topics
from schemas.wire import encode_dead_letter
from supportpulse import reach, stopping

log = structlog.get_logger()


class Poller(Protocol):
    """Anything that reads what is new."""

    def poll(self) -> PollReport:
        """Read what is new."""


class Stopping(SupportpulseError):
    """We are told to end, and what was begun is with Kafka and remembered. The rest is read the next time."""


class KafkaOutlet:
    """Events to `interactions`, messages that cannot be read to the dead letters. Nothing is begun after `stop`."""

    def __init__(self, kafka: str, topics: Topics, stop: threading.Event) -> None:
        self._stop = stop
        self._begun = False
        self._events = EventPublisher(PublisherSettings(bootstrap=kafka, topic=topics.interactions))
        self._letters = EventPublisher(
            PublisherSettings(bootstrap=kafka, topic=topics.dead_letters, most_bytes=MAX_LETTER_BYTES)
        )

    def publish(self, event: InteractionEvent) -> None:
        """Take an event. Raises `Stopping`."""
        self._begin()
        self._events.publish(event)

    def park(self, letter: DeadLetter) -> None:
        """Take a message that could not be read. Raises `Stopping`."""
        self._begin()
        self._letters.publish_raw(letter.key, encode_dead_letter(letter))

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        self._events.flush()
        self._letters.flush()
        self._begun = False

    def close(self) -> None:
        """Disconnect."""
        self._events.close()
        self._letters.close()

    def _begin(self) -> None:
        # Between two flushes what was read is remembered, so in between is where to end.
        if self._stop.is_set() and not self._begun:
            raise Stopping("told to end: what was not read yet is read the next time")
        self._begun = True


def run(
    kafka: str,
    made: Callable[[Outlet], Poller],
    transient: type[SupportpulseError],
    interval_seconds: float,
    *,
    once: bool,
    topics: Topics,
) -> None:
    """Poll once, or until SIGTERM or SIGINT; then the piece that is being read is finished and remembered.

    Errors of the kind `transient` are logged, and the next poll tries again; with `once` they are raised.
    """
    reach.check_kafka(kafka)
    with stopping.in_time() as told:
        stop = told.flag()
        outlet = KafkaOutlet(kafka, topics, stop)
        try:
            poller = made(outlet)
            while not stop.is_set():
                _poll(poller, transient, once=once)
                if once:
                    return
                stop.wait(interval_seconds)
        except Stopping as exc:
            log.info("stopped", why=str(exc))
        finally:
            outlet.close()


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
