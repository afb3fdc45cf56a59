"""Somebody who takes webhooks: an HTTP server on loopback that keeps what it was sent and answers as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from supportpulse.processes import LOOPBACK

#: Patience with everything that has to come sooner or later.
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. `answered` is the status that it got; 0 when the connection was cut instead."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    answered: int
    received_at: float

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class Receiver:
    """Listens from `start` to `stop`; after another `start` on the same port. `answer` decides the status; 0 cuts."""

    def __init__(self) -> None:
        #: Called in the server's thread before a delivery counts, so a test may do things at that very moment.
        self.answer: Callable[[Delivery], int] = lambda delivery: 200
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._arrived = threading.Condition()
        self._deliveries: list[Delivery] = []

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT"""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def deliveries(self) -> list[Delivery]:
        """What was sent so far, in order of arrival."""
        with self._arrived:
            return list(self._deliveries)

    def start(self) -> None:
        """Begin to listen."""
        self._server = ThreadingHTTPServer((LOOPBACK, self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening. May be called again."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait_for(self, wanted: Callable[[Delivery], bool], count: int = 1) -> list[Delivery]:
        """The deliveries that are `wanted`, as soon as there are `count` of them."""
        with self._arrived:
            found = self._arrived.wait_for(
                lambda: len(those := [one for one in self._deliveries if wanted(one)]) >= count and those,
                DEADLINE_SECONDS,
            )
        assert found, f"{count} wanted, and these came: {[(one.path, one.answered) for one in self.deliveries]}"
        return found

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Keep it, and say what to answer."""
        status = self.answer(Delivery(path, headers, body, 0, time.monotonic()))
        with self._arrived:
            self._deliveries.append(Delivery(path, headers, body, status, time.monotonic()))
            self._arrived.notify_all()
        return status


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = receiver.take(self.path, dict(self.headers), body)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
            """The test looks at what came."""

    return Handler
