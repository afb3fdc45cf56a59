"""Who begins to speak and does not come to the end is not waited for; who is merely slow elsewhere is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from connectors.gateway.sources import Limits
from tests.connectors.gateway.harness import TOKEN, Door, Kept, book_of, event_body, running

#: Far below the 75 s after which a connection without requests is closed anyway.
_PATIENCE_SECONDS = 30
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


class Line:
    """A connection to the gateway, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def answer(self) -> bytes:
        """The next answer's status line."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), _PATIENCE_SECONDS)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        await self._reader.readexactly(length)
        return head.partition(b"\r\n")[0]

    async def ask(self) -> bytes:
        self.writer.write(_HEAD)
        return await self.answer()

    async def closed(self) -> bool:
        """Returns once the gateway has closed it, without another word."""
        try:
            return await asyncio.wait_for(self._reader.read(), _PATIENCE_SECONDS) == b""
        except ConnectionResetError:
            # What was still on its way when it closed is answered so.
            return True


@asynccontextmanager
async def line_to(door: Door) -> AsyncIterator[Line]:
    opened = Line(*await asyncio.open_connection("127.0.0.1", door.port))
    try:
        yield opened
    finally:
        opened.writer.close()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with running(book_of([]), Kept(), head_timeout_seconds=1.0) as found:
        yield found


@pytest.mark.parametrize("sent", [b"", b"P", _HEAD[:-2]], ids=["nothing", "a letter", "all but the end"])
async def test_a_new_connection_without_a_whole_head_is_closed(door: Door, sent: bytes) -> None:
    async with line_to(door) as line:
        line.writer.write(sent)
        assert await line.closed()


async def test_letters_one_by_one_do_not_keep_a_connection(door: Door) -> None:
    async with line_to(door) as line:
        for _ in range(2):
            assert (await line.ask()).endswith(b"200 OK")
        closed = asyncio.ensure_future(line.closed())
        letters = iter(_HEAD[:-2] + b"X: " + b"x" * 8_000)
        while not closed.done():
            line.writer.write(bytes((next(letters),)))
            await asyncio.sleep(0.01)
        assert await closed


async def test_a_kept_connection_may_be_silent_and_a_body_slow(door: Door) -> None:
    body = event_body()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    ).encode()
    async with line_to(door) as silent:
        assert (await silent.ask()).endswith(b"200 OK")
        async with line_to(door) as slow:
            slow.writer.write(head + body[:5])
            async with line_to(door) as late:
                assert await late.closed()
            # The time of a head has passed for both of them.
            slow.writer.write(body[5:])
            assert (await slow.answer()).endswith(b"202 Accepted")
        assert (await silent.ask()).endswith(b"200 OK")


async def test_a_body_larger_than_what_is_read_ahead_comes_whole_and_so_does_the_next() -> None:
    kept, body = Kept(), b"\n".join([event_body()] * 8_000)
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    ).encode()
    assert len(body) > 1 << 20
    async with running(book_of([], Limits(max_body_bytes=4 << 20)), kept) as door, line_to(door) as line:
        for sent in (1, 2):
            line.writer.write(head + body)
            assert (await line.answer()).endswith(b"202 Accepted")
            assert len(kept.records) == sent * 8_000


async def test_requests_sent_at_once_are_answered_in_turn(door: Door) -> None:
    async with line_to(door) as line:
        line.writer.write(_HEAD * 100 + b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n")
        answers = [await line.answer() for _ in range(101)]
    assert [answer[9:12] for answer in answers] == [b"200"] * 100 + [b"404"]


async def test_a_head_in_two_pieces_is_answered_and_what_follows_it(door: Door) -> None:
    async with line_to(door) as line:
        assert (await line.ask()).endswith(b"200 OK")
        line.writer.write(_HEAD[:10])
        await line.writer.drain()
        await asyncio.sleep(0.02)
        line.writer.write(_HEAD[10:])
        assert (await line.answer()).endswith(b"200 OK")
        async with line_to(door) as late:
            assert await late.closed()
        assert (await line.ask()).endswith(b"200 OK")


@pytest.mark.parametrize(
    "sent",
    [
        b"correct-horse\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX-Secret: correct-horse\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer correct-horse\x01\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer correct-horse" + b"x" * 9_000 + b"\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\ncorrect-horse",
        b"POST /v1/events HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\ncorrect-horse\r\n",
    ],
    ids=["garbage", "no host", "a control character", "a long header", "two lengths", "a broken chunk"],
)
async def test_what_is_no_http_is_refused_in_our_words(
    door: Door, sent: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(sent)
    head, _, body = (await asyncio.wait_for(reader.read(), _PATIENCE_SECONDS)).partition(b"\r\n\r\n")
    writer.close()
    assert head.split(b"\r\n")[0].endswith(b"400 Bad Request")
    assert b"application/problem+json" in head
    assert msgspec.json.decode(body)["status"] == 400
    # Neither the answer nor the log repeats what was sent.
    shown = (head + body).decode() + caplog.text + "".join(capsys.readouterr())
    assert "horse" not in shown
