"""`supportpulse gateway` as a process: it starts, reloads, refuses, and ends cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.topics import Topics
from supportpulse import processes
from supportpulse import topics as kafka_topics
from supportpulse.client import Client, ClientError
from tests.cli.command import command, environment, run
from tests.connectors.gateway.harness import event_document
from tests.servers.plugin import Broker

pytestmark = pytest.mark.kafka
_TOKENS = "tokens:\n  - {name: crm, tenant: acme, secrets: [env:CRM_TOKEN]}\n"
_SECRETS = {"CRM_TOKEN": "a-token-of-the-tests", "NEW_TOKEN": "another-token-of-the-tests"}


@dataclass(slots=True)
class Running:
    """A gateway process."""

    process: subprocess.Popen[bytes]
    port: int
    sources: Path
    log: Path

    def client(self, token: str = "CRM_TOKEN") -> Client:
        return Client(f"http://127.0.0.1:{self.port}", _SECRETS[token])

    def wait_for(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not what():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def says(self, words: str) -> bool:
        return words in self.log.read_text()


@pytest.fixture
def gateway(tansu: Broker, tmp_path: Path) -> Iterator[Running]:
    kafka_topics.ensure(tansu.address, Topics(), partitions=4)
    sources, log, port = tmp_path / "sources.yaml", tmp_path / "log", processes.free_port()
    sources.write_text(_TOKENS)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command("gateway", "--sources", sources, "--kafka", tansu.address, "--port", port),
            env=environment(**_SECRETS),
            stdout=out,
            stderr=out,
        )
    found = Running(process, port, sources, log)
    try:
        found.wait_for(lambda: found.says("listening"))
        yield found
    finally:
        process.kill()
        process.wait()


def test_it_takes_events_reloads_its_file_and_ends_cleanly(gateway: Running) -> None:
    assert gateway.client().send([event_document()]) == 1
    gateway.sources.write_text(_TOKENS.replace("CRM_TOKEN", "NOWHERE"))
    os.kill(gateway.process.pid, signal.SIGHUP)
    gateway.wait_for(lambda: gateway.says("sources.yaml:2"))
    assert gateway.client().send([event_document()]) == 1
    gateway.sources.write_text(_TOKENS.replace("CRM_TOKEN", "NEW_TOKEN"))
    os.kill(gateway.process.pid, signal.SIGHUP)
    gateway.wait_for(lambda: gateway.says("sources_reloaded"))
    with pytest.raises(ClientError, match="401"):
        gateway.client().send([event_document()])
    assert gateway.client("NEW_TOKEN").send([event_document()]) == 1
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0
    assert not [secret for secret in _SECRETS.values() if gateway.says(secret)]
    assert not gateway.says("Traceback")


def test_metrics_are_there(gateway: Running) -> None:
    gateway.client().send([event_document(), event_document(event_id="e2")])
    shown = gateway.client().get("/metrics").decode()
    assert 'supportpulse_gateway_events_total{source="crm",type="message",vendor="events"} 2.0' in shown
    assert 'supportpulse_gateway_requests_total{source="crm",status="202",vendor="events"} 1.0' in shown
    assert gateway.client().get("/readyz") == b"ready\n"


def test_check_names_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(_TOKENS)
    done = run(tmp_path, "gateway", "--sources", "good.yaml", "--check", env=environment(**_SECRETS))
    assert (done.status, done.out) == (0, "token crm: /v1/events\n")
    done = run(tmp_path, "gateway", "--sources", "good.yaml", "--check")
    assert done.status == 1
    assert "good.yaml:2" in done.complaint
    done = run(tmp_path, "gateway")
    assert done.status == 1
    assert "--sources FILE" in done.complaint


def test_a_port_that_is_taken_is_named(gateway: Running, tansu: Broker, tmp_path: Path) -> None:
    done = run(
        tmp_path, "gateway", "--sources", gateway.sources, "--kafka", tansu.address, "--port", gateway.port,
        env=environment(**_SECRETS),
    )  # fmt: skip
    assert done.status == 1
    assert "--port" in done.complaint
