"""The whole pipeline as processes of its own: servers, gateway, two workers, two sinks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaError

from chaos.actors import Actor
from chaos.landing import SESSION_MS
from chaos.proxy import Proxy
from chaos.traffic import TENANT_NAMES, token_of
from connectors.simulator import __file__ as simulator
from schemas import times
from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from schemas.topics import Topics
from supportpulse import processes, topic_reading
from supportpulse import topics as topic_maker
from supportpulse.topic_reading import Lying
from tests.pipeline.legacy import LegacyServer
from tests.servers.clickhouse import ClickHouseServer
from tests.servers.kafka import CLEANED_AT_ONCE, Detour, KafkaServer

TOPICS = Topics()
PARTITIONS = 4
POLICIES = Path(simulator).with_name("policies.yaml")
_SESSION_SECONDS = SESSION_MS / 1000


@dataclass(slots=True)
class Stage:
    """Everything that runs, in `scratch`."""

    scratch: Path
    kafka: KafkaServer = field(init=False)
    clickhouse: ClickHouseServer = field(init=False)
    to_clickhouse: Proxy = field(init=False)
    to_kafka: Proxy = field(init=False)
    gateway: Actor = field(init=False)
    gateway_port: int = field(init=False)
    workers: list[Actor] = field(init=False)
    sinks: list[Actor] = field(init=False)

    def __post_init__(self) -> None:
        behind = processes.free_port()
        self.to_kafka = Proxy(behind)
        self.kafka = KafkaServer(self.scratch / "kafka", detour=Detour(behind, self.to_kafka.port))
        self.clickhouse = ClickHouseServer(self.scratch / "clickhouse")

    def start(self) -> None:
        """Start it all. Raises `ServerError`, saying what to install."""
        self.kafka.start()
        self.clickhouse.start()
        topic_maker.ensure(self.kafka.address, TOPICS, partitions=PARTITIONS)
        _clean_at_once(self.kafka.address, TOPICS.conversation_state)
        LegacyServer(self.clickhouse.url).close()
        self.to_clickhouse = Proxy(self.clickhouse.port or 0)
        self.gateway_port = processes.free_port()
        self.gateway = self._gateway()
        self.workers = [self._worker(number) for number in range(2)]
        self.sinks = [self._sink(number) for number in range(2)]
        self.supervise()
        self.wait("the gateway", lambda: processes.accepts(self.gateway_port))

    @property
    def actors(self) -> list[Actor]:
        """All processes that are started again when they end."""
        return [self.gateway, *self.workers, *self.sinks]

    @property
    def clickhouse_by_proxy(self) -> str:
        """ClickHouse's address for the sinks."""
        return self.clickhouse.url.replace(f":{self.clickhouse.port}/", f":{self.to_clickhouse.port}/")

    @property
    def kafka_by_proxy(self) -> str:
        """Kafka's address for the pipeline. Whoever looks on comes by the other, which is never cut."""
        return f"{processes.LOOPBACK}:{self.to_kafka.port}"

    def supervise(self) -> None:
        """Start whatever has ended."""
        for actor in self.actors:
            actor.supervise()

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = 120.0) -> None:
        """Until it holds, with everybody supervised meanwhile. Raises `SupportpulseError`."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise SupportpulseError(f"{what}: not within {seconds:g} s; the logs are in {self.scratch}")
            self.supervise()
            time.sleep(0.2)

    def add_worker(self) -> None:
        """One more, from now on."""
        self.workers.append(self._worker(len(self.workers)))
        self.workers[-1].supervise()

    def drop_worker(self) -> None:
        """The last one leaves for good."""
        self.workers.pop().stop()

    def settle(self, as_of_ms: EpochMs) -> None:
        """Everybody leaves; one worker and one sink finish what is there, from what was committed."""
        for actor in (self.gateway, *self.workers, *self.sinks):
            actor.stop()
        until = {
            partition: end - 1
            for partition, end in topic_reading.ends(self.kafka.address, TOPICS.interactions).items()
            if end
        }
        offsets = ",".join(f"{partition}={offset}" for partition, offset in sorted(until.items()))
        self._finish("the last worker", [*self._worker_command(9), "--until", offsets,
                                         "--as-of", times.render(as_of_ms)])  # fmt: skip
        self._finish("the last sink", ["-m", "chaos.landing", self.kafka.address, self.clickhouse.url, "drain"])

    def records(self, topic: str) -> list[Lying]:
        """Everything in a topic."""
        return list(topic_reading.read(self.kafka.address, topic))

    def committed(self, group: str, topic: str) -> int:
        """How far a group has got, over all partitions; 0 while the broker is away."""
        try:
            return sum(topic_reading.committed(self.kafka.address, group, [topic])[0].values())
        except (SupportpulseError, KafkaError):
            return 0

    def stop(self) -> None:
        """End it all."""
        for actor in self.actors if hasattr(self, "sinks") else ():
            actor.kill()
        if hasattr(self, "to_clickhouse"):
            self.to_clickhouse.close()
        self.to_kafka.close()
        self.kafka.stop()
        self.clickhouse.stop()

    def _finish(self, name: str, command: list[str], seconds: float = 300.0) -> None:
        actor = Actor(name, lambda: command, self.scratch / f"{name.replace(' ', '-')}.log")
        actor.supervise()
        deadline = time.monotonic() + seconds
        while actor.running and time.monotonic() < deadline:
            time.sleep(0.1)
        status = None if actor.server is None else actor.server.process.poll()
        actor.kill()
        if status != 0:
            raise SupportpulseError(f"{name} ended with {status}:\n{processes.tail(actor.log_path)}")

    def _gateway(self) -> Actor:
        sources = self.scratch / "sources.yaml"
        names = {tenant: f"TOKEN_{number}" for number, tenant in enumerate(TENANT_NAMES)}
        lines = [f"  - {{name: t{n}, tenant: {t}, secrets: [env:{v}]}}" for n, (t, v) in enumerate(names.items())]
        sources.write_text("tokens:\n" + "\n".join(lines) + "\n", encoding="utf-8")
        command = ["-m", "supportpulse", "gateway", "--sources", str(sources), "--kafka", self.kafka_by_proxy,
                   "--port", str(self.gateway_port)]  # fmt: skip
        environment = {variable: token_of(tenant) for tenant, variable in names.items()}
        return Actor("gateway", lambda: command, self.scratch / "gateway.log", environment)

    def _worker(self, number: int) -> Actor:
        return Actor(f"worker {number}", lambda: self._worker_command(number), self.scratch / f"worker-{number}.log")

    def _worker_command(self, number: int) -> list[str]:
        return ["-m", "supportpulse", "worker", "--kafka", self.kafka_by_proxy, "--policies", str(POLICIES),
                "--data-dir", str(self.scratch / f"worker-{number}"), "--metrics-port", str(processes.free_port()),
                "--session-timeout", str(_SESSION_SECONDS)]  # fmt: skip

    def _sink(self, number: int) -> Actor:
        command = ["-m", "chaos.landing", self.kafka_by_proxy, self.clickhouse_by_proxy]
        return Actor(f"sink {number}", lambda: command, self.scratch / f"sink-{number}.log")


def _clean_at_once(kafka: str, topic: str) -> None:
    """So that compaction takes part in the trial, and not a day after it."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        admin.alter_configs([ConfigResource("topic", topic, configs={**CLEANED_AT_ONCE, "segment.ms": "5000"})])
    finally:
        admin.close()
