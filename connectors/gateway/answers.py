"""The answer that nearly every delivery gets, as it goes over the wire.

Building one of aiohttp's responses costs as much as verifying a delivery, and they all come out the same.
"""

from __future__ import annotations

import time
from email.utils import formatdate

from aiohttp import ClientConnectionResetError, HttpVersion11, web


def taken(request: web.BaseRequest) -> web.StreamResponse:
    """200, and nothing else: a delivery has been taken."""
    if request.version == HttpVersion11 and request.keep_alive:
        return _TAKEN
    return web.Response(status=200)


class _Taken(web.StreamResponse):
    """One for all requests: nothing of it belongs to one of them."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._bytes = b""

    @property
    def keep_alive(self) -> bool:
        """Only for connections that are kept."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send all of it. Raises aiohttp's error if nobody is there any more."""
        protocol = request.protocol
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("nobody waits for the answer any more")
        transport.write(self._now())
        if protocol.writing_paused:
            await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True)
            self._bytes = f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {date}\r\n\r\n".encode()
        return self._bytes


_TAKEN = _Taken()
