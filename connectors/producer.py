"""Events → the topic `interactions`.

    with EventPublisher(PublisherSettings(bootstrap="127.0.0.1:9092")) as publisher:
        publisher.publish(event)            # blocks while `in_flight` events wait for the broker
    # leaving the block flushes: from here on every event is with the broker, or PublishError was raised

A record's key is `tenant/conversation_id` in UTF-8, and its partition is murmur2(key) & 0x7fffffff modulo the number of
partitions, as in Kafka's own clients: a conversation always lies in one partition, whoever publishes. Changing a
topic's number of partitions breaks that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas import fast, times
from schemas.checks import check_event
from schemas.errors import MalformedRecord, SupportpulseError
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from schemas.topics import Topics, record_key

#: Brokers refuse batches over 1,048,588 bytes unless told otherwise; the rest is for the batch's own frame.
MAX_RECORD_BYTES = 1_000_000
#: Into the topic of the dead letters, which takes batches of 2 MiB; see `schemas.topics`.
MAX_LETTER_BYTES = 2_000_000
_BATCH_BYTES = 262_144
#: What a future may take beyond the delivery timeout before something is wrong with the client itself.
_GRACE_SECONDS = 10.0
_CLOSE_SECONDS = 1.0


class BrokerUnavailable(SupportpulseError):
    """No broker answers at the address given. Start it, or name another; nothing was sent."""


class PublishError(SupportpulseError):
    """The broker did not take some events. Publish the same events again: a second one changes nothing.

    `accepted` and `failed` count since the publisher was made; `__cause__` is the first failure.
    """

    def __init__(self, topic: str, accepted: int, failed: int, cause: BaseException) -> None:
        super().__init__(
            f"{failed:,} of {accepted + failed:,} events for {topic!r} were not accepted by the broker, "
            f"{accepted:,} were (first cause: {cause}). Publish them again once it answers: repeats change nothing"
        )
        self.accepted = accepted
        self.failed = failed


@dataclass(frozen=True, slots=True)
class PublisherSettings:
    """Where to publish, and how much may be on its way.

    `idempotent=False` is for brokers that hand out no producer ids; a retried batch may then be in the topic twice,
    which costs its bytes and nothing else, since a repeated event changes nothing.
    """

    bootstrap: str = "127.0.0.1:9092"
    topic: str = Topics().interactions
    in_flight: int = 10_000
    #: A larger record is refused, key and value together.
    most_bytes: int = MAX_RECORD_BYTES
    idempotent: bool = True
    #: How long a record waits for company: a few milliseconds where somebody waits for the answer, more in bulk.
    linger_ms: int = 5
    delivery_timeout_seconds: float = 60.0
    request_timeout_seconds: float = 20.0


def bulk(bootstrap: str) -> PublisherSettings:
    """For histories: fuller batches, and nobody who waits for a single event."""
    return PublisherSettings(bootstrap=bootstrap, linger_ms=50, in_flight=50_000)


class EventPublisher:
    """Publishes events and looks at what became of every one. For one thread.

    Making it connects, and raises `BrokerUnavailable` if no broker answers within the delivery timeout.
    """

    def __init__(self, settings: PublisherSettings, *, now_ms: Callable[[], EpochMs] = times.now_ms) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._waiting: deque[Any] = deque()
        self._first_failure: BaseException | None = None
        #: Events the broker has acknowledged, and events it has not taken.
        self.accepted = 0
        self.failed = 0
        #: The last acknowledged offset of each partition.
        self.offsets: dict[int, int] = {}
        try:
            self._producer = KafkaProducer(**_client_settings(settings))
        except KafkaError as exc:
            raise BrokerUnavailable(
                f"no broker answers at {settings.bootstrap} ({exc}): start it, or name another"
            ) from exc

    def publish(self, event: InteractionEvent) -> None:
        """Hand over one event, setting `ingested_at` if it has none.

        Blocks while `in_flight` records wait. Raises `Refused` for an event that cannot be carried (nothing is sent),
        and `PublishError` as soon as an earlier one is known to have failed.
        """
        now_ms = self._now_ms()
        if event.ingested_at is None:
            event = msgspec.structs.replace(event, ingested_at=now_ms)
        check_event(event)
        self._send(record_key(event.tenant, event.conversation_id), fast.encode_event(event), now_ms)

    def publish_raw(self, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Hand over bytes as they are, as a redrive does. Blocks and raises like `publish`."""
        self._send(key, value, self._now_ms(), headers)

    def flush(self) -> None:
        """Wait for every event handed over. Raises `PublishError` if any was not accepted, now or before."""
        # Sends what still lingers. What failed, and what this did not wait for, only the futures say.
        with suppress(KafkaError):
            self._producer.flush(timeout=self._patience_seconds)
        while self._waiting:
            self._look_at_oldest()
        self._raise_failure()

    def close(self) -> None:
        """Give up what is still waiting and disconnect. Raises nothing."""
        try:
            self._producer.close(timeout=_CLOSE_SECONDS)
        except KafkaError:
            # The client waits for the broker before it closes, and without one leaves its thread and sockets behind.
            self._producer._sender.force_close()
            with suppress(KafkaError):
                self._producer.close(timeout=_CLOSE_SECONDS)

    def __enter__(self) -> EventPublisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()

    @property
    def _patience_seconds(self) -> float:
        return self._settings.delivery_timeout_seconds + _GRACE_SECONDS

    def _send(
        self, key: bytes | None, value: bytes, now_ms: EpochMs, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        size = len(value) + len(key or b"")
        most = self._settings.most_bytes
        if size > most:
            raise MalformedRecord(f"a record of {size:,} bytes: at most {most:,} fit through a broker")
        self._look_at_answered()
        while len(self._waiting) >= self._settings.in_flight:
            self._look_at_oldest()
        if self._first_failure is not None:
            # The others on their way are counted too, so that the error tells the whole story.
            self.flush()
        try:
            future = self._producer.send(
                self._settings.topic, value=value, key=key, timestamp_ms=now_ms, headers=list(headers)
            )
        except KafkaError as exc:
            self._fail(exc)
            self.flush()
        else:
            self._waiting.append(future)

    def _look_at_answered(self) -> None:
        while self._waiting and self._waiting[0].is_done:
            self._look_at_oldest()

    def _look_at_oldest(self) -> None:
        future = self._waiting.popleft()
        try:
            sent = future.get(timeout=self._patience_seconds)
        except KafkaError as exc:
            self._fail(exc)
        else:
            self.accepted += 1
            self.offsets[sent.partition] = max(sent.offset, self.offsets.get(sent.partition, -1))

    def _fail(self, cause: BaseException) -> None:
        self.failed += 1
        self._first_failure = self._first_failure or cause

    def _raise_failure(self) -> None:
        if self._first_failure is not None:
            raise PublishError(
                self._settings.topic, self.accepted, self.failed, self._first_failure
            ) from self._first_failure


def _client_settings(settings: PublisherSettings) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.bootstrap,
        "client_id": "supportpulse-publisher",
        "acks": "all",
        # Said outright: left to itself, a conflicting setting switches it off without a word.
        "enable_idempotence": settings.idempotent,
        # Without producer ids, only one request at a time keeps a retried batch from overtaking the next.
        "max_in_flight_requests_per_connection": 5 if settings.idempotent else 1,
        "batch_size": _BATCH_BYTES,
        "linger_ms": settings.linger_ms,
        "max_request_size": settings.most_bytes + _BATCH_BYTES,
        "delivery_timeout_ms": round(settings.delivery_timeout_seconds * 1000),
        "request_timeout_ms": round(
            min(settings.request_timeout_seconds, settings.delivery_timeout_seconds / 2) * 1000
        ),
        "max_block_ms": round(settings.delivery_timeout_seconds * 1000),
        "bootstrap_timeout_ms": round(settings.delivery_timeout_seconds * 1000),
    }
