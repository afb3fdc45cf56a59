"""The ready-made answer says what aiohttp's own would say, to every kind of connection."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime

import pytest

from tests.connectors.channels.case import cases
from tests.connectors.gateway.harness import Kept, address_of, book_of, running

[GITHUB] = [case for case in cases() if case.connector.vendor == "github"]


@pytest.mark.parametrize(
    ("version", "connection", "kept_open"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
async def test_a_delivery_is_answered_in_its_own_version(version: str, connection: str, kept_open: bool) -> None:
    kept, signed = Kept(), GITHUB.sign(GITHUB.samples[0], b"correct-horse")
    named = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    head = f"POST {address_of(GITHUB)} HTTP/{version}\r\nHost: h\r\n{connection}Content-Length: {len(signed.body)}\r\n"
    request = f"{head}{named}\r\n".encode() + signed.body
    async with running(book_of([GITHUB]), kept) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        for asked in (1, 2) if kept_open else (1,):
            writer.write(request)
            status, *lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines if line)
            assert status == f"HTTP/{version} 200 OK"
            assert headers["Content-Length"] == "0"
            assert parsedate_to_datetime(headers["Date"]).tzinfo is not None
            assert len(kept.events) == asked
        if not kept_open:
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
