"""One POST after another, each until it is delivered or refused.

A receiver that is away or overloaded (no connection, no answer in time, 5xx, 408, 425, 429) is asked again for as long
as it takes. One that does not want a message (any other answer than 2xx) is not asked again for that message.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

import aiohttp
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from schemas.errors import SupportpulseError
from schemas.records import SlaAlert
from sinks.notifier import message
from sinks.notifier.config import NotifierConfig
from sinks.notifier.stats import NotifierStats

_log = structlog.get_logger(__name__)

_TRY_AGAIN = frozenset((408, 425, 429))


class MessageRefused(SupportpulseError):
    """The receiver does not want this message. Look at what it says about messages of this kind; others go on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the receiver answered {status}: check its address, the secret, and what it expects")
        self.status = status


class Interrupted(SupportpulseError):
    """Given up before the receiver had it: whoever reads the alert next sends it again."""


class _Again(Exception):
    def __init__(self, why: str, after_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.after_seconds = after_seconds


class Sender:
    """Posts to one address. `async with Sender(config, stats) as sender: await sender.send(alert, interrupt)`."""

    def __init__(
        self, config: NotifierConfig, stats: NotifierStats, clock_seconds: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        self._stats = stats
        self._clock_seconds = clock_seconds
        self._backoff = wait_random_exponential(multiplier=config.first_wait_seconds, max=config.longest_wait_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Sender:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._config.timeout_seconds), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, alert: SlaAlert, interrupt: asyncio.Event) -> None:
        """Returns when the receiver has it. Raises `MessageRefused`, or `Interrupted` once that is set; an attempt that
        has begun gets `finish_seconds` to end.
        """
        body = message.body_of(alert)

        async def wait(seconds: float) -> None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(interrupt.wait(), seconds)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            wait=self._wait_seconds,
            stop=lambda _state: interrupt.is_set(),
            before_sleep=self._tell,
            sleep=wait,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if interrupt.is_set():
                        raise Interrupted("not sent: this notifier ends, or another one has taken over")
                    await self._finish(self._post(alert, body), interrupt)
        except _Again as exc:
            raise Interrupted(f"not delivered yet: {exc}") from exc

    async def _finish(self, attempt: Coroutine[Any, Any, None], interrupt: asyncio.Event) -> None:
        """An attempt to its end, or cut short some time after the interruption: told again, it says the same."""
        posting = asyncio.ensure_future(attempt)
        interrupted = asyncio.ensure_future(interrupt.wait())
        try:
            await asyncio.wait({posting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({posting}, timeout=self._config.finish_seconds)
            if not posting.done():
                raise _Again("cut short")
            posting.result()
        finally:
            posting.cancel()
            interrupted.cancel()

    async def _post(self, alert: SlaAlert, body: bytes) -> None:
        if self._session is None:
            raise RuntimeError("send() needs `async with`")
        headers = message.headers_of(alert, body, self._config.secret, int(self._clock_seconds()))
        try:
            # Wherever a redirect leads, nobody has said that alerts may go there.
            async with self._session.post(
                self._config.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, after = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as exc:
            raise _Again(type(exc).__name__) from exc
        if status >= 500 or status in _TRY_AGAIN:
            raise _Again(f"HTTP {status}", float(after) if after.isdecimal() else 0.0)
        if not 200 <= status < 300:
            raise MessageRefused(status)

    def _wait_seconds(self, state: RetryCallState) -> float:
        exc = state.outcome.exception() if state.outcome is not None else None
        asked = exc.after_seconds if isinstance(exc, _Again) else 0.0
        return min(max(self._backoff(state), asked), self._config.longest_wait_seconds)

    def _tell(self, state: RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome is not None else None
        self._stats.retried()
        _log.warning("notifier.retry", why=str(exc), attempt=state.attempt_number)
