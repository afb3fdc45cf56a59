"""A TCP proxy on loopback that can drop every connection in the middle of what it carries."""

from __future__ import annotations

import contextlib
import socket
import threading

from supportpulse.processes import LOOPBACK

_CHUNK_BYTES = 16_384


class Proxy:
    """Forwards to a port until told to cut; who connects again is forwarded again."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        #: Bytes that may still pass towards the target; None: any number.
        self._allowance: int | None = None
        self.cuts = 0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, after_bytes: int) -> None:
        """Drop all connections once so many bytes more have passed towards the target: with luck inside a statement."""
        with self._lock:
            self._allowance = after_bytes

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self._drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                target = socket.create_connection((LOOPBACK, self._target_port), timeout=5)
                target.settimeout(None)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.add((client, target))
            for source, sink, counted in ((client, target, True), (target, client, False)):
                threading.Thread(
                    target=self._carry, args=(source, sink, (client, target), counted), daemon=True
                ).start()

    def _carry(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket], counted: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                passing = self._passing(len(chunk)) if counted else len(chunk)
                sink.sendall(chunk[:passing])
                if passing < len(chunk):
                    self._drop()
                    break
        self._end(pair)

    def _passing(self, size: int) -> int:
        with self._lock:
            if self._allowance is None:
                return size
            if self._allowance >= size:
                self._allowance -= size
                return size
            passing, self._allowance = self._allowance, None
            self.cuts += 1
            return passing

    def _drop(self) -> None:
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair)

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for each in pair:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
