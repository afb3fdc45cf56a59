"""Apache Kafka from Maven Central's jars: one node, KRaft, on loopback, in a scratch directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from supportpulse import processes
from supportpulse.processes import LOOPBACK, Server, ServerError, ServerMissing
from tests.servers.own import OwnServer

VERSION = "4.1.1"
JAVA_NEEDED = 17

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>supportpulse</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}{second_listener}
advertised.listeners=PLAINTEXT://{host}:{port}{second_advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT
log.dirs={directory}/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms={gather_ms}
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
# Tests date records in the past, and every five minutes what is older than a topic's retention would be gone.
log.retention.check.interval.ms=86400000
# The default takes 128 MB of the heap, and compacts too seldom for a test to see it.
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=500
"""


#: With these, a compacted topic's cleaner goes through all but the last tenth of a second, again and again.
CLEANED_AT_ONCE = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
}


@dataclass(frozen=True, slots=True)
class Detour:
    """A second way in. A broker tells its clients where to go on: who comes by `port` is sent to `told`, a proxy's."""

    port: int
    told: int


@dataclass(slots=True)
class KafkaServer(OwnServer):
    """One server in `directory`. Started again after `stop` or `kill`, it has what it had, on the same port."""

    NAME: ClassVar[str] = "Kafka"
    STOP_SECONDS: ClassVar[float] = 30

    detour: Detour | None = None
    #: How long a new group waits for more members before partitions are given out. Kafka comes with 3,000.
    gather_ms: int = 0

    @property
    def address(self) -> str:
        """Host and port, as Kafka clients want them."""
        if self.port is None:
            raise self._not_started()
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> str:
        """Returns the address when the server answers. Raises `ServerError`, saying what to install."""
        java, jars = find_java(), find_jars()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._server, self.port = processes.on_port("Kafka", self.port, lambda port: self._start_on(java, jars, port))
        return self.address

    def _start_on(self, java: str, jars: Path, port: int) -> tuple[Server, int]:
        properties = self.directory / "server.properties"
        second = self.detour
        text = PROPERTIES.format(
            host=LOOPBACK,
            port=port,
            controller_port=processes.free_port(),
            directory=self.directory,
            gather_ms=self.gather_ms,
            second_listener="" if second is None else f",DETOUR://{LOOPBACK}:{second.port}",
            second_advertised="" if second is None else f",DETOUR://{LOOPBACK}:{second.told}",
        )
        properties.write_text(text, encoding="utf-8")
        if not (self.directory / "log" / "meta.properties").exists():
            _format(java, jars, properties)
        command = [
            java,
            *("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *("-cp", f"{jars}/*"),
            *("kafka.Kafka", str(properties)),
        ]
        server = processes.start(
            "Kafka", command, ready=lambda: processes.answers_kafka(port), log_path=self.log_path, timeout_seconds=90
        )
        return server, port


def _format(java: str, jars: Path, properties: Path) -> None:
    cluster_id = "c3VwcG9ydHB1bHNlLXRlc3"
    command = [java, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ServerError(f"Kafka cannot format {properties.parent}:\n{(done.stdout + done.stderr)[-2000:]}")


def find_java() -> str:
    """The path of a Java that can run Kafka 4. Raises `ServerMissing`."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    remedy = f"install Java {JAVA_NEEDED} or newer, e.g. apt-get install openjdk-17-jre-headless"
    if java is None:
        raise ServerMissing(f"Kafka needs Java, and there is none{f' in {home}' if home else ''}: {remedy}")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr + done.stdout)
    if found is None or int(found[1]) < JAVA_NEEDED:
        raise ServerMissing(f"Kafka needs Java {JAVA_NEEDED}, {java} is {found[1] if found else 'no Java'}: {remedy}")
    return java


def find_jars() -> Path:
    """The folder of Kafka's jars; downloads them with Maven the first time. Raises `ServerMissing`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supportpulse"
    jars = cache / f"kafka-{VERSION}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerMissing(f"Kafka's jars are not in {jars}, and getting them needs Maven: apt-get install maven")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-download-") as scratch:
        _download(maven, Path(scratch))
        # Another process may have been faster; its jars are as good as these.
        if not jars.is_dir():
            Path(scratch, "jars").replace(jars)
    return jars


def _download(maven: str, scratch: Path) -> None:
    (scratch / "pom.xml").write_text(POM, encoding="utf-8")
    command = [maven, "-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
    try:
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=600
        )
    except subprocess.TimeoutExpired as exc:
        raise ServerMissing("Kafka's jars did not come from Maven within 10 minutes: look at the network") from exc
    if done.returncode or not (scratch / "jars" / f"kafka_2.13-{VERSION}.jar").exists():
        raise ServerMissing(f"Maven could not get Kafka's jars:\n{(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    print(find_jars())
