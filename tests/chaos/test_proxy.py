"""The proxy carries both ways, cuts where it is told, and carries again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Whatever comes is sent back."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while chunk := connection.recv(65_536):
                connection.sendall(chunk)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def back(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (chunk := connection.recv(size - len(found))):
        found += chunk
    return found


def test_it_carries_and_cuts_in_the_middle_and_carries_again(echo: int) -> None:
    proxy = Proxy(echo)
    with connected(proxy) as first:
        first.sendall(b"a" * 100_000)
        assert back(first, 100_000) == b"a" * 100_000
        proxy.cut(after_bytes=10)
        first.sendall(b"b" * 100)
        assert len(back(first, 100)) < 100
    assert proxy.cuts == 1
    with connected(proxy) as second:
        second.sendall(b"c" * 50)
        assert back(second, 50) == b"c" * 50
    proxy.close()
