"""What a request is answered with, and how it goes over the wire.

Most go out as bytes made here: building one of aiohttp's responses costs as much as verifying a delivery.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web

from connectors.channels.base import Reply
from connectors.gateway.problems import CONTENT_TYPE, Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body. Names and values are ours, never a sender's: nothing in them needs to be quoted."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def closes(self) -> bool:
        """Whether nothing more is read from the connection."""
        return self.headers.get("Connection") == "close"

    def wire(self) -> bytes:
        """All of it, for a connection that speaks HTTP/1.1."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        length = len(self.body)
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n{lines}Content-Length: {length}\r\n"
        return f"{head}Date: {_date()}\r\n\r\n".encode() + self.body

    def response(self) -> web.Response:
        """The same for aiohttp to send."""
        response = web.Response(status=self.status, body=self.body, headers=self.headers)
        if self.closes:
            response.force_close()
        return response


class _Taken(Answer):
    """What nearly every delivery gets, made once a second."""

    __slots__ = ()
    _second = 0
    _bytes = b""

    def wire(self) -> bytes:
        second = int(time.time())
        if second != _Taken._second:
            _Taken._second = second
            _Taken._bytes = Answer.wire(self)
        return _Taken._bytes


#: 200, and nothing else: a delivery has been taken.
TAKEN: Answer = _Taken(200)


def reply(said: Reply) -> Answer:
    """What a vendor is told in words."""
    return Answer(said.status, {"Content-Type": said.content_type}, said.body)


def problem(found: Problem) -> Answer:
    """What is wrong."""
    return Answer(found.status, {"Content-Type": CONTENT_TYPE, **found.headers}, found.body())


def _date() -> str:
    return formatdate(int(time.time()), usegmt=True)
