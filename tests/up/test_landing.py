"""The sink inside `up`: what ends it ends `up`, and a start that fails leaves nothing behind."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from schemas.errors import SupportpulseError
from sinks import service
from sinks.errors import ConnectionLost
from sinks.prometheus.server import PortTaken
from sinks.service import SinkConfig
from supportpulse import settings
from supportpulse.up import live
from supportpulse.up.landing import SinkThread
from supportpulse.up.stack import Stack
from tests.sinks.failing import ClosedDatabase, FailingKafka

_PATIENCE_SECONDS = 20.0


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> ClosedDatabase:
    monkeypatch.setattr(service, "SinkKafka", FailingKafka)
    return ClosedDatabase()


def sink_of(database: ClosedDatabase, metrics_port: int = 0) -> SinkThread:
    return SinkThread(SinkConfig(kafka="k:1"), cast(Any, database), host="127.0.0.1", metrics_port=metrics_port)


def sinks_running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "sink"]


def test_a_sink_that_has_died_ends_the_table(
    database: ClosedDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionLost("away")

    monkeypatch.setattr(live, "open_database", lambda *_, **__: ClosedDatabase())
    monkeypatch.setattr(live, "look", away)
    stack = SimpleNamespace(
        settings=settings.load(data_dir=tmp_path), data_dir=SimpleNamespace(root=tmp_path, logs=tmp_path)
    )
    table = live._Live(cast(Stack, stack), live.LiveOptions(), Console(file=io.StringIO()))
    sink = sink_of(database)
    sink.start()
    # Without the error it would be shown for ever.
    ending = threading.Timer(_PATIENCE_SECONDS, table._stop.set)
    ending.start()
    try:
        with pytest.raises(SupportpulseError, match=r"k:1 failed this sink .* read again"):
            table._show(cast(Any, SimpleNamespace(running=True)), None, sink)
        with pytest.raises(SupportpulseError, match="failed this sink"):
            sink.stop()
    finally:
        ending.cancel()
    assert database.closed
    assert sinks_running() == []


def test_a_start_that_fails_leaves_nothing_behind(
    database: ClosedDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = SimpleNamespace(
        settings=settings.load(data_dir=tmp_path, clickhouse="clickhouse://127.0.0.1:1/x"),
        data_dir=SimpleNamespace(logs=tmp_path, clickhouse=tmp_path),
        kafka="k:1",
        forgetful=True,
    )
    monkeypatch.setattr(FailingKafka, "poll", _nothing)
    monkeypatch.setattr(FailingKafka, "lag", lambda _: {}, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sink = sink_of(database, taken.getsockname()[1])
        monkeypatch.setattr(live, "sink_of", lambda *_, **__: sink)
        with pytest.raises(PortTaken):
            live._one_pass(cast(Stack, stack), live.LiveOptions(simulate=False), Console(file=io.StringIO()))
    assert database.closed
    assert sinks_running() == []


async def _nothing(*_: object) -> dict[object, object]:
    await asyncio.sleep(0.01)
    return {}
