"""Connections: who has begun to speak says what they want within a time, however slowly the bytes come.

aiohttp ends connections that wait for a next request, and bodies have a time of their own (`bodies`). In between is the
head of a request: its bytes could come one by one and hold a connection each for as long as a vendor may be silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.http import HttpVersion11, RawRequestMessage, StreamWriter
from aiohttp.web_protocol import _ErrInfo

from connectors.gateway.answers import Answer, problem
from connectors.gateway.problems import Problem

log = structlog.get_logger()

_CLOSE = {"Connection": "close"}

#: Takes a request that came whole, if it is one of its own, and calls `finish` with the answer, later.
Take: TypeAlias = "Callable[[RawRequestMessage, StreamReader, Callable[[Answer], None]], bool]"


class GuardedServer(web.Server):
    """aiohttp's low-level server. A connection without a whole head `head_seconds` after it came, or after the first
    byte of a later head, is closed.

    What came whole goes to `take`, without a task, a request object and a response object of aiohttp's; what `take`
    leaves, and everything that is not as usual, goes to `handler`.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        head_seconds: float,
        take: Take,
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self._head_seconds = head_seconds
        self._take = take

    def __call__(self) -> web.RequestHandler:
        """A connection's protocol."""
        return _Connection(self, self._head_seconds, self._take, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ("_head_seconds", "_head_timer", "_resting", "_server", "_take")

    def __init__(self, server: web.Server, head_seconds: float, take: Take, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._head_seconds = head_seconds
        self._take = take
        #: Set while a head is due.
        self._head_timer: asyncio.TimerHandle | None = None
        #: What the connection's task waits for, while a request is answered without it. To aiohttp it is busy then.
        self._resting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting()
        if self._resting is not None:
            self._wake_later(self._resting)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads = self._request_count
        waiter = self._waiter
        if waiter is None or waiter.done():
            # What comes while a request is answered is its body, or waits in turn.
            super().data_received(data)
            if self._request_count != heads and self._head_timer is not None:
                self._stop_waiting()
            return
        # Without a waiter aiohttp wakes nobody: whether the task is needed is seen when the request is there.
        self._waiter = None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if self._request_count != heads:
            if self._head_timer is not None:
                self._stop_waiting()
            self._begin(waiter)
        elif self._head_timer is None:
            # Bytes between two requests that are no head yet. Of what came while one was answered, the clock starts
            # with the first byte after the answer, or the idle connection ends.
            self._expect_head()

    def _begin(self, waiter: asyncio.Future[None]) -> None:
        """The first request that waits is taken, or the task is woken for it."""
        message, payload = self._messages[0]
        if (
            isinstance(message, _ErrInfo)
            or message.upgrade
            or message.should_close
            or message.version != HttpVersion11
            or self._paused
            or not payload.is_eof()
            or not self._take(message, payload, self._finish)
        ):
            waiter.set_result(None)
            return
        self._waiter, self._resting = None, waiter
        self._server.requests_count += 1
        self._messages.popleft()
        self._make_room()

    def _finish(self, answer: Answer) -> None:
        """What was taken has its answer."""
        waiter, transport = self._resting, self.transport
        if waiter is None or transport is None or transport.is_closing():
            # Nobody waits for it any more.
            return
        transport.write(answer.wire())
        self._wake_later(waiter)
        if answer.closes or self._close or self._force_close:
            self.force_close()
            return
        self._keep_alive_from_now()
        if self._messages:
            self._begin(waiter)

    def _wake_later(self, waiter: asyncio.Future[None]) -> None:
        """The connection is idle again."""
        self._waiter, self._resting = waiter, None

    def resume_reading(self, resume_parser: bool = True) -> None:
        # A body's reader says so after each piece, paused or not, and each time the parser would be asked for more.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def start(self) -> None:
        """Answer one request after the other, until the connection ends: those that were not taken on the way here.

        aiohttp makes a task for each, and looks after what is left of its body. What came whole needs none of that. The
        first request that did not, or that ends the connection, is for aiohttp, and so is what follows it.
        """
        server = self._server
        task = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            while not self._force_close:
                if not self._messages:
                    await self._next_message()
                message, payload = self._messages[0]
                if isinstance(message, _ErrInfo) or message.upgrade or message.should_close or not payload.is_eof():
                    await super().start()
                    return
                self._messages.popleft()
                self._make_room()
                server.requests_count += 1
                request = server.request_factory(message, payload, self, StreamWriter(self, self._loop), task)
                response, lost = await self._handle_request(request, None, server.request_handler)
                if lost or self._close or not response.keep_alive:
                    break
                self._keep_alive_from_now()
        except BaseException:
            self.force_close()
            raise
        if not self._force_close and self.transport is not None:
            self.transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  repeats what was sent
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or to a mistake of ours. aiohttp's own repeats what was sent, and logs it."""
        kind = type(exc).__name__
        (log.info if status == 400 else log.error)("not_answered", status=status, error=kind)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of an answer has been sent already")
        if status == 400:
            found = Problem(400, f"this is not HTTP as it should be ({kind}): correct the request", _CLOSE)
        else:
            found = Problem(500, "the gateway failed at it: send it again, and look into its log", _CLOSE)
        return problem(found).response()

    async def _next_message(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _make_room(self) -> None:
        """The parser stops at so many requests that wait in turn."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def _keep_alive_from_now(self) -> None:
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def _expect_head(self) -> None:
        self._head_timer = self._loop.call_later(self._head_seconds, self.force_close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
