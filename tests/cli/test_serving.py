"""A process that serves ends with one line where Kafka's client fails it, and leaves nothing open."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError

from connectors.gateway.publisher import NotPublished
from schemas.errors import SupportpulseError
from sinks import service
from supportpulse import serving, settings, topics
from supportpulse.commands import gateway, sink
from tests.sinks.failing import ClosedDatabase, FailingKafka


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[settings.Settings]:
    """Somebody listens where the broker should be, and is believed to have the topics."""
    monkeypatch.setattr(topics, "expect", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield settings.load(
            kafka=f"127.0.0.1:{listening.getsockname()[1]}", data_dir=tmp_path, sink_metrics_port=0, host="127.0.0.1"
        )


def test_a_sink_that_kafka_fails_says_so_in_a_line(
    there: settings.Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = ClosedDatabase()
    monkeypatch.setattr(service, "SinkKafka", FailingKafka)
    monkeypatch.setattr(sink, "open_database", lambda *_: database)
    with pytest.raises(SupportpulseError, match=r"failed this sink \(GroupAuthorizationFailedError: .*read again"):
        sink.run(there)
    assert database.closed
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_a_gateway_that_does_not_start_disconnects(
    there: settings.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[float] = []

    class Publisher:
        """Stands for one that misses a topic."""

        def __init__(self, *_: object) -> None:
            """Takes what `GatewayPublisher` takes."""

        async def start(self) -> None:
            raise NotPublished("there is no topic")

        async def stop(self, within_seconds: float) -> None:
            stopped.append(within_seconds)

    (tmp_path / "sources.yaml").write_text("tokens:\n  - {name: crm, tenant: acme, secrets: [env:CRM_TOKEN]}\n")
    monkeypatch.setenv("CRM_TOKEN", "a-token-of-the-tests")
    monkeypatch.setattr(gateway, "GatewayPublisher", Publisher)
    for name in ("freeze", "set_threshold"):
        monkeypatch.setattr(gc, name, lambda *_: None)
    with pytest.raises(NotPublished):
        gateway.run(there.model_copy(update={"sources": tmp_path / "sources.yaml"}))
    assert len(stopped) == 1


async def test_what_ends_it_is_raised_and_what_still_runs_is_let_go() -> None:
    async def fails() -> None:
        raise GroupAuthorizationFailedError

    with pytest.raises(GroupAuthorizationFailedError):
        await serving.told_or_ended(asyncio.Event(), fails())
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    await serving.told_or_ended(stop, asyncio.sleep(60))
