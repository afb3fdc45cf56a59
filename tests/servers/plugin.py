"""Fixtures that hand out real servers, and the line in the summary that says which tests did not get theirs.

    def test_x(broker, make_topic): ...          # twice: on Tansu and on Apache Kafka
    def test_y(clickhouse_server): ...           # one for the whole run; use a database of your own
    def test_z(own_kafka): own_kafka.kill()      # for one test, which may kill it and start it again
    def test_w(watch): watch(targets).receiver    # Prometheus and Alertmanager as shipped, and whoever is told

Where a server cannot be had its tests are skipped, and the summary says so; with SUPPORTPULSE_REQUIRE_SERVERS=1 they
fail.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from supportpulse.broker import TansuBroker
from supportpulse.processes import ServerError
from tests.servers.clickhouse import ClickHouseServer
from tests.servers.kafka import KafkaServer
from tests.servers.receiver import Receiver
from tests.servers.watching import Watch

REQUIRED = "SUPPORTPULSE_REQUIRE_SERVERS"
_MARK = "no server: "

MakeTopic = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers at `address` (host:port)."""

    name: str
    address: str


@contextmanager
def available(name: str) -> Iterator[None]:
    """Turns "cannot be had" into a skip that the summary counts, or into a failure where servers are required."""
    try:
        yield
    except ServerError as exc:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{name} cannot be had, and {REQUIRED}=1 asks for it: {exc}", pytrace=False)
        pytest.skip(f"{_MARK}{name}: {str(exc).splitlines()[0]}")


@pytest.fixture(scope="session")
def tansu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Tansu, one for the whole run."""
    server = TansuBroker()
    with available("Tansu"):
        server.start(log_path=tmp_path_factory.mktemp("tansu") / "broker.log")
    yield Broker("tansu", server.address)
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Apache Kafka, one for the whole run."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    with available("Apache Kafka"):
        server.start()
    yield Broker("kafka", server.address)
    server.stop()


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("tansu", marks=pytest.mark.kafka),
        pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.server]),
    ],
)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Every broker the pipeline promises to run on, one after the other."""
    found: Broker = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def own_tansu(tmp_path: Any) -> Iterator[TansuBroker]:
    """A Tansu for this test alone, started; it may be stopped, killed and started again (empty, then)."""
    server = TansuBroker()
    with available("Tansu"):
        server.start(log_path=tmp_path / "tansu.log")
    yield server
    server.stop()


@pytest.fixture
def own_kafka(tmp_path: Any) -> Iterator[KafkaServer]:
    """An Apache Kafka for this test alone, started; it may be stopped, killed and started again."""
    server = KafkaServer(tmp_path / "kafka")
    with available("Apache Kafka"):
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A ClickHouse server, one for the whole run. A test makes a database of its own in it."""
    server = ClickHouseServer(tmp_path_factory.mktemp("clickhouse"))
    with available("ClickHouse server"):
        server.start()
    yield server
    server.stop()


@pytest.fixture
def own_clickhouse_server(tmp_path: Any) -> Iterator[ClickHouseServer]:
    """A ClickHouse server for this test alone, started; it may be stopped, killed and started again."""
    server = ClickHouseServer(tmp_path / "clickhouse")
    with available("ClickHouse server"):
        server.start()
    yield server
    server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who takes webhooks, started."""
    found = Receiver()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def watch(tmp_path: Any) -> Iterator[Callable[[Mapping[str, Sequence[str]]], Watch]]:
    """`watch({"supportpulse-worker": ["127.0.0.1:9464"]})` starts Prometheus and Alertmanager as they are shipped."""
    found = Watch(tmp_path / "watch")

    def start(targets: Mapping[str, Sequence[str]]) -> Watch:
        with available("Prometheus and Alertmanager"):
            found.start(targets)
        return found

    yield start
    found.stop()


@pytest.fixture
def unique() -> Callable[[str], str]:
    """A name that nobody else uses: for topics, groups, databases."""
    return lambda prefix: f"{prefix}_{uuid4().hex[:12]}"


@pytest.fixture
def make_topic(unique: Callable[[str], str]) -> MakeTopic:
    """`make_topic(broker, "interactions", partitions=4, **configs)` makes a topic and returns its name."""

    def make(broker: Broker, prefix: str = "topic", partitions: int = 1, **configs: str) -> str:
        name = unique(prefix)
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        finally:
            admin.close()
        return name

    return make


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line per server that could not be had."""
    missing = Counter(
        report.longrepr[2].split(_MARK, 1)[1]
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple) and _MARK in report.longrepr[2]
    )
    for reason, count in sorted(missing.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"DID NOT RUN: {tests} for want of {reason}", red=True, bold=True)
