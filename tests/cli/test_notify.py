"""`supportpulse notify` as a process: killed between a delivery and its commit, stopped, misconfigured."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from schemas import wire
from schemas.records import SlaAlert
from schemas.topics import Topics
from sinks.notifier.message import key_of, signature_of
from supportpulse.topics import ensure
from tests.cli.command import command, environment, run
from tests.servers.receiver import Delivery, Receiver
from tests.sinks.kafka import send
from tests.sinks.samples import alert

pytestmark = pytest.mark.kafka
SECRET = "only for tests"


def notify(cwd: Path, kafka: str, receiver: Receiver, *more: str) -> subprocess.Popen[bytes]:
    options = ("--kafka", kafka, "--to", receiver.url, "--secret", "env:HOOK_SECRET", "--metrics-port", "0")
    # The alerts of the tests are months old.
    return subprocess.Popen(
        command("notify", *options, "--oldest-hours", "1000000", *more),
        cwd=cwd,
        env=environment(HOOK_SECRET=SECRET),
        stdin=subprocess.DEVNULL,
        stderr=(cwd / "stderr").open("ab"),
    )


def alerts(count: int) -> list[SlaAlert]:
    return [alert(fact_id=f"c{n}/1/1/sla_first_response") for n in range(count)]


def test_killed_between_a_delivery_and_its_commit_it_tells_again_with_the_same_key(
    own_tansu: object, receiver: Receiver, tmp_path: Path
) -> None:
    kafka = str(getattr(own_tansu, "address"))  # noqa: B009
    ensure(kafka, Topics(), partitions=1, replication=1)
    wanted = alerts(3)
    for one in wanted:
        send(kafka, Topics().alerts, [wire.encode_alert(one)])
    processes: list[subprocess.Popen[bytes]] = []

    def kill_at_the_second(delivery: Delivery) -> int:
        if len(processes) == 1 and delivery.headers["Idempotency-Key"] == key_of(wanted[1]):
            # The receiver has it, and the notifier does not know yet.
            processes[0].send_signal(signal.SIGKILL)
            processes[0].wait()
        return 200

    receiver.answer = kill_at_the_second
    try:
        processes.append(notify(tmp_path, kafka, receiver))
        receiver.wait_for(lambda one: one.headers["Idempotency-Key"] == key_of(wanted[1]))
        assert processes[0].wait(30) == -signal.SIGKILL
        processes.append(notify(tmp_path, kafka, receiver))
        receiver.wait_for(lambda one: one.headers["Idempotency-Key"] == key_of(wanted[2]))
        found = receiver.deliveries
        assert [one.headers["Idempotency-Key"] for one in found] == [key_of(wanted[n]) for n in (0, 1, 1, 2)]
        assert found[1].body == found[2].body
        for delivery in found:
            signature = delivery.headers["Supportpulse-Signature"]
            stamp = int(signature.partition(",")[0].removeprefix("t="))
            assert signature == signature_of(delivery.body, SECRET.encode(), stamp)
        processes[1].send_signal(signal.SIGTERM)
        assert processes[1].wait(30) == 0
        assert SECRET not in (tmp_path / "stderr").read_text(encoding="utf-8")
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_what_the_receiver_refuses_is_written_to_a_file(own_tansu: object, receiver: Receiver, tmp_path: Path) -> None:
    kafka = str(getattr(own_tansu, "address"))  # noqa: B009
    ensure(kafka, Topics(), partitions=1, replication=1)
    first, second = alerts(2)
    receiver.answer = lambda delivery: 422 if delivery.headers["Idempotency-Key"] == key_of(first) else 200
    for one in (first, second):
        send(kafka, Topics().alerts, [wire.encode_alert(one)])
    process = notify(tmp_path, kafka, receiver, "--refused", "refused.jsonl")
    try:
        receiver.wait_for(lambda one: one.answered == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    (line,) = (tmp_path / "refused.jsonl").read_bytes().splitlines()
    kept = msgspec.json.decode(line)
    assert (kept["fact_id"], kept["idempotency_key"]) == (first.fact_id, key_of(first))


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("env:NO_SUCH_VARIABLE", "the environment has no NO_SUCH_VARIABLE"),
        ("file:no-such-file", "no-such-file cannot be read"),
        ("hunter2", "write env:NAME or file:/path"),
    ],
)
def test_a_secret_that_cannot_be_had_is_one_line(secret: str, says: str, tmp_path: Path) -> None:
    done = run(tmp_path, "notify", "--to", "http://127.0.0.1:1/", "--secret", secret)
    assert done.status == 1
    assert says in done.complaint
    assert "hunter2" not in done.err


def test_an_address_without_a_broker_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("only for tests\n", encoding="utf-8")
    options = ("--secret", f"file:{tmp_path / 'secret'}", "--kafka", "127.0.0.1:1")
    done = run(tmp_path, "notify", "--to", f"http://127.0.0.1:{os.getpid() % 60_000 + 1}/", *options)
    assert done.status == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in done.complaint
