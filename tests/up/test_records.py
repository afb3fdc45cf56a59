"""Records of `interactions` that cannot be used are parked with reason, origin and bytes; everything else goes on."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
from kafka import KafkaProducer

from schemas import times, wire
from schemas.registry import MARKER
from schemas.topics import Topics
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.sla import policy_file
from supportpulse.up.live import simulator_policies
from tests.cli.command import ask
from tests.pipeline.harness import Pipeline, Unique, by_name, replay
from tests.servers.plugin import Broker
from tests.up.runs import traffic

_HOUR_MS = 3_600_000
_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_END_MS = _BEGIN_MS + 24 * _HOUR_MS


def _bad_records() -> dict[bytes, str]:
    """Bytes → the reason they are parked with."""
    good = next(traffic(_BEGIN_MS, _END_MS, per_day=100))
    payload = wire.encode_event(good)
    noise = random.Random(3).randbytes
    return {
        MARKER + b"\x07" * 8 + payload[10:]: "unknown_schema",
        noise(300): "malformed",
        b'{"event_id": "json"}': "malformed",
        payload[:-4]: "malformed",
        payload + b"\x00": "malformed",
        payload[:10] + noise(90): "malformed",
        b"\x00" * 900_000: "malformed",
        wire.encode_event(msgspec.structs.replace(good, tenant="", event_id="nobody's")): "invalid_event",
    }


def _send_raw(address: str, topic: str, payloads: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=False)
    try:
        sent = [producer.send(topic, payload, key=f"k{i}".encode()) for i, payload in enumerate(payloads)]
        for future in sent:
            future.get(timeout=20)
    finally:
        producer.close()


def test_records_from_the_future_and_garbage_are_parked_and_stop_nothing(
    tansu: Broker, tmp_path: Path, unique: Unique
) -> None:
    database = EmbeddedDatabase(tmp_path / "clickhouse")
    migrate(database, now_ms=0)
    book = policy_file.load(simulator_policies())
    pipeline = Pipeline(tansu, Topics(prefix=f"{unique('bad')}."), database, book, tmp_path)
    pipeline.make_topics()
    events = list(traffic(_BEGIN_MS, _END_MS, per_day=150))
    half, bad = len(events) // 2, _bad_records()
    pipeline.publish(events[:half])
    _send_raw(tansu.address, pipeline.topics.interactions, list(bad))
    until = pipeline.publish(events[half:])
    pipeline.work(until, _END_MS)
    pipeline.land()
    assert pipeline.landed_facts() == by_name(replay(events, book, _END_MS))
    database.close()
    letters = ask(tmp_path, "SELECT reason, detail, origin, key, hex(original) AS bytes FROM dead_letters", tmp_path)
    assert {bytes.fromhex(letter["bytes"]): letter["reason"] for letter in letters} == bad
    assert len({letter["origin"] for letter in letters}) == len(letters) == len(bad)
    assert all(letter["origin"].startswith(f"{pipeline.topics.interactions}/") for letter in letters)
    assert all(letter["key"].startswith("k") and letter["detail"] for letter in letters)
