"""The sink on real brokers and the embedded engine: everything lands, once in effect, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from schemas import wire
from schemas.records import DeadLetter, MetricWindow
from schemas.registry import MARKER
from schemas.topics import Topics
from sinks.clickhouse.database import Answer, Columns, Params
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from sinks.errors import ConnectionLost, DatabaseError
from sinks.kafka import KafkaUnavailable
from sinks.service import SinkConfig, SinkService
from tests.servers.plugin import Broker
from tests.sinks import samples
from tests.sinks.kafka import make_topics, send
from tests.sinks.samples import T0


class Seen:
    """Stats that remember."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.latencies: dict[str, list[float]] = {}
        self.failures: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.lags: dict[str, tuple[int, float]] = {}
        self.seen_windows: list[MetricWindow] = []

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        self.rows[table] += rows

    def landed(self, topic: str, latencies_seconds: Sequence[float]) -> None:
        self.latencies.setdefault(topic, []).extend(latencies_seconds)

    def failed(self, table: str, error: str) -> None:
        self.failures[error] += 1

    def refused(self, topic: str, reason: str) -> None:
        self.refusals[topic, reason] += 1

    def lag(self, topic: str, records: int, seconds: float) -> None:
        self.lags[topic] = (records, seconds)

    def windows(self, windows: Sequence[MetricWindow]) -> None:
        self.seen_windows.extend(windows)


class Flaky:
    """The embedded engine behind a connection that can be cut. It stands for the network, not for ClickHouse."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._database = database
        self.cut = False
        self.attempts = 0

    def execute(self, sql: str, params: Params | None = None) -> None:
        self._database.execute(sql, params)

    def query(self, sql: str, params: Params | None = None) -> Answer:
        return self._database.query(sql, params)

    def insert(self, table: str, columns: Columns) -> int:
        self.attempts += 1
        if self.cut:
            # A part of it may have landed: nobody can tell.
            half = {name: values[: len(values) // 2] for name, values in columns.items()}
            self._database.insert(table, half)
            raise ConnectionLost("cut")
        return self._database.insert(table, columns)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def topics(broker: Broker, unique: Callable[[str], str]) -> Topics:
    return make_topics(broker.address, unique("sink"))


@pytest.fixture
def config(broker: Broker, topics: Topics) -> SinkConfig:
    return SinkConfig(
        kafka=broker.address, group=topics.interactions, topics=topics, session_timeout_ms=6_000, batch_seconds=0.2
    )


@asynccontextmanager
async def running(config: SinkConfig, database: Any, stats: Seen | None = None) -> AsyncIterator[SinkService]:
    service = SinkService(config, database, clock=lambda: T0 + 5_000, stats=stats)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def count(database: EmbeddedDatabase, table: str) -> int:
    return int(database.query(f"SELECT count() FROM {table}").columns[0][0])


async def test_every_topic_lands_in_its_table(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    letter = DeadLetter(reason="malformed", detail="no", origin="interactions/0/1", parked_at=T0, original=b"x")
    events = [wire.encode_event(samples.event(f"e{i}")) for i in range(300)]
    facts = [wire.encode_fact(samples.fact(f"c{i}/1/1/first_response")) for i in range(200)]
    send(broker.address, topics.interactions, events, T0)
    send(broker.address, topics.facts, facts, T0)
    send(broker.address, topics.alerts, [wire.encode_alert(samples.alert())])
    send(broker.address, topics.windows, [wire.encode_window(samples.window())])
    send(broker.address, topics.dead_letters, [wire.encode_dead_letter(letter)])
    seen = Seen()
    async with running(config, database, seen) as service:
        await service.drain()
        assert count(database, "interactions") == 300
        assert count(database, "metric_facts") == 200
        assert [count(database, table) for table in ("sla_alerts", "metric_windows", "dead_letters")] == [1, 1, 1]
        assert service.health.ok
    assert seen.rows["interactions"] == 300
    assert seen.latencies[topics.facts] == [5.0] * 200
    assert seen.seen_windows == [samples.window()]
    assert seen.lags[topics.interactions] == (0, 0.0)


async def test_what_cannot_be_read_is_parked_once_and_stops_nothing(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    fact = wire.encode_fact(samples.fact())
    future = MARKER + bytes(8) + b"later"
    wrong = wire.encode_fact(samples.fact(revision=-5))
    send(broker.address, topics.facts, [b"garbage", fact, future, wrong, b""])
    send(broker.address, topics.dead_letters, [b"not a letter"])
    send(broker.address, topics.interactions, [b"the worker parks this"])
    seen = Seen()
    async with running(config, database, seen) as service:
        await service.drain()
    rows = database.query("SELECT splitByChar('/', origin)[1] AS topic, reason, original FROM dead_letters FINAL").rows
    assert {(topic, reason, _as_bytes(original)) for topic, reason, original in rows} == {
        (topics.facts, "malformed", b"garbage"),
        (topics.facts, "malformed", b""),
        (topics.facts, "unknown_schema", future),
        (topics.facts, "invalid_event", wrong),
        (topics.dead_letters, "malformed", b"not a letter"),
    }
    assert len(rows) == 5
    assert count(database, "metric_facts") == 1
    assert seen.refusals == {
        (topics.facts, "malformed"): 2,
        (topics.facts, "unknown_schema"): 1,
        (topics.facts, "invalid_event"): 1,
        (topics.dead_letters, "malformed"): 1,
    }


async def test_a_record_as_large_as_they_come_is_parked_with_what_is_wrong_with_it(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    large = b"x" * (1_048_576 - 200)
    send(broker.address, topics.facts, [large])
    async with running(config, database) as service:
        await service.drain()
    ((size,),) = database.query("SELECT length(original) FROM dead_letters FINAL").rows
    assert size == len(large)


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


async def test_a_second_sink_carries_on_where_the_first_committed(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    send(broker.address, topics.facts, [wire.encode_fact(samples.fact(f"c{i}/1/1/first_response")) for i in range(50)])
    async with running(config, database) as service:
        await service.drain()
    send(broker.address, topics.facts, [wire.encode_fact(samples.fact(f"d{i}/1/1/first_response")) for i in range(30)])
    seen = Seen()
    async with running(config, database, seen) as service:
        await service.drain()
    assert seen.rows["metric_facts"] == 30
    assert count(database, "metric_facts") == 80


async def test_an_outage_loses_nothing_reads_no_further_and_shows(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    flaky, seen = Flaky(database), Seen()
    config = replace(config, batch_rows=100, poll_records=50, first_wait_seconds=0.05, longest_wait_seconds=0.2)
    async with running(config, flaky, seen) as service:
        await service.drain()
        flaky.cut = True
        facts = [wire.encode_fact(samples.fact(f"c{i}/1/1/first_response")) for i in range(2_000)]
        await asyncio.to_thread(send, broker.address, topics.facts, facts)
        await _until(lambda: flaky.attempts >= 5)
        assert not service.health.ok
        assert "ConnectionLost" in seen.failures
        assert "metric_facts" in service.health.detail
        assert "Check that ClickHouse runs" in service.health.detail
        held = service._batch.rows + (service._landing_batch.rows if service._landing_batch else 0)
        assert held <= 2 * (100 + 50)
        polled = sum(end for (topic, _), end in service._kafka._polled.items() if topic == topics.facts)
        assert polled <= 2 * (100 + 50), "it reads nothing more"
        flaky.cut = False
        await service.drain()
        assert service.health.ok
    assert count(database, "metric_facts FINAL") == 2_000


async def test_stopping_in_an_outage_leaves_everything_to_be_read_again(
    broker: Broker, topics: Topics, config: SinkConfig, database: EmbeddedDatabase
) -> None:
    flaky = Flaky(database)
    flaky.cut = True
    send(broker.address, topics.facts, [wire.encode_fact(samples.fact(f"c{i}/1/1/first_response")) for i in range(40)])
    async with running(replace(config, stop_seconds=0.5, batch_rows=10, poll_records=10), flaky) as service:
        await _until(lambda: flaky.attempts >= 1)
        healing = asyncio.create_task(_heal_when_given_up(service, flaky))
    await healing
    async with running(config, flaky) as service:
        await service.drain()
    assert count(database, "metric_facts FINAL") == 40


async def test_a_missing_schema_is_an_outage_that_migrating_ends(
    broker: Broker, topics: Topics, config: SinkConfig, empty_database: EmbeddedDatabase
) -> None:
    send(broker.address, topics.facts, [wire.encode_fact(samples.fact())])
    async with running(replace(config, first_wait_seconds=0.1), empty_database) as service:
        await _until(lambda: "supportpulse migrate" in service.health.detail)
        await asyncio.to_thread(migrate, empty_database, T0)
        await service.drain()
    assert count(empty_database, "metric_facts") == 1


async def test_an_empty_log_drains_at_once(config: SinkConfig, database: EmbeddedDatabase) -> None:
    async with running(config, database) as service:
        await asyncio.wait_for(service.drain(), 30)


async def test_without_a_broker_it_says_what_to_check(database: EmbeddedDatabase) -> None:
    service = SinkService(SinkConfig(kafka="127.0.0.1:1"), database, clock=lambda: T0)
    with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1:1 .*--kafka"):
        await service.start()


async def _heal_when_given_up(service: SinkService, flaky: Flaky) -> None:
    # The batch behind the lost one could land now; to commit it would skip the lost one.
    await service._abandon.wait()
    flaky.cut = False


async def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(poll(), seconds)


def test_every_database_error_says_whether_waiting_helps() -> None:
    assert ConnectionLost("x").retryable
    assert not DatabaseError("x").retryable
