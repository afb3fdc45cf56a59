"""GET /metrics and GET /health on loopback, until stopped.

server = MetricsServer(registry, port=9465, health=lambda: (service.health.ok, service.health.detail))
server.start()       # server.port is the real one when port was 0
server.stop()
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

from prometheus_client import CollectorRegistry

from schemas.errors import SupportpulseError
from sinks.prometheus.exposition import exposition

#: Whether all is well, and in a sentence what is not.
HealthCheck: TypeAlias = Callable[[], tuple[bool, str]]


class PortTaken(SupportpulseError):
    """Something else listens there. Choose another port."""


class MetricsServer:
    """Serves one registry. Nothing listens before `start` and after `stop`."""

    def __init__(
        self,
        registry: CollectorRegistry,
        port: int = 0,
        host: str = "127.0.0.1",
        health: HealthCheck = lambda: (True, "ok"),
    ) -> None:
        self._registry = registry
        self._address = (host, port)
        self._health = health
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 when it does not."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen. Raises `PortTaken`."""
        try:
            self._server = ThreadingHTTPServer(self._address, _handler(self._registry, self._health))
        except OSError as exc:
            host, port = self._address
            raise PortTaken(f"cannot serve metrics on {host}:{port} ({exc.strerror}): choose another port") from exc
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening. May be called again, and before `start`."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None


def _handler(registry: CollectorRegistry, health: HealthCheck) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, *exposition(registry, self.headers.get("Accept", "")))
            elif path == "/health":
                well, detail = health()
                self._answer(200 if well else 503, "text/plain; charset=utf-8", f"{detail}\n".encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"GET /metrics or /health\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
            """A scrape every few seconds is nothing to log."""

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
