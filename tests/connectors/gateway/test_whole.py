"""Requests that came whole are taken without a task of aiohttp's; what they are answered is the same."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from connectors.channels.base import Delivery
from connectors.channels.github import GitHub
from connectors.gateway.publisher import NotPublished, Record, Told
from connectors.gateway.server import Gateway, GatewayConfig, listen, server_of
from connectors.gateway.sources import Limits
from connectors.gateway.stats import NoStats
from sinks.prometheus.gateway import GatewayMetrics
from tests.connectors.channels.case import RECEIVED_MS, SECRET, cases
from tests.connectors.gateway.harness import Door, Kept, address_of, book_of, running

[GITHUB] = [case for case in cases() if case.connector.vendor == "github"]
_PATIENCE_SECONDS = 15
_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


class Held(Kept):
    """A publisher that says when Kafka has it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []
        self._came = asyncio.Event()

    def hand_over(self, records: list[Record], told: Told) -> None:
        self.records += records
        self.told.append(told)
        self._came.set()

    async def came(self, requests: int) -> None:
        while len(self.told) < requests:
            self._came.clear()
            await asyncio.wait_for(self._came.wait(), _PATIENCE_SECONDS)


class Line:
    """A connection, and the answers on it: status, headers but the date, and body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *pieces: bytes) -> None:
        self.writer.writelines(pieces)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), _PATIENCE_SECONDS)
        status, *lines = head.decode().rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert headers.pop("Date")
        headers.pop("Server", None)
        return int(status.split()[1]), headers, await self.reader.readexactly(int(headers["Content-Length"]))

    async def closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), _PATIENCE_SECONDS) == b""


@asynccontextmanager
async def line_to(door: Door) -> AsyncIterator[Line]:
    opened = Line(*await asyncio.open_connection("127.0.0.1", door.port))
    try:
        yield opened
    finally:
        opened.writer.close()


@pytest.fixture
async def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request was taken on its way in."""
    found: list[bool] = []
    take = Gateway.take

    def seen(self: Gateway, *arguments: object) -> bool:
        found.append(take(self, *arguments))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(Gateway, "take", seen)
    return found


@asynccontextmanager
async def opened(kept: Kept, limits: Limits | None = None, **options: object) -> AsyncIterator[Door]:
    async with running(book_of([GITHUB], limits), kept, **options) as door:  # type: ignore[arg-type]
        door.clock.at_ms = RECEIVED_MS
        yield door


def signed() -> Delivery:
    return GITHUB.sign(GITHUB.samples[0], SECRET)


def request(delivery: Delivery, body: bytes | None = None, path: str = "", **headers: str) -> tuple[bytes, bytes]:
    """Head and body."""
    body = delivery.body if body is None else body
    named = {name.lower(): value for name, value in delivery.headers.items()}
    named |= {name.lower().replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    path = path or address_of(GITHUB)
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode(), body


def other(body: bytes) -> Delivery:
    return GITHUB.sign(dataclasses.replace(GITHUB.samples[0], body=body), SECRET)


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (200, request),
        (401, lambda signed: request(signed, signed.body + b" ")),
        (413, lambda signed: request(signed, b"x" * 100_001)),
        (415, lambda signed: request(signed, content_type="text/plain")),
        (415, lambda signed: request(signed, Content_Encoding="br")),
        (400, lambda signed: request(signed, Content_Encoding="gzip")),
        (422, lambda _: request(other(b"{"))),
    ],
)
async def test_whole_or_in_pieces_the_answer_is_the_same(
    taken: list[bool], status: int, asked: Callable[[Delivery], tuple[bytes, bytes]]
) -> None:
    head, body = asked(signed())
    kept = Kept()
    async with opened(kept, Limits(max_body_bytes=100_000)) as door:
        async with line_to(door) as line:
            line.send(head + body)
            whole = await line.answer()
        async with line_to(door) as line:
            line.send(head)
            await line.writer.drain()
            await asyncio.sleep(0.05)
            line.send(body)
            in_pieces = await line.answer()
    assert whole[0] == status
    assert {**in_pieces[1], "Content-Type": ""} == {**whole[1], "Content-Type": ""}
    assert (in_pieces[0], in_pieces[2]) == (whole[0], whole[2])
    assert len(kept.events) == (2 if status == 200 else 0)
    assert taken[:1] == [True] or status == 413


async def test_kafka_away_is_said_with_when_to_come_again(taken: list[bool]) -> None:
    kept = Kept()
    kept.away = True
    async with opened(kept) as door, line_to(door) as line:
        line.send(*request(signed()))
        status, headers, _ = await line.answer()
        assert (status, headers["Retry-After"]) == (503, "5")
        kept.away = False
        line.send(*request(signed()))
        assert (await line.answer())[0] == 200


async def test_requests_sent_at_once_are_answered_in_turn_whoever_answers_them() -> None:
    kept = Kept()
    wrong = b"".join(request(signed(), signed().body + b" "))
    right = b"".join(request(signed()))
    nobodys = b"".join(request(signed(), path="/v1/hooks/github/nobody"))
    async with opened(kept) as door, line_to(door) as line:
        line.send((right + _HEALTH + wrong + right + nobodys) * 20)
        answers = [(await line.answer())[0] for _ in range(100)]
    assert answers == [200, 200, 401, 200, 404] * 20
    assert len(kept.events) == 40


async def test_the_next_request_waits_for_the_answer_to_the_one_before(taken: list[bool]) -> None:
    held = Held()
    async with opened(held) as door, line_to(door) as line:
        line.send(b"".join(request(signed())) * 2)
        await held.came(1)
        await asyncio.sleep(0.05)
        assert len(held.told) == 1
        held.told[0](None)
        await held.came(2)
        held.told[1](NotPublished("away"))
        assert [(await line.answer())[0] for _ in range(2)] == [200, 503]


async def test_who_hangs_up_is_not_waited_for() -> None:
    held, stats = Held(), GatewayMetrics(CollectorRegistry())
    async with opened(held, stats=stats) as door:
        tasks = len(asyncio.all_tasks())
        async with line_to(door) as line:
            line.send(*request(signed()))
            await held.came(1)
            assert len(asyncio.all_tasks()) == tasks + 1
        # Its task ends with the connection, and not with the answer.
        await _until(lambda: len(asyncio.all_tasks()) == tasks)
        held.told[0](None)
        async with line_to(door) as line:
            line.send(_HEALTH)
            assert (await line.answer())[0] == 200
    counted = {sample.name: sample.value for family in stats.collect() for sample in family.samples}
    assert counted["supportpulse_gateway_in_flight_requests"] == 0


async def test_who_stops_finishes_what_was_taken() -> None:
    held = Held()
    gateway = Gateway(book_of([GITHUB]), held, GatewayConfig(now_ms=lambda: RECEIVED_MS))
    running_gateway = await listen(gateway, "127.0.0.1", 0)
    line = Line(*await asyncio.open_connection("127.0.0.1", running_gateway.port))
    line.send(*request(signed()))
    await held.came(1)
    stopping = asyncio.ensure_future(running_gateway.stop(20.0))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    held.told[0](None)
    assert (await line.answer())[0] == 200
    assert await line.closed()
    await asyncio.wait_for(stopping, 5)
    line.writer.close()


async def test_a_connection_in_use_is_kept_and_a_silent_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(book_of([GITHUB]), Kept(), GatewayConfig(now_ms=lambda: RECEIVED_MS))
    loop = asyncio.get_running_loop()
    real, ahead_seconds = loop.time, 0.0
    # The loop's clock is put forward, so that half a minute of waiting is none, and a stall of this machine no silence.
    monkeypatch.setattr(loop, "time", lambda: real() + ahead_seconds)
    server = await loop.create_server(server_of(gateway), "127.0.0.1", 0)
    async with server:
        line = Line(*await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1]))
        for _ in range(6):
            line.send(b"".join(request(signed())))
            assert (await line.answer())[0] == 200
            ahead_seconds += 40.0
            await asyncio.sleep(0.01)
        ahead_seconds += 40.0
        assert await line.closed()
        line.writer.close()


async def test_a_connector_that_breaks_in_verifying_is_the_end_of_its_request_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verify = GitHub.verify

    def broken(self: GitHub, delivery: Delivery, source: object) -> None:
        if delivery.headers.get("x-break"):
            raise ZeroDivisionError
        verify(self, delivery, source)  # type: ignore[arg-type]

    monkeypatch.setattr(GitHub, "verify", broken)
    kept = Kept()
    async with opened(kept) as door, line_to(door) as one, line_to(door) as other:
        one.send(b"".join(request(signed(), X_Break="1")))
        other.send(b"".join(request(signed())))
        assert (await one.answer())[0] == 500
        assert (await other.answer())[0] == 200
    assert len(kept.events) == 1


async def test_a_connector_that_breaks_in_its_receipt_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_self: GitHub, delivery: Delivery) -> None:
        raise ValueError(delivery.body)

    monkeypatch.setattr(GitHub, "receipt", broken)
    held = Held()
    with capture_logs() as logs:
        async with opened(held) as door, line_to(door) as line:
            line.send(b"".join(request(signed())))
            await held.came(1)
            # As the publisher does it, whose logs and others' answers have nothing to do with it.
            held.told[0](None)
            assert (await line.answer())[0] == 500
    assert [(each["event"], each["error"]) for each in logs] == [("request_failed", "ValueError")]


async def test_one_who_cannot_be_answered_is_not_the_end_of_the_others() -> None:
    class Broken(NoStats):
        def answered(self, vendor: str, source: str, status: int, seconds: float) -> None:
            if status == 401:
                raise ValueError("what was sent")

    with capture_logs() as logs:
        async with opened(Kept(), stats=Broken()) as door, line_to(door) as one, line_to(door) as other:
            one.send(b"".join(request(signed(), signed().body + b" ")))
            other.send(b"".join(request(signed())))
            assert (await other.answer())[0] == 200
    (said,) = logs
    assert (said["event"], said["error"], said.get("exc_info")) == ("not_answered", "ValueError", False)


async def test_who_reads_no_answers_is_not_answered_without_end(taken: list[bool]) -> None:
    kept = Kept()
    async with opened(kept) as door, line_to(door) as line:
        one = b"".join(request(signed(), signed().body + b" "))
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sending = asyncio.ensure_future(_send(line, one, 60_000))
        last = -1
        while last != len(taken):
            last = len(taken)
            await asyncio.sleep(0.5)
        # Far more was answered than fits on the way, and no more is until somebody reads.
        assert not sending.done()
        answered = len(taken)
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(answered + 100):
            assert (await line.answer())[0] == 401
        sending.cancel()


async def _until(there: Callable[[], bool]) -> None:
    until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while not there():
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.01)


async def _send(line: Line, one: bytes, times: int) -> None:
    for _ in range(times):
        line.send(one * 10)
        await line.writer.drain()
