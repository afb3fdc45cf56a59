"""The HTTP side: addresses, limits, answers. What a request says is for `intake`, where it goes for `publisher`.

    GET, HEAD, POST /v1/hooks/VENDOR/SOURCE     deliveries and handshakes of a channel
    POST      /v1/events                  our own events, with a token
    GET       /healthz /readyz /metrics /openapi.json

aiohttp's low-level server is used without its router: there are six addresses, and every answer is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeAlias

import structlog
from aiohttp import ClientPayloadError, StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy

from connectors.channels.base import Delivery
from connectors.channels.generic import JSON, NDJSON
from connectors.gateway import bodies
from connectors.gateway.answers import TAKEN, Answer, problem, reply
from connectors.gateway.connections import GuardedServer
from connectors.gateway.headers import SentHeaders
from connectors.gateway.intake import Intake, Taken
from connectors.gateway.limits import TokenBucket
from connectors.gateway.openapi import document
from connectors.gateway.problems import Problem, unauthorized, unavailable
from connectors.gateway.publisher import NotPublished, Record, Told
from connectors.gateway.rounds import RETRY_AFTER_SECONDS, Rounds, Visit, failed, refusal
from connectors.gateway.sources import Entry, SourceBook, Token
from connectors.gateway.stats import GatewayStats, NoStats
from schemas import times
from schemas.times import EpochMs
from schemas.topics import Topics

log = structlog.get_logger()

#: Accept header → content type and text of /metrics.
Exposition: TypeAlias = Callable[[str], tuple[str, bytes]]
_EVENTS_VENDOR = "events"
_NO_QUERY: Mapping[str, str] = MappingProxyType({})


class Publishing(Protocol):
    """What the server needs of a publisher."""

    async def publish(self, records: list[Record]) -> None:
        """Returns when Kafka has all of them. Raises `NotPublished`."""

    def hand_over(self, records: list[Record], told: Told) -> None:
        """Calls `told` when Kafka has all of them, or when it has not in time. Raises `NotPublished`."""

    async def ready(self) -> bool:
        """Whether Kafka answers now."""


def _no_metrics(_accept: str) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", b""


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """What does not change while it runs. `head_timeout_seconds` and `read_timeout_seconds`: for the head of a request,
    from its first byte, and for its body.
    """

    topics: Topics = field(default_factory=Topics)
    head_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 10.0
    now_ms: Callable[[], EpochMs] = times.now_ms


class Gateway:
    """Answers requests. `book` may be replaced at any time."""

    def __init__(
        self,
        book: SourceBook,
        publisher: Publishing,
        config: GatewayConfig | None = None,
        stats: GatewayStats | None = None,
        metrics: Exposition = _no_metrics,
    ) -> None:
        self.book = book
        #: Set when it is told to end: whoever asks is sent elsewhere.
        self.draining = False
        self._publisher = publisher
        self._config = config or GatewayConfig()
        self._intake = Intake(self._config.topics)
        self._stats = stats or NoStats()
        self._metrics = metrics
        self._in_flight = 0
        self._rounds = Rounds((self._open, self._verify, self._parse, self._take, self._publish))
        self._pages: Mapping[str, Callable[[web.BaseRequest], Awaitable[web.Response]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._show_metrics,
            "/openapi.json": self._openapi,
        }

    @property
    def head_timeout_seconds(self) -> float:
        """How long the head of a request may take."""
        return self._config.head_timeout_seconds

    def take(self, message: RawRequestMessage, content: StreamReader, finish: Callable[[Answer], None]) -> bool:
        """A request that came whole: True if it is a delivery, and then `finish` is called with the answer, later.

        False if it is for `answer`, which does with a delivery what is done here.
        """
        entry = self.book.at(message.path)
        if entry is None or message.method != "POST":
            return False
        self._entered()
        visit = Visit(entry, self._answered, time.perf_counter())
        visit.message, visit.content, visit.finish = message, content, finish
        self._rounds.enter(visit)
        return True

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every request that was not taken comes here. Raises nothing."""
        began = time.perf_counter()
        self._entered()
        labels = ("", "")
        response: web.Response
        try:
            entry = self._entry(request)
            if entry is not None:
                labels = (entry.vendor, entry.source.name)
                response = (await self._hook(request, entry)).response()
            elif request.path == "/v1/events":
                labels = (_EVENTS_VENDOR, "")
                token = self._token(request)
                labels = (_EVENTS_VENDOR, token.name)
                response = await self._events(request, token)
            else:
                response = await self._page(request, request.path)
        except (ClientPayloadError, HttpProcessingError, ConnectionError):
            response = problem(Problem(400, "the body is cut short, or broken in transfer: send it again")).response()
        except (Problem, NotPublished) as exc:
            response = refusal(exc, *labels).response()
        # The last resort of the process: one request that cannot be answered must not be the end of the others.
        except Exception as exc:  # noqa: BLE001 - it is logged
            response = failed(exc, *labels).response()
        finally:
            self._left()
        self._stats.answered(*labels, response.status, time.perf_counter() - began)
        return response

    def _entered(self) -> None:
        self._in_flight += 1
        self._stats.in_flight(self._in_flight)

    def _left(self) -> None:
        self._in_flight -= 1
        self._stats.in_flight(self._in_flight)

    def _answered(self, visit: Visit, answer: Answer) -> None:
        """The end of what was taken."""
        self._left()
        entry = visit.entry
        self._stats.answered(entry.vendor, entry.source.name, answer.status, time.perf_counter() - visit.began)
        visit.finish(answer)

    def _entry(self, request: web.BaseRequest) -> Entry | None:
        """Whose address it is; None if it is no hook's. Raises `Problem` 404 for a hook that nobody has."""
        # As nearly all write it, and then as it is meant: with letters that were quoted, and without a query.
        entry = self.book.at(request.raw_path) or self.book.at(request.path)
        if entry is None and request.path.startswith("/v1/hooks/"):
            raise Problem(404, "no source is configured at this address: it is /v1/hooks/VENDOR/SOURCE")
        return entry

    async def _hook(self, request: web.BaseRequest, entry: Entry) -> Answer:
        if request.method not in ("POST", "GET", "HEAD"):
            raise _method_not_allowed("GET, HEAD, POST")
        self._admit(entry.bucket)
        headers = request.headers
        if request.method == "POST":
            _require_type(entry, headers)
        body = b""
        if request.body_exists:
            body = await bodies.read(request, entry.limits.max_body_bytes, self._config.read_timeout_seconds)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        visit = Visit(entry, lambda _, answer: None if answered.done() else answered.set_result(answer))
        base = self.book.public_url or f"{request.scheme}://{request.host}"
        query = dict(request.query) if "?" in request.raw_path else {}
        visit.delivery = self._delivery(request.method, base + request.raw_path, headers, body, query)
        self._rounds.enter(visit)
        return await answered

    def _delivery(
        self, method: str, url: str, headers: CIMultiDictProxy[str], body: bytes, query: Mapping[str, str]
    ) -> Delivery:
        return Delivery(method, url, SentHeaders(headers), body, self._config.now_ms(), query)

    def _open(self, visit: Visit) -> None:
        """A request that was taken → a delivery, if it may be one."""
        message = visit.message
        if message is None:
            return
        entry, headers = visit.entry, message.headers
        self._admit(entry.bucket)
        _require_type(entry, headers)
        body = bodies.whole(visit.content, headers, entry.limits.max_body_bytes)
        # The address is a hook's, letter by letter: it has neither a host nor a query.
        base = self.book.public_url or f"http://{headers.get('Host', '')}"
        visit.delivery = self._delivery(message.method, base + message.path, headers, body, _NO_QUERY)

    def _verify(self, visit: Visit) -> Answer | None:
        said = self._intake.admit(visit.entry, visit.delivery)
        return None if said is None else reply(said)

    def _parse(self, visit: Visit) -> None:
        visit.parsed = self._intake.parse(visit.entry, visit.delivery)

    def _take(self, visit: Visit) -> None:
        visit.taken = self._intake.take(visit.entry, visit.delivery, visit.parsed)

    def _publish(self, visit: Visit) -> None:
        """The answer comes when Kafka has it all."""
        self._publisher.hand_over(visit.taken.records, partial(self._published, visit))

    def _published(self, visit: Visit, why: NotPublished | None) -> None:
        entry = visit.entry
        if why is not None:
            visit.end(refusal(why, entry.vendor, entry.source.name))
            return
        try:
            self._count(entry.vendor, entry.source.name, visit.taken)
            receipt = entry.connector.receipt(visit.delivery)
            answer = TAKEN if receipt is None else reply(receipt)
        # Whoever waits is answered: no step comes behind this one that would do it.
        except Exception as exc:  # noqa: BLE001 - it is logged
            answer = failed(exc, entry.vendor, entry.source.name)
        visit.end(answer)

    def _token(self, request: web.BaseRequest) -> Token:
        if request.method != "POST":
            raise _method_not_allowed("POST")
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret:
            raise unauthorized("a token is missing: send Authorization: Bearer TOKEN", "Bearer")
        token = self.book.token(secret.strip().encode("utf-8", "surrogateescape"))
        if token is None:
            raise unauthorized("the token is none of those in force", 'Bearer error="invalid_token"')
        return token

    async def _events(self, request: web.BaseRequest, token: Token) -> web.Response:
        self._admit(token.bucket)
        content_type = _content_type(request.headers)
        if content_type != JSON and content_type not in NDJSON:
            raise _unsupported("this address", {JSON, *NDJSON})
        body = await bodies.read(request, token.limits.max_body_bytes, self._config.read_timeout_seconds)
        taken = self._intake.batch(token, body, content_type, self._config.now_ms())
        await self._publisher.publish(taken.records)
        self._count(_EVENTS_VENDOR, token.name, taken)
        return web.Response(status=202, body=b'{"accepted":%d}' % len(taken.types), content_type=JSON)

    def _admit(self, bucket: TokenBucket | None) -> None:
        if self.draining:
            raise unavailable("this gateway is ending: send it again", 1)
        wait_seconds = 0.0 if bucket is None else bucket.wait_seconds(time.monotonic())
        if wait_seconds:
            # Whole seconds, and never none.
            raise Problem(
                429, "too many requests for this source: slow down", {"Retry-After": str(int(wait_seconds) + 1)}
            )

    def _count(self, vendor: str, source: str, taken: Taken) -> None:
        if taken.types:
            self._stats.published(vendor, source, taken.types)
        if taken.ignored:
            self._stats.ignored(vendor, taken.ignored)
        for reason in taken.parked:
            self._stats.parked(vendor, source, reason)

    async def _page(self, request: web.BaseRequest, path: str) -> web.Response:
        page = self._pages.get(path)
        if page is None:
            raise Problem(404, "nothing is here; /openapi.json says what there is")
        if request.method != "GET":
            raise _method_not_allowed("GET")
        return await page(request)

    async def _healthz(self, _request: web.BaseRequest) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.BaseRequest) -> web.Response:
        if self.draining:
            raise unavailable("this gateway is ending", 1)
        if not await self._publisher.ready():
            raise unavailable("Kafka does not answer", RETRY_AFTER_SECONDS)
        return web.Response(text="ready\n")

    async def _show_metrics(self, request: web.BaseRequest) -> web.Response:
        content_type, text = self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _openapi(self, _request: web.BaseRequest) -> web.Response:
        return web.Response(body=document(), content_type=JSON)


@dataclass(slots=True)
class RunningGateway:
    """A gateway that listens at `host:port`."""

    gateway: Gateway
    host: str
    port: int
    _runner: web.ServerRunner

    async def stop(self, within_seconds: float = 10.0) -> None:
        """Stop to accept, finish what is in flight as far as `within_seconds` allow, and close."""
        self.gateway.draining = True
        for site in list(self._runner.sites):
            await site.stop()
        # Those in flight end by themselves; connections that only wait for a next request are closed at once.
        self._runner._shutdown_timeout = within_seconds
        await self._runner.cleanup()


def server_of(gateway: Gateway) -> GuardedServer:
    """What makes the connections."""
    return GuardedServer(
        gateway.answer,
        gateway.head_timeout_seconds,
        gateway.take,
        access_log=None,
        # Signatures and limits are about what was sent.
        auto_decompress=False,
        keepalive_timeout=75.0,
    )


async def listen(gateway: Gateway, host: str, port: int) -> RunningGateway:
    """Begin to listen; port 0 takes a free one. Raises `OSError` if the port is taken."""
    runner = web.ServerRunner(server_of(gateway), shutdown_timeout=10.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return RunningGateway(gateway, host, int(runner.addresses[0][1]), runner)


def _content_type(headers: Mapping[str, str]) -> str:
    sent = headers.get("Content-Type", "")
    return sent if sent == JSON else sent.partition(";")[0].strip().lower()


def _require_type(entry: Entry, headers: Mapping[str, str]) -> None:
    types = entry.connector.content_types
    if types and _content_type(headers) not in types:
        raise _unsupported(entry.vendor, types)


def _unsupported(who: str, types: set[str] | frozenset[str]) -> Problem:
    return Problem(415, f"the Content-Type is none that {who} takes: send {', '.join(sorted(types))}")


def _method_not_allowed(allowed: str) -> Problem:
    return Problem(405, f"this address takes {allowed}", {"Allow": allowed})
