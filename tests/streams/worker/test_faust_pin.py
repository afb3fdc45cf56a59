"""Faust as `streams/worker/transport.py` knows it: what it replaces and leans on is there, and takes what it took."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from faust import App, Schema
from faust.transport.consumer import Consumer as AnyConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import ConsumerMessage
from faust.types.enums import ProcessingGuarantee

from streams.sla.policies import PolicyBook
from streams.worker.app import _faust_app
from streams.worker.chunks import ChunkSchema
from streams.worker.config import WorkerConfig
from streams.worker.transport import ChunkConsumer, ChunkConsumerThread, ChunkTransport

VERSION = "0.15.3"
ROOT = Path(__file__).parents[3]


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("faust-streaming") == VERSION, "read faust/transport/consumer.py again before this is changed"


OVERRIDDEN = [
    (Consumer, ChunkConsumer, "_new_consumer_thread", "self"),
    (Consumer, ChunkConsumer, "getmany", "self timeout"),
    (Consumer, ChunkConsumer, "ack", "self message"),
    (Consumer, ChunkConsumer, "on_buffer_full", "self tp"),
    (Consumer, ChunkConsumer, "verify_event_path", "self now tp"),
    (Consumer, ChunkConsumer, "_add_gap", "self tp offset_from offset_to"),
    (Consumer, ChunkConsumer, "force_commit", "self topics start_new_transaction"),
    (Consumer, ChunkConsumer, "perform_seek", "self"),
    (Consumer, ChunkConsumer, "on_partitions_revoked", "self revoked"),
    (Consumer, ChunkConsumer, "on_partitions_assigned", "self assigned generation_id"),
    (Consumer, ChunkConsumer, "resume_flow", "self"),
    (AIOKafkaConsumerThread, ChunkConsumerThread, "_create_worker_consumer", "self transport"),
    (AIOKafkaConsumerThread, ChunkConsumerThread, "on_start", "self"),
    (AIOKafkaConsumerThread, ChunkConsumerThread, "_commit", "self offsets"),
    (
        AIOKafkaConsumerThread,
        ChunkConsumerThread,
        "_fetch_records",
        "self consumer active_partitions timeout max_records",
    ),
    (Schema, ChunkSchema, "loads_key", "self app message"),
    (Schema, ChunkSchema, "loads_value", "self app message"),
]


def parameters(function: Callable[..., Any]) -> list[str]:
    keywords = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [
        name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind not in keywords
    ]


@pytest.mark.parametrize(("stock", "ours", "name", "expected"), OVERRIDDEN)
def test_what_is_replaced_is_there_and_takes_the_same(stock: type, ours: type, name: str, expected: str) -> None:
    assert parameters(getattr(stock, name)) == parameters(vars(ours)[name]) == expected.split()
    assert inspect.iscoroutinefunction(getattr(stock, name)) == inspect.iscoroutinefunction(vars(ours)[name])


@pytest.mark.parametrize("ours", [ChunkConsumer, ChunkConsumerThread, ChunkSchema])
def test_nothing_is_replaced_that_is_not_pinned(ours: type) -> None:
    (stock,) = ours.__bases__
    replaced = {name for name, value in vars(ours).items() if inspect.isfunction(value) and hasattr(stock, name)}
    assert replaced - {"__init__"} == {name for _, owner, name, _ in OVERRIDDEN if owner is ours}


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        (Consumer, "_wait_next_records", "self timeout"),
        (Consumer, "_commit", "self offsets"),
        (Consumer, "seek_wait", "self partitions"),
        (Consumer, "stop_flow", "self"),
        (Consumer, "earliest_offsets", "self"),
        (Consumer, "seek_to_committed", "self"),
        (Consumer, "assignment", "self"),
        (Consumer, "highwater", "self tp"),
        (Consumer, "highwaters", "self"),
        (AIOKafkaConsumerThread, "_ensure_consumer", "self"),
        (AIOKafkaConsumerThread, "call_thread", "self fun"),
    ],
)
def test_what_is_leaned_on_is_there(owner: type, name: str, expected: str) -> None:
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = inspect.signature(getattr(owner, name)).parameters
    assert [word for word, parameter in found.items() if parameter.kind == positional] == expected.split()


@pytest.mark.parametrize(
    ("caller", "replaced"),
    [
        ("commit", "force_commit"),
        ("_drain_messages", "getmany"),
        ("_drain_messages", "_add_gap"),
        ("_drain_messages", "_read_offset"),
    ],
)
def test_stock_still_goes_through_what_is_replaced(caller: str, replaced: str) -> None:
    assert f"self.{replaced}" in inspect.getsource(getattr(AnyConsumer, caller))


def test_a_message_takes_what_a_chunk_gives_it() -> None:
    message = ConsumerMessage("t", 0, 9, 1.5, 0, [], None, ["record"], None, 0, 0, None, generation_id=3)
    assert (message.offset, message.value, message.generation_id) == (9, ["record"], 3)


def test_the_application_has_none_of_the_settings_that_lose_or_wait(tmp_path: Path) -> None:
    stock = App("pin", autodiscover=False).conf
    assert stock.broker_session_timeout == 60.0, "a worker that died is missed for a minute"
    app = _faust_app(WorkerConfig(kafka="127.0.0.1:1", policies=PolicyBook(), data_dir=tmp_path), now_ms=0)
    conf = app.conf
    assert conf.broker_session_timeout == 10.0
    assert conf.processing_guarantee == ProcessingGuarantee.AT_LEAST_ONCE
    assert not conf.producer_threaded
    assert conf.store.scheme == "memory", "a store on disk can be ahead of the changelog"
    assert dict(app.tables) == {}, "state is ours: no stock table, no standby"


#: Words of stock features that lose or double, and why they are not used.
AVOIDED = {
    r"stream\S*\.take\(|noack_take": "acks what an exception left undone",
    r"\.Table\(|SetTable|\.hopping\(|\.tumbling\(": "one changelog message a write, and a failed one is logged",
    r"\.(timer|crontab)\(": "runs on every worker",
    r"exactly_once": "ends in rebalances, or is switched off without a word",
    r"faust\.sensors": "milliseconds, and labels of all kinds",
}
SOURCES = [path for folder in ("streams", "supportpulse") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("word", AVOIDED)
def test_what_loses_or_doubles_is_not_used(word: str) -> None:
    assert [path.name for path in SOURCES if re.search(word, path.read_text(encoding="utf-8"))] == [], AVOIDED[word]


def test_no_test_takes_faust_s_test_context_for_a_broker() -> None:
    # Spelt in two, so that this test does not find itself.
    word = "test_" + "context("
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if word in path.read_text(encoding="utf-8")] == []


async def test_the_transport_makes_our_consumer() -> None:
    app = App("pin", broker="kafka://127.0.0.1:1", autodiscover=False, web_enabled=False)
    transport = ChunkTransport([], app, read_from={"again": None})
    assert issubclass(ChunkTransport, Transport)
    assert (transport.Consumer, transport.read_from) == (ChunkConsumer, {"again": None})
