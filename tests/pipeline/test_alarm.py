"""From a silence to a person: a conversation that nobody answers, the real worker, Prometheus and Alertmanager."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.producer import EventPublisher, PublisherSettings
from schemas import times
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from schemas.topics import Topics
from supportpulse import processes
from supportpulse import topics as topic_maker
from supportpulse.broker import TansuBroker
from tests.servers.watching import Watch, firing, resolved

TARGET_SECONDS = 4

POLICIES = f"""
policies:
  - name: cards
    match: {{tenant: [noor-bank], channel: [voice]}}
    targets: {{first_response: {TARGET_SECONDS}s}}
"""


def said(event_id: str, actor: str, at_ms: EpochMs) -> InteractionEvent:
    return InteractionEvent(
        event_id=event_id,
        tenant="noor-bank",
        source="calls",
        channel="voice",
        type="message",
        occurred_at=at_ms,
        conversation_id="silent",
        actor_kind="customer" if actor == "customer" else "human",
        actor_id=actor,
        team="cards",
    )


@pytest.fixture
def worker_port(own_tansu: TansuBroker, tmp_path: Path) -> Iterator[int]:
    """A worker as a process, and where its /metrics are."""
    topic_maker.ensure(own_tansu.address, Topics(), partitions=2)
    policies = tmp_path / "policies.yaml"
    policies.write_text(POLICIES, encoding="utf-8")
    port = processes.free_port()
    command = [sys.executable, "-m", "supportpulse", "worker", "--kafka", own_tansu.address, "--policies", policies]
    command += ["--data-dir", tmp_path / "worker", "--metrics-port", port]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=os.environ)
    deadline = time.monotonic() + 30
    while not processes.accepts(port):
        assert process.poll() is None, (tmp_path / "worker.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield port
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.server
def test_a_silent_breach_reaches_a_person_and_is_taken_back_by_late_news(
    own_tansu: TansuBroker,
    worker_port: int,
    watch: Callable[..., Watch],
    record_property: Callable[[str, object], None],
) -> None:
    receiver = watch({"supportpulse-worker": [f"127.0.0.1:{worker_port}"]}).receiver
    with EventPublisher(PublisherSettings(bootstrap=own_tansu.address, idempotent=False)) as publisher:
        due = time.monotonic() + TARGET_SECONDS
        asked_ms = times.now_ms()
        publisher.publish(said("e1", "customer", asked_ms))
        publisher.flush()

        told = receiver.wait_for(firing("SlaBreach", tenant="noor-bank", team="cards", channel="voice"), 1)[-1]
        waited_seconds = told.received_at - due
        record_property("deadline to receiver, seconds", round(waited_seconds, 1))
        assert waited_seconds > 0, "nobody has missed it yet"
        assert told.path == "/noor-bank-cards"

        publisher.publish(said("e2", "amal", asked_ms + 1_000))
        publisher.flush()
        over = receiver.wait_for(resolved("SlaBreach", tenant="noor-bank", team="cards", channel="voice"), 1)[-1]
    assert [one["status"] for one in over.document["alerts"]] == ["resolved"]
