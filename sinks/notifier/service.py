"""`sla-alerts` → a webhook: every alert at least once, in the order of its conversation.

Offsets are committed behind the delivery, so an alert may be told twice, with the same idempotency key, and never not
at all. A receiver that is away is waited for: nothing more is read meanwhile, and Kafka keeps what comes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog
from aiokafka.errors import KafkaError

from schemas import wire
from schemas.errors import Refused
from schemas.records import SlaAlert
from schemas.times import EpochMs
from sinks.kafka import SinkKafka
from sinks.notifier.config import NotifierConfig
from sinks.notifier.message import key_of
from sinks.notifier.sender import Interrupted, MessageRefused, Sender
from sinks.notifier.stats import NoStats, NotifierStats, Result
from sinks.source import SourceRecord

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.2
#: A partition that has gone to another notifier is noticed within this long, also between two attempts.
_LOST_CHECK_SECONDS = 1.0


class NotifierService:
    """One member of the group. `on_refused` is called with what the receiver did not want, before it goes on."""

    def __init__(
        self,
        config: NotifierConfig,
        *,
        clock: Callable[[], EpochMs],
        stats: NotifierStats | None = None,
        on_refused: Callable[[SlaAlert], None] = lambda _alert: None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._stats = stats or NoStats()
        self._on_refused = on_refused
        self._kafka = SinkKafka(
            config.kafka, config.group, config.topics, config.session_timeout_ms, names=(config.topics.alerts,)
        )
        self._sender = Sender(config, self._stats)
        self._told: OrderedDict[str, None] = OrderedDict()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; an attempt that has begun is finished. Raises `KafkaUnavailable` when no broker answers."""
        await self._kafka.start()
        try:
            async with self._sender:
                while not stop.is_set():
                    polled = await self._kafka.poll(_POLL_SECONDS, self._config.poll_records)
                    await asyncio.gather(*(self._tell_all(name, found, stop) for name, found in polled.items()))
        finally:
            await self._kafka.stop()

    async def _tell_all(self, name: tuple[str, int], records: Sequence[SourceRecord], stop: asyncio.Event) -> None:
        """The records of one partition, one after the other: a warning is told before its breach."""
        interrupt = asyncio.Event()
        watching = asyncio.create_task(self._interrupt(name, stop, interrupt))
        try:
            for record in records:
                result = await self._tell(record, interrupt)
                self._stats.notified(result)
                await self._commit(name, record.offset + 1)
        except Interrupted as exc:
            _log.info("notifier.interrupted", partition=name[1], why=str(exc))
        finally:
            watching.cancel()

    async def _interrupt(self, name: tuple[str, int], stop: asyncio.Event, interrupt: asyncio.Event) -> None:
        while not stop.is_set() and self._kafka.owns(name):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOST_CHECK_SECONDS)
        interrupt.set()

    async def _tell(self, record: SourceRecord, interrupt: asyncio.Event) -> Result:
        try:
            alert = wire.decode_alert(record.value or b"")
        except Refused as refused:
            # The sink parks it as a dead letter.
            _log.warning("notifier.unreadable", offset=record.offset, reason=refused.reason)
            return "unreadable"
        key = key_of(alert)
        if key in self._told:
            return "repeated"
        if self._clock() - alert.raised_at > self._config.oldest_seconds * 1000:
            return "old"
        try:
            await self._sender.send(alert, interrupt)
        except MessageRefused as exc:
            _log.error("notifier.refused", key=key, tenant=alert.tenant, level=alert.level, status=exc.status)
            self._on_refused(alert)
            return "refused"
        self._remember(key)
        return "delivered"

    def _remember(self, key: str) -> None:
        self._told[key] = None
        if len(self._told) > self._config.remembered:
            self._told.popitem(last=False)

    async def _commit(self, name: tuple[str, int], offset: int) -> None:
        try:
            await self._kafka.commit({name: offset})
        except KafkaError as exc:
            # Whoever reads it again tells it again, with the same key.
            _log.warning("notifier.commit_failed", error=type(exc).__name__)
