"""What a chunk sends, put into the form in which it goes while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from faust.types import TP

from schemas import wire
from schemas.fast import encode_alert, encode_fact
from schemas.records import DeadLetter
from schemas.times import EpochMs
from schemas.topics import Topics, record_key
from streams.partition.chunk import Raised
from streams.partition.head import Change
from streams.windows.deltas import DeltaBuilder
from streams.worker.outbox import Outbox, Outgoing


class Outputs:
    """The facts and window deltas of one chunk of one partition. `facts` counts the facts by metric.

    `beside`: whether the topic of the facts has as many partitions as that of the events.
    """

    def __init__(self, outbox: Outbox, topics: Topics, tp: TP, epoch: int, *, beside: bool) -> None:
        self.facts: dict[str, int] = {}
        self._outbox = outbox
        self._topics = topics
        self._tp = tp
        self._pile = outbox.pile()
        self._scattered: list[Outgoing] = []
        self._beside = beside
        self._deltas = DeltaBuilder(tp.partition, epoch)
        self._tenant = self._conversation_id = ""
        self._key = b""
        self._latest_ms = 0

    def emit(self, offset: int, timestamp_ms: EpochMs, change: Change) -> None:
        """Take a change that the record at `offset`, published at `timestamp_ms`, has made."""
        fact = change.new
        metric = fact.metric
        self.facts[metric] = self.facts.get(metric, 0) + 1
        # The record keeps the time of the event's, so that a sink can tell how long the way was.
        # An event's facts come one after the other.
        if fact.conversation_id != self._conversation_id or fact.tenant != self._tenant:
            self._tenant, self._conversation_id = fact.tenant, fact.conversation_id
            self._key = record_key(fact.tenant, fact.conversation_id)
        if self._beside:
            self._pile.append(self._key, encode_fact(fact), timestamp_ms)
        else:
            self._scattered.append(Outgoing(self._key, encode_fact(fact), timestamp_ms))
        self._deltas.replace(change.old, fact, offset)
        self._latest_ms = max(self._latest_ms, timestamp_ms)

    async def send(self, dead_letters: Iterable[DeadLetter], alerts: Iterable[Raised]) -> dict[int, int]:
        """Send everything and wait for it; the last window delta by partition. Raises `SendFailed`."""
        topics, outbox = self._topics, self._outbox
        raised = [
            Outgoing(
                record_key(each.alert.tenant, each.alert.conversation_id),
                encode_alert(each.alert),
                each.timestamp_ms,
            )
            for each in alerts
        ]
        parked = [
            Outgoing(letter.key or b"", wire.encode_dead_letter(letter), letter.parked_at) for letter in dead_letters
        ]
        deltas = [Outgoing(tenant.encode(), batch, self._latest_ms) for tenant, batch in self._deltas.take().items()]
        _, _, _, _, ends = await asyncio.gather(
            outbox.send_pile(topics.facts, self._tp.partition, self._pile),
            outbox.send(topics.facts, self._scattered),
            outbox.send(topics.alerts, raised),
            outbox.send(topics.dead_letters, parked),
            outbox.send(topics.window_deltas, deltas),
        )
        return ends
