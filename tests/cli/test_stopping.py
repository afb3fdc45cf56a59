"""SIGTERM in the middle of the work: every command ends within ten seconds, and nothing is lost or left in the air."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from schemas import documents, fast, wire
from schemas.topics import Topics
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.partition.store import Store
from streams.sla.policies import PolicyBook
from streams.worker.app import Worker
from streams.worker.changelog import recover
from streams.worker.config import GROUP
from supportpulse import processes
from supportpulse import topics as kafka_topics
from supportpulse.broker import TansuBroker
from tests.cli.command import command, environment, run
from tests.connectors.channels.mails import message
from tests.connectors.channels.vendors.asterisk import lines
from tests.connectors.samples import event
from tests.servers.imap import serving
from tests.servers.plugin import Broker
from tests.servers.receiver import Receiver
from tests.sinks.kafka import send
from tests.sinks.samples import alert
from tests.streams.worker.harness import PARTITIONS, PATIENCE_SECONDS, Surroundings, committed, expected, some_events

pytestmark = pytest.mark.kafka
#: What supervisors give, at least.
WITHIN_SECONDS = 10
PATIENCE = 60
SECRETS = {"SECRET": "a-token-of-the-tests"}


@dataclass(slots=True)
class Running:
    """A command at work."""

    process: subprocess.Popen[bytes]
    log: Path

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def terminate(self) -> int:
        """SIGTERM; the status, if it ends in time."""
        assert self.process.poll() is None, self.log.read_text()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(WITHIN_SECONDS)
        assert "Traceback" not in self.log.read_text()
        return status


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("sink", "--kafka", address)` runs a command until it ends, or the test."""
    running: list[Running] = []

    def begin(*arguments: object) -> Running:
        log = tmp_path / f"{len(running)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command(*arguments),
                cwd=tmp_path,
                env=environment(**SECRETS, SUPPORTPULSE_NOTIFY_METRICS_PORT="0"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        running.append(Running(process, log))
        return running[-1]

    yield begin
    for each in running:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def kafka(own_tansu: TansuBroker) -> str:
    """A broker's address; the topics have the names that the commands know."""
    kafka_topics.ensure(own_tansu.address, Topics(), partitions=PARTITIONS)
    return own_tansu.address


def brought(address: str, topic: str) -> list[bytes]:
    """What lies in a topic."""
    around = Surroundings(Broker("tansu", address), Topics(), Path())
    return around._values(topic)


async def test_a_worker_commits_what_it_has_finished_and_its_successor_does_the_rest(
    kafka: str, start: Start, tmp_path: Path
) -> None:
    around = Surroundings(Broker("tansu", kafka), Topics(), tmp_path / "next")
    told = some_events(2_000)
    around.publish(told)
    worker = start("worker", "--kafka", kafka, "--data-dir", tmp_path / "worker", "--session-timeout", "2")
    worker.until(lambda: bool(committed(around.broker, GROUP, Topics().interactions)))
    more = some_events(2_000, seed=2)
    around.publish(more)
    assert worker.terminate() == 0

    offsets = committed(around.broker, GROUP, Topics().interactions)
    for partition in range(PARTITIONS):
        store = Store(PolicyBook())
        await recover(kafka, Topics().conversation_state, partition, store)
        assert store.applied + 1 == offsets.get(partition, 0), "what had all of its effect is committed, and no more"
    rest = dataclasses.replace(around.config(policies=PolicyBook()), group=GROUP)
    await asyncio.wait_for(Worker(rest).run(asyncio.Event()), PATIENCE_SECONDS)
    assert around.holding() == expected(told + more, policies=PolicyBook())


def test_a_sink_lands_what_it_has_read(kafka: str, start: Start, tmp_path: Path) -> None:
    total = 20_000
    made = EmbeddedDatabase(tmp_path / "data" / "clickhouse")
    migrate(made, now_ms=0)
    made.close()
    send(kafka, Topics().interactions, [wire.encode_event(event(n)) for n in range(total)])
    sink = start("sink", "--kafka", kafka, "--data-dir", tmp_path / "data")
    sink.until(lambda: bool(committed(Broker("tansu", kafka), "supportpulse-sink", Topics().interactions)))
    send(kafka, Topics().interactions, [wire.encode_event(event(n)) for n in range(total, 2 * total)])
    assert sink.terminate() == 0
    offsets = committed(Broker("tansu", kafka), "supportpulse-sink", Topics().interactions)
    database = EmbeddedDatabase(tmp_path / "data" / "clickhouse")
    try:
        (landed,) = database.query("SELECT count() FROM interactions").columns[0]
    finally:
        database.close()
    assert landed == sum(offsets.values()), "what is there is committed, and nothing is there twice"


def test_a_gateway_answers_what_it_has_begun(kafka: str, start: Start, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("tokens:\n  - {name: crm, tenant: acme, secrets: [env:SECRET]}\n")
    port = processes.free_port()
    gateway = start("gateway", "--sources", "sources.yaml", "--kafka", kafka, "--port", port)
    gateway.until(lambda: processes.accepts(port))
    accepted: list[str] = []

    def post(source: int) -> None:
        headers = {"Authorization": f"Bearer {SECRETS['SECRET']}", "Content-Type": "application/json"}
        for number in range(100_000):
            one = event(number, event_id=f"{source}-{number}", source="crm")
            request = Request(f"http://127.0.0.1:{port}/v1/events", documents.render_event(one), headers)
            try:
                urlopen(request, timeout=20).close()
            except (OSError, HTTPException):
                return
            accepted.append(one.event_id)

    posting = [threading.Thread(target=post, args=(n,), daemon=True) for n in range(4)]
    for thread in posting:
        thread.start()
    gateway.until(lambda: len(accepted) > 50)
    assert gateway.terminate() == 0
    for thread in posting:
        thread.join(PATIENCE)
    found = Counter(fast.decode_event(value).event_id for value in brought(kafka, Topics().interactions))
    assert set(accepted) <= set(found)
    assert max(found.values()) == 1


def published(kafka: str) -> list[str]:
    return [fast.decode_event(value).event_id for value in brought(kafka, Topics().interactions)]


def test_imap_ends_between_two_pieces_and_the_next_one_reads_the_rest(kafka: str, start: Start, tmp_path: Path) -> None:
    mails = 250
    with serving() as server:
        for number in range(mails):
            server.boxes["INBOX"].add(message(message_id=f"<m{number}@example.org>"))
        options: tuple[object, ...] = (
            "imap",
            "--host",
            "127.0.0.1",
            "--port",
            server.port,
            "--no-tls",
            "--user",
            "help",
        )
        options += ("--password", "file:password", "--tenant", "acme", "--kafka", kafka)
        (tmp_path / "password").write_text("right")
        polling = start(*options)
        polling.until((tmp_path / "imap-state.json").exists)
        assert polling.terminate() == 0
        begun = len(published(kafka))
        assert begun < mails, "it was stopped in the middle"
        done = run(tmp_path, *options, "--once")
        assert done.status == 0, done.err
    assert sorted(published(kafka)) == sorted(f"m{number}@example.org" for number in range(mails)), "each once"


def test_follow_ends_between_two_pieces_and_the_next_one_reads_the_rest(
    kafka: str, start: Start, tmp_path: Path
) -> None:
    calls = 60_000
    whole = b"".join(lines(f"{n}|77.{n}|support|NONE|ENTERQUEUE||5550100|1") for n in range(calls))
    (tmp_path / "queue_log").write_bytes(whole)
    options = ("follow", "queue_log", "--tenant", "acme", "--kafka", kafka)
    following = start(*options)
    following.until((tmp_path / "follow-state.json").exists)
    assert following.terminate() == 0
    begun = len(published(kafka))
    assert begun < calls, "it was stopped in the middle"
    done = run(tmp_path, *options, "--once")
    assert done.status == 0, done.err
    found = Counter(published(kafka))
    assert len(found) == calls
    assert set(found.values()) == {1}


def test_notify_does_not_wait_for_a_receiver_that_does_not_answer(kafka: str, start: Start, receiver: Receiver) -> None:
    release = threading.Event()
    asked = threading.Event()

    def hang(_delivery: object) -> int:
        asked.set()
        release.wait(PATIENCE)
        return 200

    receiver.answer = hang
    send(kafka, Topics().alerts, [wire.encode_alert(alert())])
    options: tuple[object, ...] = (
        "notify",
        "--kafka",
        kafka,
        "--to",
        receiver.url,
        "--secret",
        "env:SECRET",
        "--metrics-port",
        "0",
    )
    options += ("--oldest-hours", "1000000")
    notifier = start(*options)
    notifier.until(asked.is_set)
    assert notifier.terminate() == 0
    release.set()
    receiver.answer = lambda _delivery: 200
    start(*options)
    # The one that was cut short, too; both have the same key.
    found = receiver.wait_for(lambda one: one.answered == 200, 2)
    assert len({one.headers["Idempotency-Key"] for one in found}) == 1


def parts(kafka: str, tmp_path: Path, receiver: Receiver) -> dict[str, Sequence[object]]:
    (tmp_path / "sources.yaml").write_text("tokens:\n  - {name: crm, tenant: acme, secrets: [env:SECRET]}\n")
    (tmp_path / "queue_log").write_bytes(lines("0|77.1|support|NONE|ENTERQUEUE||5550100|1"))
    made = EmbeddedDatabase(tmp_path / "data" / "clickhouse")
    migrate(made, now_ms=0)
    made.close()
    return {
        "worker": ("worker", "--data-dir", tmp_path / "worker", "--session-timeout", "2"),
        "sink": ("sink", "--data-dir", tmp_path / "data"),
        "gateway": ("gateway", "--sources", "sources.yaml", "--port", processes.free_port()),
        "notify": ("notify", "--to", receiver.url, "--secret", "env:SECRET", "--metrics-port", "0"),
        "follow": ("follow", "queue_log", "--tenant", "acme"),
    }


@pytest.mark.parametrize("part", ["worker", "sink", "gateway", "notify", "follow"])
async def test_a_broker_that_is_away_keeps_nobody_from_ending(
    own_tansu: TansuBroker, kafka: str, start: Start, receiver: Receiver, tmp_path: Path, part: str
) -> None:
    running = start(*parts(kafka, tmp_path, receiver)[part], "--kafka", kafka)
    # Until it has read or listens.
    groups = {"worker": GROUP, "sink": "supportpulse-sink", "notify": "supportpulse-notifier"}
    if part in groups:
        topic = Topics().alerts if part == "notify" else Topics().interactions
        payload = wire.encode_alert(alert()) if part == "notify" else wire.encode_event(event(1))
        send(kafka, topic, [payload])
        running.until(lambda: bool(committed(Broker("tansu", kafka), groups[part], topic)))
    elif part == "follow":
        running.until((tmp_path / "follow-state.json").exists)
    else:
        running.until(lambda: "listening" in running.log.read_text())
    own_tansu.kill()
    if part == "follow":
        with (tmp_path / "queue_log").open("ab") as log:
            log.write(lines("30|77.1|support|PJSIP/12|CONNECT|30|77.2|5"))
    await asyncio.sleep(1.5)
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.process.wait, WITHIN_SECONDS) in (0, 1)
