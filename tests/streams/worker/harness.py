"""A worker's surroundings on a real broker: topics of its own, what is published, what came out, what was committed."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas import wire
from schemas.records import DeadLetter, InteractionEvent, MetricFact, MetricWindow
from schemas.times import EpochMs
from schemas.topics import Topics, record_key
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from streams.windows.batch import same_figures, windows_at
from streams.windows.shape import WINDOW_SECONDS
from streams.worker.app import Worker
from streams.worker.config import Drain, WorkerConfig
from streams.worker.stats import SilentStats
from supportpulse import topics as topic_maker
from tests.servers.plugin import Broker
from tests.streams.partition.harness import FactKey, as_measured, held
from tests.streams.stories import story
from tests.streams.strategies import BOOK, LAST_MS
from tests.streams.windows.harness import WindowKey, at_the_end_of
from tests.streams.windows.harness import key_of as window_key

PARTITIONS = 3
#: Tansu's joins take half of it, and a killed worker's partitions are free after it.
SESSION_SECONDS = 2.0
PATIENCE_SECONDS = 40.0

TOLD = story(
    """
    09:00 customer message
    09:01 bot message
    09:02 customer message team=vip
    09:03 bot handoff
    09:20 ana message
    09:21 system assigned=ana
    09:30 ana pending
    09:50 customer message
    09:55 system assigned=bo
    10:10 bo resolved
    10:30 customer message via=email
    10:31 bo answered
    10:32 bo call=30+5+5
    10:33 customer csat=4 survey=s
    """
)


def some_events(conversations: int, seed: int = 1) -> list[InteractionEvent]:
    """Events of as many conversations, told to different ends, shuffled, with duplicates."""
    rng = random.Random(seed)
    found = []
    for n in range(conversations):
        for event in TOLD[: rng.randint(1, len(TOLD))]:
            names = {"conversation_id": f"c{seed}-{n}", "event_id": f"{n}-{event.event_id}"}
            found.append(msgspec.structs.replace(event, **names))
    found += [event for event in found if rng.random() < 0.2]
    rng.shuffle(found)
    return found


def expected(
    events: Iterable[InteractionEvent], as_of_ms: EpochMs = LAST_MS, policies: PolicyBook = BOOK
) -> dict[FactKey, MetricFact]:
    """What a replay finds."""
    replay = Replay()
    for event in events:
        replay.add(event)
    return {(fact.tenant, fact.fact_id): fact for fact in replay.facts(policies, as_of_ms)}


@dataclass
class Counting(SilentStats):
    """Remembers how many events a worker had, by result."""

    counts: dict[str, int] = field(default_factory=dict)

    def events(self, by_result: Mapping[str, int]) -> None:
        for result, count in by_result.items():
            self.counts[result] = self.counts.get(result, 0) + count


@dataclass
class Surroundings:
    """Topics of one test, on one broker."""

    broker: Broker
    topics: Topics
    data_dir: Path
    #: partition of `interactions` → last offset published
    ends: dict[int, int] = field(default_factory=dict)

    def make(self) -> None:
        topic_maker.ensure(self.broker.address, self.topics, partitions=PARTITIONS)

    def publish(self, events: Iterable[InteractionEvent]) -> None:
        self.publish_raw((record_key(e.tenant, e.conversation_id), wire.encode_event(e)) for e in events)

    def publish_raw(self, found: Iterable[tuple[bytes, bytes]], partition: int | None = None) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.broker.address, acks="all", enable_idempotence=False, linger_ms=20
        )
        sent = [producer.send(self.topics.interactions, key=k, value=v, partition=partition) for k, v in found]
        for future in sent:
            metadata = future.get(20)
            self.ends[metadata.partition] = max(self.ends.get(metadata.partition, -1), metadata.offset)
        producer.close()

    def config(self, *, drain: bool = True, policies: PolicyBook = BOOK) -> WorkerConfig:
        return WorkerConfig(
            kafka=self.broker.address,
            policies=policies,
            data_dir=self.data_dir,
            topics=self.topics,
            group=f"{self.topics.prefix}worker",
            session_timeout_seconds=SESSION_SECONDS,
            drain=Drain(dict(self.ends), LAST_MS) if drain else None,
        )

    async def drain(self, policies: PolicyBook = BOOK, *, rewrite: bool = False) -> dict[str, int]:
        """Run a worker until everything published has had its effect; events by result."""
        stats = Counting()
        worker = Worker(dataclasses.replace(self.config(policies=policies), rewrite_policies=rewrite), stats)
        await asyncio.wait_for(worker.run(asyncio.Event()), PATIENCE_SECONDS)
        return stats.counts

    def versions(self) -> list[MetricFact]:
        """Every version that was sent, in the order of its partition."""
        return [wire.decode_fact(value) for value in self._values(self.topics.facts)]

    def holding(self) -> dict[FactKey, MetricFact]:
        """The facts that hold. Versions that were sent twice say the same."""
        latest: dict[FactKey, MetricFact] = {}
        by_revision: dict[tuple[FactKey, int], MetricFact] = {}
        for fact in self.versions():
            key = (fact.tenant, fact.fact_id)
            assert by_revision.setdefault((key, fact.revision), fact) == fact, "sent twice, and not the same"
            if key not in latest or fact.revision > latest[key].revision:
                latest[key] = fact
        found = {key: as_measured(held(fact)) for key, fact in latest.items()}
        return {key: fact for key, fact in found.items() if fact is not None}

    def windows(self) -> dict[WindowKey, MetricWindow]:
        """What was said last of every window."""
        found = [wire.decode_window(value) for value in self._values(self.topics.windows)]
        return {window_key(window): window for window in sorted(found, key=lambda window: window.window_end)}

    def windows_are_those_of(self, facts: Collection[MetricFact], seconds: Collection[int] = WINDOW_SECONDS) -> bool:
        """Whether the windows of these sizes that hold something are what the reference makes of these facts."""
        found = {key: one for key, one in self.windows().items() if one.count and one.window_seconds in seconds}
        ends_ms = max((one.window_end for one in found.values()), default=0)
        wanted = {window_key(one): one for one in windows_at(facts, ends_ms) if one.window_seconds in seconds}
        return found.keys() == wanted.keys() and all(
            same_figures(at_the_end_of(window, wanted[key]), wanted[key]) for key, window in found.items()
        )

    def dead_letters(self) -> list[DeadLetter]:
        return [wire.decode_dead_letter(value) for value in self._values(self.topics.dead_letters)]

    def committed(self) -> dict[int, int]:
        """partition of `interactions` → next offset to read, as the group has it."""
        return committed(self.broker, f"{self.topics.prefix}worker", self.topics.interactions)

    def _values(self, topic: str, partitions: int = PARTITIONS) -> list[bytes]:
        # Until nothing comes any more: Tansu says that a log ends one batch early.
        consumer = KafkaConsumer(
            bootstrap_servers=self.broker.address,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            consumer_timeout_ms=700,
        )
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        found = [record.value for record in consumer]
        consumer.close()
        return found


def committed(broker: Broker, group: str, topic: str) -> dict[int, int]:
    """partition → committed offset of a group."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=group, enable_auto_commit=False)
    found = {number: consumer.committed(TopicPartition(topic, number)) for number in range(PARTITIONS)}
    consumer.close()
    return {number: offset for number, offset in found.items() if offset is not None}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it, patiently, without stopping the loop."""
    for _ in range(int(PATIENCE_SECONDS / 0.3)):
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s")
