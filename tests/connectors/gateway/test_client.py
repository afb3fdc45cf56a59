"""The Python client, against a real gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from connectors.gateway.sources import Limits
from schemas.documents import parse_event
from supportpulse.client import _RETRIED, Client, ClientError
from tests.cli.command import ROOT
from tests.connectors.gateway.harness import TOKEN, Door, Kept, book_of, event_body, event_document, running


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def door(kept: Kept) -> AsyncIterator[Door]:
    async with running(book_of([]), kept) as found:
        yield found


async def test_events_and_documents_go_in_batches(door: Door, kept: Kept) -> None:
    several = [event_document(event_id=f"d{n}") for n in range(7)] + [parse_event(event_body(event_id="e"))]

    def send() -> int:
        with Client(door.address, TOKEN, batch_events=3) as client:
            return client.send(several) + client.send([]) + client.send(iter(several[:1]))

    assert await asyncio.to_thread(send) == 9
    assert [event.event_id for event in kept.events] == [*(f"d{n}" for n in range(7)), "e", "d0"]


async def test_it_comes_again_when_kafka_is_back(door: Door, kept: Kept) -> None:
    kept.away = True
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        kept.away = len(waits) < 3

    client = Client(door.address, TOKEN, sleep=wait)
    assert await asyncio.to_thread(client.send, [event_document()]) == 1
    client.close()
    assert waits == [5.0, 5.0, 5.0]
    assert len(kept.events) == 1


async def test_it_gives_up_at_last_and_says_why(door: Door, kept: Kept) -> None:
    kept.away = True
    client = Client(door.address, TOKEN, attempts=2, sleep=lambda _: None)
    with pytest.raises(ClientError, match="503") as refused:
        await asyncio.to_thread(client.send, [event_document()])
    client.close()
    assert refused.value.status == 503


async def test_a_gateway_that_is_not_there(door: Door) -> None:
    waits: list[float] = []
    client = Client("http://127.0.0.1:9", TOKEN, attempts=3, sleep=waits.append)
    with pytest.raises(ClientError, match="does not answer"):
        await asyncio.to_thread(client.send, [event_document()])
    assert waits == [0.5, 1.0]


async def test_a_refused_event_is_named_by_its_place_among_all(door: Door, kept: Kept) -> None:
    several = [event_document(event_id=f"d{n}") for n in range(5)]
    several[4]["channel"] = "pigeon"
    client = Client(door.address, TOKEN, batch_events=3)
    with pytest.raises(ClientError, match=r"event 4: .*channel") as refused:
        await asyncio.to_thread(client.send, several)
    client.close()
    assert (refused.value.status, refused.value.first, [e["index"] for e in refused.value.errors]) == (422, 3, [1])
    assert len(kept.events) == 3


async def test_it_slows_down_when_it_is_asked_to(kept: Kept) -> None:
    waits: list[float] = []
    async with running(book_of([], Limits(requests_per_second=0.5)), kept) as door:
        client = Client(door.address, TOKEN, batch_events=1, attempts=2, sleep=waits.append)
        with pytest.raises(ClientError, match="429"):
            await asyncio.to_thread(client.send, [event_document(), event_document(event_id="e2")])
        client.close()
    assert waits in ([2.0], [1.0])


class Proxy(BaseHTTPRequestHandler):
    """Says no, and writes names of headers in lower case."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("retry-after", "7")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_what_a_proxy_asks_for_is_heard_in_lower_case() -> None:
    waits: list[float] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_address[1]}", TOKEN, attempts=2, sleep=waits.append)
        with pytest.raises(ClientError, match="503"):
            client.send([event_document()])
        client.close()
        server.shutdown()
    assert waits == [7.0]


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(ClientError, match="port"):
        Client("http://127.0.0.1:port", TOKEN)


@pytest.mark.parametrize("address", ["127.0.0.1:8420", "ftp://h", "http://"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(ClientError, match="no address"):
        Client(address, TOKEN)


def test_the_page_says_what_is_tried_again() -> None:
    (said,) = re.findall(r"tries again on ([\d, and]+),", (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8"))
    assert {int(status) for status in re.findall(r"\d+", said)} == _RETRIED
