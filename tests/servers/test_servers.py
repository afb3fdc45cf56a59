"""The servers the other tests stand on: they answer, they stop, they keep what they should, and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from supportpulse import processes
from supportpulse.broker import TansuBroker
from supportpulse.processes import PortTaken, ServerDied, ServerMissing
from tests.servers.clickhouse import ClickHouseServer
from tests.servers.kafka import KafkaServer
from tests.servers.plugin import Broker, MakeTopic, available

ROOT = Path(__file__).parents[2]


def produce(address: str, topic: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=address, enable_idempotence=False)
    futures = [producer.send(topic, value) for value in values]
    for future in futures:
        future.get(timeout=20)
    producer.close()


def consume(address: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=address)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    values: list[bytes] = []
    deadline = time.monotonic() + 20
    while len(values) < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            values += [record.value for record in records]
    consumer.close()
    return values


def test_what_a_broker_took_it_gives_back(broker: Broker, make_topic: MakeTopic) -> None:
    topic = make_topic(broker, "echo")
    produce(broker.address, topic, b"one", b"two")
    assert consume(broker.address, topic, 2) == [b"one", b"two"]


@pytest.mark.kafka
@pytest.mark.server
def test_kafka_has_after_a_crash_what_it_had(own_kafka: KafkaServer, make_topic: MakeTopic) -> None:
    topic = make_topic(Broker("kafka", own_kafka.address), "crash")
    produce(own_kafka.address, topic, b"kept")
    address = own_kafka.address
    own_kafka.kill()
    assert own_kafka.start() == address
    assert consume(address, topic, 1) == [b"kept"]


@pytest.mark.server
def test_clickhouse_has_after_a_stop_what_it_had(own_clickhouse_server: ClickHouseServer) -> None:
    server = own_clickhouse_server
    server.ask("CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a")
    server.ask("INSERT INTO kept VALUES (7)")
    url = server.url
    server.stop()
    assert not processes.accepts(server.port or 0)
    assert server.start() == url
    assert server.ask("SELECT a FROM kept") == "7"


@pytest.mark.server
def test_clickhouse_counts_in_utc(clickhouse_server: ClickHouseServer) -> None:
    assert clickhouse_server.ask("SELECT toString(toDateTime(86400))") == "1970-01-02 00:00:00"
    assert clickhouse_server.version() >= (18, 16)


def test_a_port_in_use_is_refused_by_name(tansu: Broker, tmp_path: Path) -> None:
    port = int(tansu.address.rpartition(":")[2])
    with pytest.raises(PortTaken, match=tansu.address):
        TansuBroker().start(log_path=tmp_path / "second.log", port=port)


def test_a_stopped_broker_is_gone_and_can_come_back(own_tansu: TansuBroker, tmp_path: Path) -> None:
    port = int(own_tansu.address.rpartition(":")[2])
    own_tansu.stop()
    own_tansu.stop()
    assert not processes.accepts(port)
    own_tansu.start(log_path=tmp_path / "again.log", port=port)
    assert processes.answers_kafka(port)


def test_a_server_that_dies_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no disk left')"]
    with pytest.raises(ServerDied, match="no disk left"):
        processes.start("It", command, ready=lambda: False, log_path=tmp_path / "log")


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    with pytest.raises(ServerDied, match=r"within 0\.5 s"):
        processes.start("It", command, ready=lambda: False, log_path=tmp_path / "log", timeout_seconds=0.5)
    assert not alive(int((tmp_path / "log").read_text()))


def test_a_program_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ServerMissing, match="no-such-program"):
        processes.start("It", ["no-such-program"], ready=lambda: True, log_path=tmp_path / "log")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = (
        "import sys; from pathlib import Path; from supportpulse import processes\n"
        "command = [sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)']\n"
        f"log = Path({str(log)!r})\n"
        "processes.start('It', command, ready=lambda: log.read_text() != '', log_path=log)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", parent], cwd=ROOT, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    child = int(log.read_text())
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A container may have no init that reaps what lost its parent.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def scratch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    return scratch


@pytest.mark.server
@pytest.mark.parametrize(
    ("which", "signum"), [("kafka", signal.SIGTERM), ("clickhouse", signal.SIGTERM), ("clickhouse", signal.SIGINT)]
)
def test_a_script_says_where_stops_when_asked_and_leaves_nothing(
    which: str, signum: signal.Signals, scratch_home: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("kafka" if which == "kafka" else "clickhouse_server")
    script = subprocess.Popen([ROOT / "scripts" / f"{which}-server"], stdout=subprocess.PIPE, text=True)
    try:
        assert script.stdout is not None
        first = script.stdout.readline()
        assert first.startswith("ready on "), first
        port = int(first.rpartition(":")[2].split("/")[0])
        assert processes.accepts(port)
        script.send_signal(signum)
        assert script.wait(timeout=30) == 0
    finally:
        script.kill()
        script.wait()
    assert not processes.accepts(port)
    assert [left.name for left in scratch_home.iterdir() if not left.name.startswith("hsperfdata")] == []


def test_the_kafka_script_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.foreground", "kafka"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "install openjdk" in done.stderr


def test_a_missing_server_skips_or_fails_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORTPULSE_REQUIRE_SERVERS", "0")
    with pytest.raises(pytest.skip.Exception, match="no server: It: apt-get install it"), available("It"):
        raise ServerMissing("apt-get install it")
    monkeypatch.setenv("SUPPORTPULSE_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install it"), available("It"):
        raise ServerMissing("apt-get install it")


def test_the_summary_says_how_many_tests_did_not_run(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_it(kafka, n): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.servers.plugin", str(tmp_path), "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "DID NOT RUN: 3 tests for want of Apache Kafka: Kafka needs Java" in done.stdout
